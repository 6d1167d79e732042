import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checksum, isOpkgOstreeError, sha256Hex } from '../../src/base/index.ts';
import {
  type Attributes,
  decodeArchiveHeader,
  decodeBareUserMeta,
  decodeCommit,
  decodeDirmeta,
  decodeDirtree,
  encodeArchiveHeader,
  encodeBareUserMeta,
  encodeCommit,
  encodeDict,
  encodeDirmeta,
  encodeDirtree,
  encodeFileHeader,
  fileChecksum,
  v,
} from '../../src/ostree/index.ts';
import { dirAttributes, fileAttributes, linkAttributes } from './support.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => Buffer.from(text.replace(/\s/gu, ''), 'hex');
const c = (text: string) => text as Checksum;

// Made with ostree 2022.7: umask 022, a tree of a.txt 0644 "hello\n", sub/run 0755 "#!/bin/sh\n", sub/zero 0600 "",
// sub/link -> ../a.txt and an empty directory, all directories 0755;
//   ostree commit -b test/main -s first --tree=dir=tree --owner-uid=0 --owner-gid=0 --no-xattrs
//     --timestamp=2024-01-02T03:04:05Z --add-metadata-string=version=1.0
const golden = {
  commit: '1405b30a5ff98724230c06c43f90302ebaf127a4003324d8e5ab1a3f2125e40c',
  root: '9d686f68fd92ed5e646f1494055554e0c1a015365163d7baa2c23be72eb322ba',
  sub: 'cac6010bd623d20f657f4588bd68ef4849f61988835fb84a53500577523592a7',
  empty: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  dirmeta: '446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c5488',
  aTxt: '44f778e59f0a4748d6b0c90a47347212a231c4ad1e8f7ea5c5dffc7749153a6b',
  run: '60599fdf7cf9cb8925354cd74476b5ded7850eca9b6a120998125a578b6a4d4c',
  zero: 'd3fa9214de0816a2cf5475da17be2036ae0eda3df526eff7c1ddee082c6e5b58',
  link: '9c82f69c8e4d418d86e433de636321d6309e8cd2738d7351d0459ae936fdfd37',
};
const commitBytes = `
  76657273696f6e00312e3000007308006f73747265652e7265662d62696e64696e67000000000000746573742f6d6169
  6e000a006173130f37666972737400000000000065937d259d686f68fd92ed5e646f1494055554e0c1a015365163d7ba
  a2c23be72eb322ba446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c548868403f393939`;
const subBytes = `
  6c696e6b009c82f69c8e4d418d86e433de636321d6309e8cd2738d7351d0459ae936fdfd370572756e0060599fdf7cf9
  cb8925354cd74476b5ded7850eca9b6a120998125a578b6a4d4c047a65726f00d3fa9214de0816a2cf5475da17be2036
  ae0eda3df526eff7c1ddee082c6e5b5805264b7174`;
const rootBytes = `
  612e7478740044f778e59f0a4748d6b0c90a47347212a231c4ad1e8f7ea5c5dffc7749153a6b0627656d707479006e34
  0b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d446a0ef11b7cc167f3b603e585c7eeeeb675
  faa412d5ec73f62988eb0b6c5488260673756200cac6010bd623d20f657f4588bd68ef4849f61988835fb84a53500577
  523592a7446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c54882404488e28`;

const rich: Attributes = {
  uid: 1000,
  gid: 100,
  mode: 0o104755,
  xattrs: [
    { name: 'user.bin', value: Uint8Array.of(0, 1, 255) },
    { name: 'user.a', value: Buffer.from('one') },
    { name: 'user.b', value: Buffer.from('two') },
  ],
};

