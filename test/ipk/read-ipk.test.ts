import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { textOf } from '../../src/base/index.ts';
import { type IpkEntry, type IpkLimits, inspectIpk, readIpk } from '../../src/ipk/index.ts';
import { buildIpk, gzip, type IpkInput, inChunks, zstdStored } from '../support/ipk.ts';
import { codeOfAsync } from '../support/outcomes.ts';
import { buildAr, buildTar, type TarEntry } from '../support/tar.ts';

interface Listed {
  readonly entries: IpkEntry[];
  readonly content: ReadonlyMap<string, string>;
}

async function read(bytes: Uint8Array, chunk = 65_536, limits?: Partial<IpkLimits>) {
  const entries: IpkEntry[] = [];
  const content = new Map<string, string>();
  const handler = {
    async entry(entry: IpkEntry) {
      entries.push(entry);
      if (entry.type !== 'file') return;
      const pieces: Uint8Array[] = [];
      for await (const piece of entry.content) pieces.push(piece.slice());
      content.set(entry.path, textOf(Buffer.concat(pieces)));
    },
  };
  const meta = await readIpk(inChunks(bytes, chunk), handler, limits);
  const listed: Listed = { entries, content };
  return { meta, ...listed };
}

const sample: IpkInput = {
  control: { Package: 'dnsmasq', Version: '2.90-r3', Architecture: 'x86_64', Depends: 'libc, libubus' },
  files: {
    'etc/config/dhcp': 'config dnsmasq\n',
    'usr/sbin/dnsmasq': { content: 'ELF'.repeat(100_000), mode: 0o4755, uid: 453, gid: 453 },
    'usr/sbin/dns': { type: 'symlink', link: '/usr/sbin/dnsmasq' },
    'usr/sbin/twin': { type: 'hardlink', link: './usr/sbin/dnsmasq' },
  },
  scripts: { postinst: '#!/bin/sh\n', 'postinst-pkg': 'exit 0\n' },
  conffiles: ['/etc/config/dhcp'],
};

