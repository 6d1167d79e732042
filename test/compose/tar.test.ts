import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { silentContext, textOf } from '../../src/base/index.ts';
import { tarSource } from '../../src/compose/tar-source.ts';
import { member, smallRoot } from './support.ts';
import { buildTar, extension, header, padded, paxRecord, seal, tarEnd, tarMember } from './tar-builder.ts';

const dir = mkdtempSync(join(tmpdir(), 'compose-tar-'));
afterAll(() => rmSync(dir, { recursive: true }));

function archive(bytes: Uint8Array): string {
  const path = join(dir, `${Math.random()}.tar`);
  writeFileSync(path, bytes);
  return path;
}

const scan = (bytes: Uint8Array) => tarSource(archive(bytes)).scan(silentContext);
const file = (name: string) =>
  Buffer.concat([header({ name, flag: '0', size: 1 }), padded(Buffer.from('x'))]);
const whole = (...parts: Buffer[]) => Buffer.concat([...parts, tarEnd]);

describe('a tar archive', () => {
  it.each([
    ['plain', (bytes: Buffer) => bytes],
    ['compressed', (bytes: Buffer) => gzipSync(bytes)],
    [
      'in two gzip members',
      (b: Buffer) => Buffer.concat([gzipSync(b.subarray(0, 700)), gzipSync(b.subarray(700))]),
    ],
    ['with a tail of zeros', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(9000)])],
  ])('is read %s', async (_, pack) => {
    const root = await scan(pack(buildTar(smallRoot)));
    expect([...root.entries.keys()]).toEqual(expect.arrayContaining(['bin/busybox', 'lib/preinit', 'var']));
    expect(
      textOf(root.captured.get([...root.captured.keys()].find((path) => path.endsWith('list'))!)!),
    ).toContain('/etc/passwd');
  });

  it('hands out the wanted bytes', async () => {
    const source = tarSource(
      archive(buildTar([{ path: 'a', content: 'x'.repeat(700_000) }, member('b'), member('c = see')])),
    );
    const root = await source.scan(silentContext);
    const wanted = new Map(
      [...root.entries].flatMap(([path, e]) =>
        e.type === 'file' && path !== 'b' ? [[path, e.size] as const] : [],
      ),
    );
    const got: Record<string, number> = {};
    await source.readFiles(
      wanted,
      async (path, bytes) => {
        got[path] = 0;
        if (bytes.kind === 'stream') for await (const chunk of bytes.chunks) got[path] += chunk.byteLength;
      },
      silentContext,
    );
    expect(got).toEqual({ a: 700_000, c: 3 });
  });

  it('takes long names, pax records, prefixes and big numbers', async () => {
    const long = `d/${'n'.repeat(150)}`;
    const pax = Buffer.from(
      paxRecord('path', `p/${'ü'.repeat(60)}`) + paxRecord('uid', '70000') + paxRecord('mtime', '12.9'),
    );
    const big = header({ name: 'big', flag: '0' });
    big.set([0x80, 0, 0, 0, 0, 1, 0, 0], 108);
    const root = await scan(
      whole(
        tarMember(member(long)),
        extension('g', Buffer.from(paxRecord('comment', 'x'))),
        extension('x', pax),
        file('short'),
        header({ name: 'tail', prefix: 'head', flag: '0' }),
        seal(big),
        header({ name: 'olddir/', flag: '\0' }),
      ),
    );
    expect([...root.entries.keys()]).toEqual(
      expect.arrayContaining([long, `p/${'ü'.repeat(60)}`, 'head/tail']),
    );
    expect([...root.entries.values()].find((e) => e.path.startsWith('p/'))).toMatchObject({
      uid: 70_000,
      mtime: 12,
    });
    expect([...root.entries.values()].find((e) => e.path === 'big')).toMatchObject({ uid: 65_536 });
    expect([...root.entries.values()].find((e) => e.path === 'olddir')).toMatchObject({ type: 'directory' });
  });

  it('resolves hard links in any order', async () => {
    const link = header({ name: 'b', flag: '1', link: './a' });
    const chain = header({ name: 'c', flag: '1', link: 'b' });
    for (const parts of [
      [file('a'), link, chain],
      [chain, link, file('a')],
    ]) {
      const root = await scan(whole(...parts));
      expect([...root.entries.values()].filter((e) => e.type === 'file' && e.content === 'a')).toHaveLength(
        3,
      );
    }
  });
});

