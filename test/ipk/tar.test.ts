import fc from 'fast-check';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { textOf } from '../../src/base/index.ts';
import { readTar, type TarEntry } from '../../src/ipk/index.ts';
import { inChunks } from '../support/ipk.ts';
import { codeOfAsync } from '../support/outcomes.ts';
import { buildTar, bytesOf, paxRecord, type TarEntry as TarInput } from '../support/tar.ts';

const limits = { maxEntries: 1000, maxTotal: 1 << 24 };

interface Read extends Omit<TarEntry, 'content'> {
  readonly text: string;
}

async function read(bytes: Uint8Array, chunk = 65_536, options = limits): Promise<Read[]> {
  const entries: Read[] = [];
  for await (const { content, ...entry } of readTar(inChunks(bytes, chunk), options)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece.slice());
    entries.push({ ...entry, text: textOf(Buffer.concat(pieces)) });
  }
  return entries;
}

const plain: TarInput[] = [
  { name: './', type: 'directory' },
  { name: './a', content: 'x'.repeat(700), mode: 0o4755, uid: 3_000_000, gid: 7, mtime: 1 },
  { name: './l', type: 'symlink', link: '/etc/passwd' },
  { name: './h', type: 'hardlink', link: './a' },
  { name: './dev/null', type: 'character-device', major: 1, minor: 3 },
  { name: './pipe', type: 'fifo' },
  { name: `./${'d/'.repeat(80)}f`, content: 'deep' },
  { name: './long', type: 'symlink', link: 't'.repeat(300) },
  { name: './é', content: '' },
];