describe('a package', () => {
  const containers = ['gzip', 'ar'] as const;
  const compressions = ['gzip', 'none', 'zstd'] as const;
  const orders = [
    ['debian-binary', 'data', 'control'],
    ['control', 'data', 'debian-binary'],
    ['data', 'debian-binary', 'control'],
  ] as const;
  const variants = containers.flatMap((container) =>
    compressions.flatMap((compression) =>
      orders.flatMap((order) =>
        [true, false].map((dotSlash) => ({ container, compression, order, dotSlash })),
      ),
    ),
  );

  it.each(variants)('is read from $container of $compression, $order, ./ $dotSlash', async (variant) => {
    const bytes = buildIpk({ ...sample, ...variant });
    const { meta, entries, content } = await read(bytes, 1000);
    expect(meta.record).toMatchObject({ name: 'dnsmasq', version: '2.90-r3', architecture: 'x86_64' });
    expect([...meta.members.keys()].sort()).toEqual(['conffiles', 'postinst', 'postinst-pkg']);
    expect(meta.conffiles).toEqual(['/etc/config/dhcp']);
    expect(meta.size).toBe(bytes.byteLength);
    expect(meta.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(entries.map((e) => `${e.type} ${e.path}`)).toEqual(
      [
        'directory etc',
        'directory etc/config',
        'file etc/config/dhcp',
        'directory usr',
        'directory usr/sbin',
        'symlink usr/sbin/dns',
        'file usr/sbin/dnsmasq',
        'hardlink usr/sbin/twin',
      ].sort(byGivenOrder(entries)),
    );
    expect(content.get('usr/sbin/dnsmasq')).toHaveLength(300_000);
    expect(entries.find((e) => e.path === 'usr/sbin/dnsmasq')).toMatchObject({
      mode: 0o4755,
      uid: 453,
      gid: 453,
    });
  });

  it('is inspected without unpacking its data', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ipk-'));
    afterAll(() => rmSync(folder, { recursive: true }));
    const bytes = buildIpk({ ...sample, raw: { data: Buffer.from('no archive at all') } });
    writeFileSync(join(folder, 'a.ipk'), bytes);
    const meta = await inspectIpk(join(folder, 'a.ipk'));
    expect(meta.record.name).toBe('dnsmasq');
    expect(meta.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(await codeOfAsync(() => inspectIpk(join(folder, 'missing.ipk')))).toBe('SYSTEM');
    expect(await codeOfAsync(() => inspectIpk(folder))).toBe('IPK_MALFORMED');
  });

  it('hands out the root never, and devices below dev neither', async () => {
    const files: TarEntry[] = [
      { name: './', type: 'directory' },
      { name: './dev/', type: 'directory' },
      { name: './dev/console', type: 'character-device' },
      { name: './dev/fifo', type: 'fifo' },
    ];
    expect((await read(buildIpk({ files }))).entries.map((e) => e.path)).toEqual(['dev']);
  });

  it('keeps any text of a symlink, which is only data', async () => {
    const files = { a: { type: 'symlink', link: '../../../etc/shadow' } } as const;
    expect((await read(buildIpk({ files }))).entries).toMatchObject([
      { type: 'symlink', target: '../../../etc/shadow' },
    ]);
  });

  it('closes what it reads when its handler gives up', async () => {
    let closed = false;
    async function* source() {
      try {
        for await (const piece of inChunks(buildIpk(sample), 100)) yield piece;
      } finally {
        closed = true;
      }
    }
    const failing = readIpk(source(), {
      entry: () => {
        throw new Error('enough');
      },
    });
    await expect(failing).rejects.toThrow('enough');
    expect(closed).toBe(true);
  });

  it('is read while its bytes come, so a large one needs no memory of its size', async () => {
    const size = 8 << 20;
    let mostWaiting = 0;
    let given = 0;
    let taken = 0;
    const bytes = buildIpk({
      files: { big: { content: randomBytes(size) } },
      container: 'ar',
      compression: 'none',
    });
    async function* source() {
      for await (const piece of inChunks(bytes, 4096)) {
        given += piece.byteLength;
        yield piece;
      }
    }
    await readIpk(source(), {
      async entry(entry) {
        if (entry.type !== 'file') return;
        for await (const piece of entry.content) {
          taken += piece.byteLength;
          mostWaiting = Math.max(mostWaiting, (given / bytes.byteLength) * size - taken);
        }
      },
    });
    expect(taken).toBe(size);
    expect(mostWaiting).toBeLessThan(size / 2);
  });
});

/** The entries' own order: buildIpk sorts paths, and a directory comes before what lies in it. */
function byGivenOrder(entries: readonly IpkEntry[]) {
  const order = entries.map((e) => `${e.type} ${e.path}`);
  return (a: string, b: string) => order.indexOf(a) - order.indexOf(b);
}

const data = (...entries: TarEntry[]): IpkInput => ({ files: entries });
const control = (...entries: TarEntry[]): IpkInput => ({ controlEntries: entries });
const controlFile: TarEntry = { name: './control', content: 'Package: a\nVersion: 1\nArchitecture: all\n' };
const good = buildIpk(sample);

describe('a hostile package is refused:', () => {
  it.each<[string, Uint8Array | IpkInput, string]>([
    ['an absolute name', data({ name: '/etc/passwd', content: 'x' }), 'IPK_UNSAFE_PATH'],
    ['a name that climbs out', data({ name: './../etc/passwd', content: 'x' }), 'IPK_UNSAFE_PATH'],
    ['a name that climbs out and in', data({ name: 'a/../b', content: 'x' }), 'IPK_UNSAFE_PATH'],
    ['an absolute long name', data({ name: `/${'x/'.repeat(80)}y` }), 'IPK_UNSAFE_PATH'],
    ['a PAX name that climbs out', data({ name: 'ok', pax: { path: '../x' } }), 'IPK_UNSAFE_PATH'],
    ['a name with a line break', data({ name: 'a\nb' }), 'IPK_UNSAFE_PATH'],
    ['a name that is too deep', data({ name: 'd/'.repeat(300), type: 'directory' }), 'IPK_UNSAFE_PATH'],
    [
      'a hard link out of the tree',
      data({ name: 'a', type: 'hardlink', link: '../../etc/shadow' }),
      'IPK_UNSAFE_PATH',
    ],
    [
      'a hard link to an absolute name',
      data({ name: 'a', type: 'hardlink', link: '/etc/shadow' }),
      'IPK_UNSAFE_PATH',
    ],
    [
      'a hard link to what the package has not',
      data({ name: 'a', type: 'hardlink', link: 'etc/shadow' }),
      'IPK_UNSAFE_ENTRY',
    ],
    ['a hard link to itself', data({ name: 'a', type: 'hardlink', link: './a' }), 'IPK_UNSAFE_ENTRY'],
    [
      'a hard link to a symlink',
      data({ name: 's', type: 'symlink', link: '/x' }, { name: 'a', type: 'hardlink', link: 's' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'a write through its own symlink',
      data({ name: 'a', type: 'symlink', link: '/etc' }, { name: 'a/passwd', content: 'x' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'a write through a symlink further up',
      data({ name: 'a', type: 'symlink', link: '/' }, { name: 'a/etc/x/y', content: 'x' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'an entry below a file',
      data({ name: 'a', content: 'x' }, { name: 'a/b', content: 'x' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'a symlink in place of a directory in use',
      data({ name: 'a/b', content: 'x' }, { name: 'a', type: 'symlink', link: '/' }),
      'IPK_UNSAFE_ENTRY',
    ],
    ['a file for the root', data({ name: './', typeflag: '2', link: '/etc' }), 'IPK_UNSAFE_ENTRY'],
    ['a symlink without target', data({ name: 'a', type: 'symlink', link: '' }), 'IPK_UNSAFE_ENTRY'],
    ['a block device', data({ name: 'a', type: 'block-device' }), 'IPK_UNSAFE_ENTRY'],
    ['a character device', data({ name: 'lib/null', type: 'character-device' }), 'IPK_UNSAFE_ENTRY'],
    ['a fifo', data({ name: 'a', type: 'fifo' }), 'IPK_UNSAFE_ENTRY'],
    [
      'a device below a symlink named dev',
      data({ name: 'dev', type: 'symlink', link: '/' }, { name: 'dev/a', type: 'fifo' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'extended attributes',
      data({ name: 'a', pax: { 'SCHILY.xattr.security.capability': 'x' } }),
      'IPK_UNSAFE_ENTRY',
    ],
    ['a sparse file', data({ name: 'a', pax: { 'GNU.sparse.realsize': '99999999' } }), 'IPK_UNSAFE_ENTRY'],
    [
      'a path twice',
      data({ name: 'a', content: '1' }, { name: './a', content: '2' }),
      'IPK_DUPLICATE_MEMBER',
    ],
    [
      'a directory twice',
      data({ name: 'a/', type: 'directory' }, { name: 'a', type: 'directory' }),
      'IPK_DUPLICATE_MEMBER',
    ],
    [
      'a path twice, once as a directory',
      data({ name: 'a/b' }, { name: 'a', type: 'directory' }, { name: 'a/b/' }),
      'IPK_DUPLICATE_MEMBER',
    ],

    [
      'debian-binary twice',
      outer('debian-binary', 'debian-binary', 'control.tar.gz', 'data.tar.gz'),
      'IPK_DUPLICATE_MEMBER',
    ],
    ['control twice', outer('control.tar.gz', 'control.tar.gz', 'data.tar.gz'), 'IPK_DUPLICATE_MEMBER'],
    [
      'control twice under two names',
      outer('control.tar.gz', 'control.tar', 'data.tar.gz'),
      'IPK_DUPLICATE_MEMBER',
    ],
    ['data twice', outer('data.tar.gz', 'control.tar.gz', 'data.tar.gz'), 'IPK_DUPLICATE_MEMBER'],
    [
      'data twice in an ar archive',
      outerAr('control.tar.gz', 'data.tar.gz', 'data.tar.gz'),
      'IPK_DUPLICATE_MEMBER',
    ],
    ['no control archive', outer('debian-binary', 'data.tar.gz'), 'IPK_MALFORMED'],
    ['no data archive', outer('debian-binary', 'control.tar.gz'), 'IPK_MALFORMED'],
    ['an unknown member', outer('control.tar.gz', 'data.tar.gz', 'extra'), 'IPK_MALFORMED'],
    ['a member in a folder', outer('x/control.tar.gz', 'data.tar.gz'), 'IPK_MALFORMED'],
    [
      'a symlink as member',
      gzip(buildTar([{ name: 'control.tar.gz', type: 'symlink', link: '/x' }])),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'another format version',
      { ...sample, raw: { 'debian-binary': Buffer.from('3.0\n') } },
      'IPK_MALFORMED',
    ],

    ['no member control', control({ name: './postinst', content: 'x' }), 'IPK_MALFORMED'],
    ['the member control twice', control(controlFile, controlFile), 'IPK_DUPLICATE_MEMBER'],
    ['a control member in a folder', control(controlFile, { name: './a/b' }), 'IPK_UNSAFE_ENTRY'],
    ['a control member that climbs out', control(controlFile, { name: '../postinst' }), 'IPK_UNSAFE_ENTRY'],
    [
      'a control member that is a symlink',
      control(controlFile, { name: 'postinst', type: 'symlink', link: '/bin/sh' }),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      "opkg's own file list as a control member",
      control(controlFile, { name: 'list', content: '/etc/passwd\n' }),
      'IPK_UNSAFE_ENTRY',
    ],
    ['control text that is none', { control: 'nonsense' }, 'CONTROL_INVALID'],
    ['a version that is none', { control: { Version: 'a b' } }, 'VERSION_INVALID'],
    ['a conffile that climbs out', { ...sample, conffiles: ['/../etc/x'] }, 'CONTROL_INVALID'],
    ['a conffile that is relative', { ...sample, conffiles: ['etc/x'] }, 'CONTROL_INVALID'],
    [
      'a control archive that is too large',
      control(controlFile, { name: 'postinst', content: 'x'.repeat(5 << 20) }),
      'IPK_TOO_LARGE',
    ],
    [
      'too many control members',
      control(controlFile, ...Array.from({ length: 70 }, (_, i) => ({ name: `m${i}` }))),
      'IPK_TOO_LARGE',
    ],

    ['nothing', new Uint8Array(0), 'IPK_TRUNCATED'],
    ['a web page', Buffer.from('<!doctype html><title>Sign in</title>'), 'IPK_MALFORMED'],
    ['a cut ar archive', buildIpk({ ...sample, container: 'ar' }).subarray(0, 1000), 'IPK_TRUNCATED'],
    [
      'an ar archive cut in a header',
      buildIpk({ ...sample, container: 'ar' }).subarray(0, 40),
      'IPK_TRUNCATED',
    ],
    [
      'an ar member longer than the file',
      buildAr([{ name: 'control.tar.gz', content: 'x', claimedSize: 99 }]),
      'IPK_TRUNCATED',
    ],
    [
      'an ar header without its end mark',
      buildAr([{ name: 'data.tar', content: '', header: 'x'.repeat(60) }]),
      'IPK_MALFORMED',
    ],
    ['an ar member with a path', buildAr([{ name: '../data.tar', content: '' }]), 'IPK_MALFORMED'],
    ['gzip with something after it', Buffer.concat([good, Buffer.from('tail')]), 'IPK_MALFORMED'],
    ['xz', { ...sample, compression: 'xz' }, 'IPK_UNSUPPORTED_COMPRESSION'],
    ['bzip2', { ...sample, compression: 'bzip2' }, 'IPK_UNSUPPORTED_COMPRESSION'],
    ['lz4', { ...sample, compression: 'lz4' }, 'IPK_UNSUPPORTED_COMPRESSION'],
    ['data that is no archive', { ...sample, raw: { data: gzip(Buffer.alloc(600, 'x')) } }, 'IPK_MALFORMED'],
  ])('%s', async (_, input, code) => {
    const bytes = input instanceof Uint8Array ? input : buildIpk(input);
    expect(await codeOfAsync(() => read(bytes))).toBe(code);
  });

  it('cut anywhere', async () => {
    for (let end = 1; end < good.byteLength; end += Math.ceil(good.byteLength / 60)) {
      expect(['IPK_TRUNCATED', 'IPK_MALFORMED']).toContain(
        await codeOfAsync(() => read(good.subarray(0, end))),
      );
    }
  });
});

function outerMembers(names: readonly string[]) {
  const contents: Record<string, Uint8Array> = {
    'debian-binary': Buffer.from('2.0\n'),
    'control.tar.gz': gzip(buildTar([controlFile])),
    'control.tar': buildTar([controlFile]),
    'data.tar.gz': gzip(buildTar([])),
  };
  return names.map((name) => ({ name, content: contents[name] ?? '' }));
}

function outer(...names: string[]): Uint8Array {
  return gzip(buildTar(outerMembers(names)));
}

function outerAr(...names: string[]): Uint8Array {
  return buildAr(outerMembers(names));
}

describe('a bomb is refused:', () => {
  const small: Partial<IpkLimits> = { unpacked: 1 << 20, entries: 100, ratioFloor: 1 << 16, ratio: 50 };
  const zeros = new Uint8Array(1 << 19);

  it.each<[string, IpkInput, Partial<IpkLimits>]>([
    ['content beyond the limit', { files: { a: zeros, b: zeros, c: zeros } }, { ...small, ratio: 1e9 }],
    ['a file that claims more than the limit', data({ name: 'a', claimedSize: 2 ** 40 }), small],
    ['a ratio beyond the limit', { files: { a: zeros } }, small],
    ['a ratio beyond the limit in the outer archive', { files: { a: zeros }, compression: 'none' }, small],
    [
      'too many entries',
      { files: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, ''])) },
      small,
    ],
    ['a file larger than a package may be', { files: { a: 'x' } }, { packed: 100 }],
    ['padding without end', { raw: { data: gzip(new Uint8Array(4 << 20)) } }, { ...small, ratio: 1e9 }],
  ])('%s', async (_, input, limits) => {
    expect(await codeOfAsync(() => read(buildIpk(input), 65_536, limits))).toBe('IPK_TOO_LARGE');
  });
});

describe('zstd', () => {
  const zstd = (bytes: Uint8Array): IpkInput => ({ ...sample, raw: { data: bytes } });
  const frame = zstdStored(buildTar([{ name: 'a', content: 'x'.repeat(200_000) }]));
  const withWindow = (descriptor: number) => {
    const changed = Buffer.from(frame);
    changed[5] = descriptor;
    return changed;
  };

  it('is read over several frames and a skippable one', async () => {
    const archive = buildTar([{ name: 'a', content: 'x'.repeat(200_000) }]);
    const half = 100_000;
    const skippable = Buffer.from('502a4d1803000000616263', 'hex');
    const frames = [zstdStored(archive.subarray(0, half)), skippable, zstdStored(archive.subarray(half))];
    const { content } = await read(buildIpk(zstd(Buffer.concat(frames))), 700);
    expect(content.get('a')).toHaveLength(200_000);
  });

  it.each<[string, Uint8Array, string]>([
    ['cut inside a block', frame.subarray(0, 150_000), 'IPK_TRUNCATED'],
    ['cut between two blocks', frame.subarray(0, 6 + 3 + (1 << 17)), 'IPK_TRUNCATED'],
    ['a window of 2 GiB', withWindow(0xa8), 'IPK_TOO_LARGE'],
    [
      'a dictionary',
      Buffer.concat([Buffer.from('28b52ffd0138ff', 'hex'), frame.subarray(6)]),
      'IPK_MALFORMED',
    ],
    [
      'a reserved bit',
      Buffer.concat([Buffer.from('28b52ffd0838', 'hex'), frame.subarray(6)]),
      'IPK_MALFORMED',
    ],
    ['a reserved block type', Buffer.from('28b52ffd0038070000', 'hex'), 'IPK_MALFORMED'],
    ['something after the last frame', Buffer.concat([frame, Buffer.from('tail')]), 'IPK_MALFORMED'],
    ['frames without end', Buffer.concat(Array(1100).fill(zstdStored(new Uint8Array(0)))), 'IPK_TOO_LARGE'],
    ['a block that is no compressed one', Buffer.from('28b52ffd00380d0000ff', 'hex'), 'IPK_MALFORMED'],
  ])('with %s is refused', async (_, bytes, code) => {
    expect(await codeOfAsync(() => read(buildIpk(zstd(bytes))))).toBe(code);
  });
});

describe('damage', () => {
  it('anywhere in a package gives a typed error or a package', async () => {
    const samples = [
      buildIpk({ ...sample, files: { a: 'b' } }),
      buildIpk({ ...sample, files: { a: 'b' }, container: 'ar', compression: 'none' }),
      buildIpk({ ...sample, files: { a: 'b' }, container: 'ar', compression: 'zstd' }),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...samples), fc.nat(), fc.nat(255), async (bytes, at, value) => {
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.byteLength] = value;
        await codeOfAsync(() => read(changed, 512));
      }),
      { numRuns: 600 },
    );
  });

  it('random bytes give a typed error', async () => {
    const start = fc.constantFrom('', '1f8b08', '213c617263683e0a');
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 400 }), async (magic, noise) => {
        expect(await codeOfAsync(() => read(Buffer.concat([Buffer.from(magic, 'hex'), noise])))).not.toBe(
          'nothing',
        );
      }),
      { numRuns: 300 },
    );
  });
});