describe('a hostile archive', () => {
  const device = header({ name: 'etc/null', flag: '3' });
  const badSum = file('a');
  badSum[0] = 0x62;
  const negative = header({ name: 'a', flag: '0' });
  negative.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124);
  const huge = header({ name: 'a', flag: '0' });
  huge.set([0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0], 124);
  const junk = header({ name: 'a', flag: '0' });
  junk.write('zz', 100);

  it.each<[string, Buffer, RegExp]>([
    ['an absolute name', whole(file('/etc/passwd')), /absolute/u],
    ['a name that climbs out', whole(file('a/../../x')), /stay inside/u],
    [
      'a climbing name in a pax header',
      whole(extension('x', Buffer.from(paxRecord('path', '../x'))), file('x')),
      /stay inside/u,
    ],
    ['an absolute long name', whole(extension('L', Buffer.from('/x\0')), file('x')), /absolute/u],
    ['a NUL in a pax name', whole(extension('x', Buffer.from(paxRecord('path', 'a\0b'))), file('x')), /PAX/u],
    ['a name twice', whole(file('a'), file('./a')), /twice/u],
    ['a name twice under /tmp', whole(file('tmp/a'), file('tmp/a')), /twice/u],
    ['a file below a file', whole(file('a'), file('a/b')), /no directory/u],
    [
      'a file below a symlink',
      whole(header({ name: 'a', flag: '2', link: '/etc' }), file('a/b')),
      /no directory/u,
    ],
    ['a device node', whole(device), /device node/u],
    ['a block device', whole(header({ name: 'x/sda', flag: '4' })), /device node/u],
    ['a fifo', whole(header({ name: 'x/fifo', flag: '6' })), /x\/fifo.*fifo/u],
    ['an unknown type', whole(header({ name: 'a', flag: 'Z' })), /unknown type/u],
    ['a GNU sparse file', whole(header({ name: 'a', flag: 'S' })), /unknown type/u],
    [
      'a pax sparse file',
      whole(extension('x', Buffer.from(paxRecord('GNU.sparse.major', '1'))), file('a')),
      /sparse/u,
    ],
    ['a hard link out of the root', whole(header({ name: 'a', flag: '1', link: '../x' })), /stay inside/u],
    ['an absolute hard link', whole(header({ name: 'a', flag: '1', link: '/etc/shadow' })), /absolute/u],
    ['a hard link to nothing', whole(header({ name: 'a', flag: '1', link: 'b' })), /no file/u],
    ['a hard link to itself', whole(header({ name: 'a', flag: '1', link: 'a' })), /no file/u],
    [
      'a hard link to a folder',
      whole(header({ name: 'd', flag: '5' }), header({ name: 'a', flag: '1', link: 'd' })),
      /no file/u,
    ],
    ['a symlink to nowhere', whole(header({ name: 'a', flag: '2' })), /target/u],
    ['a damaged header', whole(badSum), /checksum/u],
    ['a negative size', whole(seal(negative)), /out of range/u],
    ['a size beyond all bounds', whole(file('x'), seal(huge)), /out of range/u],
    ['a field that is no number', whole(file('x'), seal(junk)), /out of range/u],
    ['a name that is not UTF-8', whole(header({ name: Buffer.from([0x61, 0xff]), flag: '0' })), /not UTF-8/u],
    ['a huge long name', whole(header({ name: 'x', flag: 'L', size: 2 ** 30 })), /too long/u],
    ['a damaged pax record', whole(extension('x', Buffer.from('99 path=x\n')), file('x')), /PAX/u],
    ['a pax record of length 0', whole(extension('x', Buffer.from('0 path=x\n')), file('x')), /PAX/u],
    [
      'a pax number that is none',
      whole(extension('x', Buffer.from(paxRecord('uid', 'x'))), file('x')),
      /PAX/u,
    ],
    [
      'global extensions',
      whole(...Array.from({ length: 20 }, () => extension('g', Buffer.from(paxRecord('a', 'b'))))),
      /global PAX/u,
    ],
    ['an extension at the end', whole(extension('L', Buffer.from('x\0'))), /after an extension/u],
    [
      'a truncated body',
      Buffer.concat([header({ name: 'a', flag: '0', size: 600 }), Buffer.alloc(100)]),
      /cut short/u,
    ],
    ['a truncated header', Buffer.concat([file('a'), Buffer.alloc(100, 1)]), /cut short/u],
    ['a truncated gzip', gzipSync(buildTar(smallRoot)).subarray(0, -200), /compressed data/u],
    ['a gzip with a wrong checksum', flipCrc(gzipSync(buildTar(smallRoot))), /compressed data/u],
    ['something else in a gzip', gzipSync(Buffer.from('hello'.repeat(300))), /checksum/u],
    ['nothing in a gzip', gzipSync(Buffer.alloc(0)), /cut short/u],
    ['an empty file', Buffer.alloc(0), /neither/u],
    ['an image', Buffer.alloc(5000, 7), /neither/u],
  ])('with %s is refused', async (_, bytes, message) => {
    const attempt = scan(bytes);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: 'ROOTFS_INVALID' });
  });

  it('may hold device nodes below /dev, which are left out', async () => {
    const root = await scan(whole(header({ name: 'dev/console', flag: '3' }), file('a')));
    expect([...root.entries.keys()]).not.toContain('dev/console');
  });

  it('never causes anything but a typed error, whatever byte is changed', async () => {
    const good = buildTar(smallRoot.slice(0, 6));
    for (let at = 0; at < 1024; at += 7) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      await scan(bytes).catch((error) => expect(error).toMatchObject({ code: 'ROOTFS_INVALID' }));
    }
  });

  it('that does not exist is refused', async () => {
    await expect(tarSource(join(dir, 'none')).scan(silentContext)).rejects.toMatchObject({
      code: 'ROOTFS_INVALID',
    });
  });
});

function flipCrc(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.byteLength - 8] = (copy.at(-8) ?? 0) ^ 0xff;
  return copy;
}