describe('objects, against bytes that ostree 2022.7 wrote', () => {
  it('dirmeta', () => {
    expect(hex(encodeDirmeta(dirAttributes()))).toBe('0000000000000000000041ed');
    expect(sha256Hex(encodeDirmeta(dirAttributes()))).toBe(golden.dirmeta);
    const other = encodeDirmeta(dirAttributes(0o700, 1000, 100));
    expect(hex(other)).toBe('000003e800000064000041c0');
    expect(sha256Hex(other)).toBe('1c20a6a3aed1f33229cbb1ccca92eb8bd9dc03a96e0364d2f1b25ea80a6d4268');
    expect(decodeDirmeta(other)).toEqual(dirAttributes(0o700, 1000, 100));
  });

  it('dirtree', () => {
    const sub = {
      files: [
        { name: 'zero', checksum: c(golden.zero) },
        { name: 'link', checksum: c(golden.link) },
        { name: 'run', checksum: c(golden.run) },
      ],
      dirs: [],
    };
    expect(hex(encodeDirtree(sub))).toBe(hex(bytesOf(subBytes)));
    expect(sha256Hex(encodeDirtree(sub))).toBe(golden.sub);
    expect(hex(encodeDirtree(decodeDirtree(bytesOf(rootBytes))))).toBe(hex(bytesOf(rootBytes)));
    expect(sha256Hex(bytesOf(rootBytes))).toBe(golden.root);
    expect(decodeDirtree(bytesOf(rootBytes)).dirs.map((d) => d.name)).toEqual(['empty', 'sub']);
    expect(hex(encodeDirtree({ files: [], dirs: [] }))).toBe('00');
    expect(sha256Hex(Uint8Array.of(0))).toBe(golden.empty);
  });

  it('commit', () => {
    const commit = decodeCommit(bytesOf(commitBytes));
    expect(sha256Hex(bytesOf(commitBytes))).toBe(golden.commit);
    expect(hex(encodeCommit(commit))).toBe(hex(bytesOf(commitBytes)));
    expect(commit).toEqual({
      metadata: [
        ['version', v.string('1.0')],
        ['ostree.ref-binding', v.strings(['test/main'])],
      ],
      subject: 'first',
      body: '',
      timestamp: Date.parse('2024-01-02T03:04:05Z') / 1000,
      tree: golden.root,
      meta: golden.dirmeta,
    });
  });

  it('file checksums and headers', () => {
    expect(fileChecksum(fileAttributes(), Buffer.from('hello\n'))).toBe(golden.aTxt);
    expect(fileChecksum(fileAttributes(0o755), '#!/bin/sh\n')).toBe(golden.run);
    expect(fileChecksum(fileAttributes(0o600), new Uint8Array(0))).toBe(golden.zero);
    expect(fileChecksum(linkAttributes, '../a.txt')).toBe(golden.link);
    expect(hex(encodeFileHeader(fileAttributes()))).toBe(
      '00000012000000000000000000000000000081a4000000000011',
    );
    expect(hex(encodeFileHeader(linkAttributes, '../a.txt'))).toBe(
      '0000001a0000000000000000000000000000a1ff000000002e2e2f612e7478740019',
    );
    expect(fileChecksum(rich, 'x')).toBe('b0f5c8203decc6987cafbb7ab266dc1d95a5b3423b4f9efbafe82cedec535265');
  });

  it('.filez', () => {
    const written =
      bytesOf(`00000040000000000000000000000001000003e800000064000089ed0000000000757365722e61006f6e6507
      757365722e620074776f07757365722e62696e000001ff090b162319ab0000`);
    const header = decodeArchiveHeader(written);
    expect(header).toMatchObject({ size: 1, attributes: { uid: 1000, gid: 100, mode: 0o104755 } });
    expect(header.attributes.xattrs.map((x) => x.name)).toEqual(['user.a', 'user.b', 'user.bin']);
    expect(hex(encodeArchiveHeader(rich, 1))).toBe(hex(written.subarray(0, header.contentAt)));
    expect(inflateRawSync(written.subarray(header.contentAt)).toString()).toBe('x');
    expect(hex(encodeArchiveHeader(linkAttributes, 0, '../a.txt'))).toBe(
      '0000002200000000000000000000000000000000000000000000a1ff000000002e2e2f612e7478740021',
    );
  });

  it('user.ostreemeta and detached metadata', () => {
    expect(hex(encodeBareUserMeta(fileAttributes()))).toBe('0000000000000000000081a4');
    expect(decodeBareUserMeta(bytesOf('0000000000000000 0000a1ff'))).toEqual(linkAttributes);
    expect(hex(encodeDict([['k', v.string('v')]]))).toBe('6b0000000000000076000073020d');
  });

  it('sorts names by their bytes', () => {
    const names = ['é', 'z', 'a.b', 'a-b', 'a', 'Z', 'A', '0', '\u{1f600}', '\ufffd'];
    const tree = decodeDirtree(
      encodeDirtree({ files: names.map((name) => ({ name, checksum: c(golden.zero) })), dirs: [] }),
    );
    expect(tree.files.map((f) => f.name)).toEqual([
      '0',
      'A',
      'Z',
      'a',
      'a-b',
      'a.b',
      'z',
      'é',
      '\ufffd',
      '\u{1f600}',
    ]);
  });
});