describe('the tar reader', () => {
  it.each([1, 7, 511, 512, 513, 65_536])(
    'tells the same however the stream is cut (%i bytes)',
    async (chunk) => {
      const entries = await read(buildTar(plain), chunk);
      expect(entries.map((e) => [e.type, e.name, e.link])).toEqual(
        plain.map((e) => [e.type ?? 'file', e.name, e.link ?? '']),
      );
      expect(entries[1]).toMatchObject({ mode: 0o4755, uid: 3_000_000, gid: 7, mtime: 1, size: 700 });
      expect(entries[4]).toMatchObject({ deviceMajor: 1, deviceMinor: 3 });
      expect(entries[6]?.text).toBe('deep');
    },
  );

  it('agrees with tar-stream on what it reads', async () => {
    const bytes = buildTar(plain);
    const oracle = extract();
    oracle.end(Buffer.from(bytes));
    const expected: unknown[] = [];
    for await (const entry of oracle) {
      const { name, size, mode, uid, linkname } = entry.header;
      expected.push([name.replace(/\/$/u, ''), size, mode, uid, linkname ?? '']);
      entry.resume();
    }
    const got = await read(bytes);
    expect(got.map((e) => [e.name.replace(/\/$/u, ''), e.size, e.mode, e.uid, e.link])).toEqual(expected);
  });

  it('reads ustar prefixes and the form before POSIX', async () => {
    const ustar = buildTar([{ name: 'f', magic: 'ustar' }]);
    ustar.set(bytesOf('some/dir'), 345);
    const fixed = withChecksum(ustar);
    expect((await read(fixed)).map((e) => e.name)).toEqual(['some/dir/f']);
    const old = buildTar([
      { name: 'd/', typeflag: '0', magic: 'v7' },
      { name: 'f', typeflag: '\0', magic: 'v7' },
    ]);
    expect((await read(old)).map((e) => e.type)).toEqual(['directory', 'file']);
  });

  it('applies PAX records to the next entry only, and keeps binary attributes whole', async () => {
    const value = Uint8Array.of(1, 0, 0xff, 0x0a, 0x3d);
    const bytes = buildTar([
      {
        name: 'short',
        content: 'abc',
        pax: { path: 'a/long/name', uid: '123456789', mtime: '1.5', 'SCHILY.xattr.x': value },
      },
      { name: 'next' },
    ]);
    const [first, second] = await read(bytes);
    expect(first).toMatchObject({ name: 'a/long/name', uid: 123456789, mtime: 1, text: 'abc' });
    expect(first?.pax.get('SCHILY.xattr.x')).toEqual(Buffer.from(value));
    expect(second).toMatchObject({ name: 'next', uid: 0 });
  });

  it('skips content that nobody reads, and what a reader leaves', async () => {
    const names: string[] = [];
    const bytes = buildTar([
      { name: 'a', content: 'x'.repeat(5000) },
      { name: 'b', content: 'y'.repeat(5000) },
      { name: 'c' },
    ]);
    for await (const entry of readTar(inChunks(bytes, 600), limits)) {
      names.push(entry.name);
      if (entry.name === 'b') for await (const _ of entry.content) break;
    }
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it('takes one zero block as the end, and zeros of any length after it', async () => {
    expect(await read(buildTar([{ name: 'a' }], { end: 'one-block' }))).toHaveLength(1);
    expect(await read(buildTar([{ name: 'a' }], { end: new Uint8Array(10_240) }))).toHaveLength(1);
  });

  const record = (text: string) => buildTar([{ name: 'x', typeflag: 'x', content: text }, { name: 'f' }]);
  it.each<[string, Uint8Array, string]>([
    ['an empty stream', new Uint8Array(0), 'IPK_TRUNCATED'],
    ['no end mark', buildTar([{ name: 'a' }], { end: 'none' }), 'IPK_TRUNCATED'],
    ['an end inside a header', buildTar([{ name: 'a' }]).subarray(0, 300), 'IPK_TRUNCATED'],
    [
      'an end inside content',
      buildTar([{ name: 'a', content: 'x'.repeat(900) }]).subarray(0, 1000),
      'IPK_TRUNCATED',
    ],
    ['an end inside padding', buildTar([{ name: 'a', content: 'x' }]).subarray(0, 600), 'IPK_TRUNCATED'],
    [
      'more after the end mark',
      Buffer.concat([buildTar([{ name: 'a' }]), buildTar([{ name: 'b' }])]),
      'IPK_MALFORMED',
    ],
    ['a wrong checksum', buildTar([{ name: 'a', checksum: 1 }]), 'IPK_MALFORMED'],
    ['an unknown format', buildTar([{ name: 'a', magic: 'bad' }]), 'IPK_MALFORMED'],
    ['a negative size', buildTar([{ name: 'a', claimedSize: -1 }]), 'IPK_MALFORMED'],
    ['a size beyond all numbers', buildTar([{ name: 'a', claimedSize: 2 ** 60 }]), 'IPK_MALFORMED'],
    ['a user id that Linux has not', buildTar([{ name: 'a', uid: 2 ** 32 }]), 'IPK_MALFORMED'],
    ['a size beyond the limit', buildTar([{ name: 'a', claimedSize: 2 ** 30 }]), 'IPK_TOO_LARGE'],
    ['a directory with content', buildTar([{ name: 'a', type: 'directory', content: 'x' }]), 'IPK_MALFORMED'],
    [
      'a hard link with content',
      buildTar([{ name: 'a', type: 'hardlink', link: 'b', content: 'x' }]),
      'IPK_MALFORMED',
    ],
    ['an unknown type', buildTar([{ name: 'a', typeflag: 'Z' }]), 'IPK_UNSAFE_ENTRY'],
    ['a sparse file', buildTar([{ name: 'a', typeflag: 'S' }]), 'IPK_UNSAFE_ENTRY'],
    [
      'a name that is not UTF-8',
      buildTar([{ name: '', nameBytes: Uint8Array.of(0x61, 0xff) }]),
      'IPK_UNSAFE_PATH',
    ],
    [
      'a long name that is not UTF-8',
      buildTar([{ name: '', typeflag: 'L', content: Uint8Array.of(0xff, 0) }, { name: 'a' }]),
      'IPK_UNSAFE_PATH',
    ],
    [
      'a long name that is too long',
      buildTar([{ name: '', typeflag: 'L', content: 'x'.repeat(9000) }, { name: 'a' }]),
      'IPK_UNSAFE_PATH',
    ],
    [
      'a long name that hides a second',
      buildTar([{ name: '', typeflag: 'L', content: 'a\0b' }, { name: 'a' }]),
      'IPK_MALFORMED',
    ],
    [
      'two long names',
      buildTar([
        { name: '', typeflag: 'L', content: 'a\0' },
        { name: '', typeflag: 'L', content: 'b\0' },
        { name: 'a' },
      ]),
      'IPK_MALFORMED',
    ],
    ['a long name for nothing', buildTar([{ name: '', typeflag: 'L', content: 'a\0' }]), 'IPK_MALFORMED'],
    ['a PAX header without length', record('path=a\n'), 'IPK_MALFORMED'],
    ['a PAX header longer than it is', record('99 path=a\n'), 'IPK_MALFORMED'],
    [
      'a repeated PAX key',
      record(`${paxRecord('path', bytesOf('a'))}${paxRecord('path', bytesOf('b'))}`),
      'IPK_MALFORMED',
    ],
    ['a PAX size that is none', record(`${paxRecord('size', bytesOf('1e3'))}`), 'IPK_MALFORMED'],
    ['a PAX time that is none', record(`${paxRecord('mtime', bytesOf('now'))}`), 'IPK_MALFORMED'],
    [
      'two PAX headers',
      buildTar([
        { name: 'x', typeflag: 'x', content: '' },
        { name: 'x', typeflag: 'x', content: '' },
        { name: 'f' },
      ]),
      'IPK_MALFORMED',
    ],
    [
      'a PAX header that is too large',
      buildTar([{ name: 'x', typeflag: 'x', content: 'x'.repeat(300_000) }, { name: 'f' }]),
      'IPK_TOO_LARGE',
    ],
    [
      'a global PAX header',
      buildTar([{ name: 'g', typeflag: 'g', content: paxRecord('uid', bytesOf('0')) }, { name: 'f' }]),
      'IPK_UNSAFE_ENTRY',
    ],
    [
      'too many entries',
      buildTar(Array.from({ length: 1001 }, (_, i) => ({ name: `${i}` }))),
      'IPK_TOO_LARGE',
    ],
  ])('refuses %s', async (_, bytes, code) => {
    expect(await codeOfAsync(() => read(bytes))).toBe(code);
  });

  it('takes codes and a name of the caller for its errors', async () => {
    const options = { ...limits, what: 'the root', codes: { truncated: 'ROOTFS_INVALID' as const } };
    const failing = read(new Uint8Array(3), 1, options);
    await expect(failing).rejects.toMatchObject({
      code: 'ROOTFS_INVALID',
      message: expect.stringContaining('the root'),
    });
  });

  it('ends the stream that it reads when its own reader stops', async () => {
    let closed = false;
    async function* source() {
      try {
        yield* inChunks(buildTar(plain));
      } finally {
        closed = true;
      }
    }
    for await (const _ of readTar(source(), limits)) break;
    expect(closed).toBe(true);
  });

  it('reads or refuses with a typed error, whatever is changed in an archive', async () => {
    const bytes = buildTar(plain);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.byteLength - 1), fc.nat(255), fc.boolean(), async (at, value, fix) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        await codeOfAsync(() => read(fix ? withChecksum(changed, at) : changed));
      }),
      { numRuns: 500 },
    );
  });
});

/** The archive with the checksum of the header at (or before) an offset made right again, so that a change is really read. */
function withChecksum(bytes: Uint8Array, at = 0): Uint8Array {
  const fixed = Buffer.from(bytes);
  const block = fixed.subarray(at - (at % 512), at - (at % 512) + 512);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return fixed;
}