describe('objects from strangers', () => {
  const file = (name: string) => ({ name, checksum: c(golden.zero) });
  const dir = (name: string) => ({ name, tree: c(golden.empty), meta: c(golden.dirmeta) });

  it.each(['', '.', '..', 'a/b', '/', 'x'.repeat(256)])('no entry may be named %j', (name) => {
    expect(() => encodeDirtree({ files: [file(name)], dirs: [] })).toThrow(
      expect.objectContaining({ code: 'OSTREE_NAME_INVALID' }),
    );
    expect(() => encodeDirtree({ files: [], dirs: [dir(name)] })).toThrow();
  });

  it('a dirtree with a hostile name, a duplicate or in another order is corrupt', () => {
    const good = encodeDirtree({ files: [file('aa'), file('bb')], dirs: [dir('cc')] });
    const swap = (from: string, to: string) =>
      Buffer.from(Buffer.from(good).toString('latin1').replace(from, to), 'latin1');
    for (const bad of [
      swap('bb\0', '..\0'),
      swap('bb\0', 'aa\0'),
      swap('cc\0', 'aa\0'),
      swap('aa\0', 'zz\0'),
      swap('aa\0', 'a/\0'),
    ]) {
      expect(() => decodeDirtree(bad)).toThrow(expect.objectContaining({ code: 'OSTREE_OBJECT_CORRUPT' }));
    }
  });

  it('a file object is a regular file or a symlink with a target', () => {
    for (const [mode, target] of [
      [0o060644, ''],
      [0o040755, ''],
      [0o120777, ''],
      [0o100644, 'x'],
      [0o1100644, ''],
    ] as const) {
      const bytes = encodeArchiveHeader({ ...fileAttributes(), mode }, 0, target);
      expect(() => decodeArchiveHeader(bytes)).toThrow(
        expect.objectContaining({ code: 'OSTREE_OBJECT_CORRUPT' }),
      );
    }
  });

  it('a header cannot claim gigabytes', () => {
    const bytes = Buffer.from('ffffffff00000000', 'hex');
    expect(() => decodeArchiveHeader(bytes)).toThrow(
      expect.objectContaining({ code: 'OSTREE_OBJECT_CORRUPT' }),
    );
  });

  it('no bytes make a decoder throw anything untyped', () => {
    const decoders = [decodeDirmeta, decodeDirtree, decodeCommit, decodeArchiveHeader, decodeBareUserMeta];
    const seeds = [
      bytesOf(commitBytes),
      bytesOf(rootBytes),
      bytesOf('0000000000000000000041ed'),
      encodeArchiveHeader(rich, 5),
    ];
    const mutated = fc
      .tuple(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(200),
      )
      .map(([seed, edits, cut]) => {
        const bytes = Buffer.from(seed);
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        return cut < bytes.length ? bytes.subarray(0, bytes.length - cut) : bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })),
        fc.constantFrom(...decoders),
        (bytes, decode) => {
          try {
            decode(bytes);
          } catch (error) {
            if (!isOpkgOstreeError(error)) throw error;
            expect(error.code).toBe('OSTREE_OBJECT_CORRUPT');
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('any listing and any attributes survive', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((s) => !/[/\0]/u.test(s) && s !== '.' && s !== '..');
    const checksum = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((b) => c(Buffer.from(b).toString('hex')));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, checksum, fc.boolean()), { selector: ([n]) => n }),
        (entries) => {
          const bytes = encodeDirtree({
            files: entries.filter(([, , d]) => !d).map(([n, sum]) => ({ name: n, checksum: sum })),
            dirs: entries.filter(([, , d]) => d).map(([n, sum]) => ({ name: n, tree: sum, meta: sum })),
          });
          expect(hex(encodeDirtree(decodeDirtree(bytes)))).toBe(hex(bytes));
        },
      ),
    );
  });
});
