import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Checksum, fromHex, isOpkgOstreeError, silentContext } from '../../src/base/index.ts';
import { OperationWriter, op } from '../../src/ostree/delta/operations.ts';
import { renderObjects, renderSigned, renderSuperblock } from '../../src/ostree/delta/superblock.ts';
import {
  applyDelta,
  applyOffline,
  deleteDelta,
  deltaDirectory,
  deltaName,
  describeDelta,
  encodeDirtree,
  encodeVariant,
  fileChecksum,
  fsck,
  generateDelta,
  listDeltas,
  parseDeltaName,
  parseSuperblock,
  pullLocal,
  type Repository,
  v,
} from '../../src/ostree/index.ts';
import { codeOf, commitSpec, fileAttributes, newRepo, scratch } from './support.ts';

const dir = scratch();
let counter = 0;
const fresh = (name: string) => join(dir, `${name}-${counter++}`);
const lines = (n: number, salt = '') =>
  Array.from({ length: n }, (_, i) => createHash('md5').update(`${i}${salt}`).digest('hex')).join('\n');

let origin: Repository;
let one: Checksum;
let two: Checksum;

beforeAll(async () => {
  origin = newRepo(fresh('origin'), 'archive');
  const shared = { 'usr/lib/same': 'same', 'usr/bin/': '', 'usr/lib/link@': 'same' };
  one = await commitSpec(origin, 'os', { ...shared, 'usr/lib/libx.so': lines(900), 'etc/conf': lines(40) });
  two = await commitSpec(
    origin,
    'os',
    {
      ...shared,
      'usr/lib/libx.so': lines(900).replace('00', 'changed'),
      'etc/conf': `${lines(40)}\nmore`,
      'etc/new': 'new file',
      'usr/lib/other@': 'elsewhere',
      'usr/lib/empty': '',
    },
    { parent: one },
  );
  await origin.withTransaction((txn) => txn.writeDetachedMetadata(two, [['note', v.string('detached')]]));
});

async function startingPoint(
  mode: 'bare-user-only' | 'archive',
  ...commits: Checksum[]
): Promise<Repository> {
  const repo = newRepo(fresh(mode), mode);
  if (commits.length > 0) await pullLocal(repo, origin, commits, {}, silentContext);
  return repo;
}

async function expectWhole(repo: Repository): Promise<void> {
  expect(repo.loadCommitBytes(two)).toEqual(origin.loadCommitBytes(two));
  expect(repo.loadDetachedMetadata(two)).toEqual([['note', v.string('detached')]]);
  await fsck(repo, {}, silentContext);
}

describe('a delta', () => {
  const forms = [
    { name: 'patches', options: {} },
    { name: 'copies', options: { bsdiff: false } },
    { name: 'patches, uncompressed', options: { compress: false } },
    { name: 'inline parts', options: { inline: true } },
    { name: 'many parts', options: { maxPartSize: 600 } },
    { name: 'many inline parts', options: { maxPartSize: 600, inline: true, compress: false } },
  ] as const;
  for (const { name, options } of forms) {
    for (const mode of ['bare-user-only', 'archive'] as const) {
      it(`with ${name} makes the commit in ${mode}, of another one and of nothing`, async () => {
        for (const from of [one, undefined]) {
          const folder = fresh('delta');
          mkdirSync(folder);
          const id = from === undefined ? { to: two } : { from, to: two };
          const made = await generateDelta(
            origin,
            { ...options, ...id, output: join(folder, 'superblock') },
            silentContext,
          );
          expect(made.patched + made.copied > 0).toBe(from !== undefined);
          const repo = await startingPoint(mode, ...(from === undefined ? [] : [from]));
          const applied = await applyOffline(repo, folder, silentContext);
          expect(applied).toMatchObject({ commit: two, parts: made.parts });
          await expectWhole(repo);
          expect((await applyOffline(repo, folder, silentContext)).parts).toBe(0);
        }
      });
    }
  }

  it('lies in the repository under its name, is listed, described and deleted', async () => {
    const id = { from: one, to: two };
    await generateDelta(origin, { ...id, maxPartSize: 600 }, silentContext);
    await generateDelta(origin, id, silentContext);
    await generateDelta(origin, { to: two }, silentContext);
    expect(listDeltas(origin).map(deltaName).sort()).toEqual([two, `${one}-${two}`].sort());
    expect(parseDeltaName(`${one}-${two}`)).toEqual(id);
    const { superblock, parts } = await describeDelta(origin, id);
    expect(superblock).toMatchObject({ ...id, endianness: 'little', signed: undefined });
    expect(parts).toHaveLength(1);
    expect(parts[0]?.operations).toMatchObject({ open: 2, close: 2, patch: 2 });
    deleteDelta(origin, id);
    deleteDelta(origin, { to: two });
    expect(listDeltas(origin)).toEqual([]);
    expect(await codeOf(() => deleteDelta(origin, id))).toBe('DELTA_NOT_FOUND');
    expect(await codeOf(() => parseDeltaName('../..'))).toBe('DELTA_INVALID');
  });

  it("has libostree's directory names", () => {
    // docs/formats/static-delta.md; made with ostree 2022.7
    const from = '4c05a4a468225820ec14c7012794defc885e0e9d59c27550808463812fe2465a' as Checksum;
    const to = '5c28ac945ea5eee1fbb77863b0f904258952fa69b822fa9550325a5b190738cf' as Checksum;
    expect(deltaDirectory({ from, to })).toBe(
      'deltas/TA/WkpGgiWCDsFMcBJ5Te_IheDp1ZwnVQgIRjgS_iRlo-XCislF6l7uH7t3hjsPkEJYlS+mm4IvqVUDJaWxkHOM8',
    );
    expect(deltaDirectory({ to })).toBe('deltas/XC/islF6l7uH7t3hjsPkEJYlS+mm4IvqVUDJaWxkHOM8');
  });

  it('needs the commit that it starts from, and objects that it leaves out', async () => {
    const path = fresh('delta');
    await generateDelta(origin, { from: one, to: two, output: path, inline: true }, silentContext);
    const empty = await startingPoint('archive');
    expect(await codeOf(() => applyOffline(empty, path, silentContext))).toBe('OSTREE_OBJECT_MISSING');
    const scarce = fresh('delta');
    const made = await generateDelta(
      origin,
      { to: two, output: scarce, inline: true, minFallbackSize: 1000 },
      silentContext,
    );
    expect(made.fallbacks).toBe(2);
    expect(await codeOf(() => applyOffline(empty, scarce, silentContext))).toBe('DELTA_NEEDS_FALLBACK');
    await applyOffline(empty, scarce, silentContext, {
      fetchFallback: (object, txn) => {
        const file = origin.loadFile(object.checksum);
        txn.writeFile(file.attributes, file.readAll());
      },
    });
    await expectWhole(empty);
    expect(await codeOf(() => applyOffline(empty, fresh('nowhere'), silentContext))).toBe('DELTA_NOT_FOUND');
  });

  it('is asked for its trust before anything is written, signed or not', async () => {
    const path = fresh('delta');
    const sign = (bytes: Uint8Array) => [
      ['ostree.sign.dummy', { type: 'aay', value: [createHash('sha1').update(bytes).digest()] }] as const,
    ];
    await generateDelta(origin, { to: two, output: path, inline: true, sign }, silentContext);
    const superblock = parseSuperblock(readFileSync(path));
    expect(superblock.signed?.signatures).toEqual(sign(superblock.signed?.bytes ?? new Uint8Array(0)));
    const repo = await startingPoint('archive');
    const refuse = () => {
      throw new RangeError('not trusted');
    };
    await expect(applyOffline(repo, path, silentContext, { verify: refuse })).rejects.toThrow('not trusted');
    expect(repo.hasObject('commit', two)).toBe(false);
    await applyOffline(repo, path, silentContext);
    await expectWhole(repo);
  });
});

/** A part of one file whose operations the caller writes. */
function craft(
  operations: (w: OperationWriter) => void,
  extra: { blob?: Uint8Array; objects?: Uint8Array; modes?: number[][] } = {},
) {
  const writer = new OperationWriter();
  operations(writer);
  const part = Buffer.concat([
    Uint8Array.of(0),
    encodeVariant('(a(uuu)aa(ayay)ayay)', [
      extra.modes ?? [[0, 0, 0xa4810000]],
      [[]],
      extra.blob ?? Buffer.from('content'),
      writer.take(),
    ]),
  ]);
  const wanted = fileChecksum(fileAttributes(), Buffer.from('content'));
  const objects = extra.objects ?? renderObjects([{ type: 'file', checksum: wanted }]);
  const checksum = createHash('sha256').update(part).digest('hex') as Checksum;
  const superblock = renderSuperblock({
    from: one,
    to: two,
    metadata: [],
    attachments: [],
    timestamp: 1,
    commit: origin.loadCommitBytes(two),
    parts: [{ checksum, size: part.length, uncompressedSize: 7, objects }],
    fallbacks: [],
  });
  return { superblock, readPart: () => part };
}

describe('a hostile delta', () => {
  const listed = () => fromHex(fileChecksum(fileAttributes(), Buffer.from('content')));
  const big = 2 ** 52;
  const cases: [
    string,
    (w: OperationWriter) => void,
    (Parameters<typeof craft>[1] | (() => Parameters<typeof craft>[1]))?,
  ][] = [
    ['leaves out objects', (w) => w.add(op.splice, 0, 0, 7, 0)],
    ['has no operations', () => undefined],
    ['has an unknown operation', (w) => w.add(0x7a)],
    ['ends within a number', (w) => w.add(op.splice, 0, 0)],
    ['reads beyond the blob', (w) => w.add(op.splice, 0, 0, 8, 0)],
    ['reads far beyond the blob', (w) => w.add(op.splice, 0, 0, big, big)],
    ['names a mode that is not there', (w) => w.add(op.splice, 1, 0, 7, 0)],
    ['names attributes that are not there', (w) => w.add(op.splice, 0, 9, 7, 0)],
    ['makes a device', (w) => w.add(op.splice, 0, 0, 7, 0), { modes: [[0, 0, 0xa4210000]] }],
    ['makes another file', (w) => w.add(op.splice, 0, 0, 6, 0)],
    [
      'makes more than it lists',
      (w) => {
        w.add(op.splice, 0, 0, 7, 0);
        w.add(op.splice, 0, 0, 7, 0);
      },
    ],
    ['writes into nothing', (w) => w.add(op.write, 1, 0)],
    ['closes nothing', (w) => w.add(op.close)],
    [
      'opens twice',
      (w) => {
        w.add(op.open, 0, 0, 7);
        w.add(op.open, 0, 0, 7);
      },
    ],
    ['leaves a file open', (w) => w.add(op.open, 0, 0, 7)],
    [
      'writes too much',
      (w) => {
        w.add(op.open, 0, 0, 3);
        w.add(op.write, 7, 0);
      },
    ],
    [
      'writes too little',
      (w) => {
        w.add(op.open, 0, 0, 8);
        w.add(op.write, 7, 0);
        w.add(op.close);
      },
    ],
    [
      'patches nothing',
      (w) => {
        w.add(op.open, 0, 0, 7);
        w.add(op.patch, 0, 7);
      },
    ],
    ['takes a source from beyond the blob', (w) => w.add(op.setSource, 0)],
    [
      'brings a type that no delta may',
      (w) => w.add(op.splice, 7, 0),
      () => ({ objects: Buffer.concat([Uint8Array.of(6), listed()]) }),
    ],
    [
      'brings a commit',
      (w) => w.add(op.splice, 7, 0),
      () => ({ objects: Buffer.concat([Uint8Array.of(4), listed()]) }),
    ],
    [
      'brings an unknown type',
      (w) => w.add(op.splice, 7, 0),
      () => ({ objects: Buffer.concat([Uint8Array.of(0), listed()]) }),
    ],
    ['has a torn list', (w) => w.add(op.splice, 0, 0, 7, 0), { objects: new Uint8Array(34) }],
  ];
  it.each(cases)('that %s is refused and leaves nothing', async (_name, operations, extra) => {
    const repo = await startingPoint('bare-user-only', one);
    const source = craft(operations, typeof extra === 'function' ? extra() : (extra ?? {}));
    expect(await codeOf(() => applyDelta(repo, source, silentContext))).toBe('DELTA_INVALID');
    expect(repo.hasObject('commit', two)).toBe(false);
    expect(repo.hasObject('file', fileChecksum(fileAttributes(), Buffer.from('content')))).toBe(false);
  });

  it('that copies from what is not here, or beyond it, is refused', async () => {
    const repo = await startingPoint('bare-user-only', one);
    const copy = (checksum: Checksum, offset: number) =>
      craft(
        (w) => {
          w.add(op.open, 0, 0, 7);
          w.add(op.setSource, 0);
          w.add(op.write, 7, offset);
        },
        { blob: fromHex(checksum) },
      );
    const there = fileChecksum(fileAttributes(), Buffer.from('same'));
    expect(await codeOf(() => applyDelta(repo, copy(two, 0), silentContext))).toBe('OSTREE_OBJECT_MISSING');
    expect(await codeOf(() => applyDelta(repo, copy(there, 0), silentContext))).toBe('DELTA_INVALID');
    expect(await codeOf(() => applyDelta(repo, copy(there, big), silentContext))).toBe('DELTA_INVALID');
  });

  it('with a metadata object of another hash is refused', async () => {
    const repo = await startingPoint('bare-user-only', one);
    const blob = encodeDirtree({ files: [], dirs: [] });
    const objects = renderObjects([{ type: 'dirtree', checksum: two }]);
    const source = craft((w) => w.add(op.splice, blob.length, 0), { blob, objects });
    expect(await codeOf(() => applyDelta(repo, source, silentContext))).toBe('OSTREE_OBJECT_CORRUPT');
  });

  it('with a part that is not the announced one is refused', async () => {
    const repo = await startingPoint('bare-user-only', one);
    const { superblock } = craft((w) => w.add(op.splice, 0, 0, 7, 0));
    for (const part of [new Uint8Array(0), Buffer.from('x'), Buffer.alloc(100)])
      expect(await codeOf(() => applyDelta(repo, { superblock, readPart: () => part }, silentContext))).toBe(
        'DELTA_INVALID',
      );
  });

  it('with any byte changed or cut off is refused, or makes exactly the commit', async () => {
    const folder = fresh('delta');
    mkdirSync(folder);
    await generateDelta(origin, { from: one, to: two, output: join(folder, 'superblock') }, silentContext);
    const file = { superblock: readFileSync(join(folder, 'superblock')), 0: readFileSync(join(folder, '0')) };
    const change = fc.tuple(
      fc.constantFrom('superblock' as const, 0 as const),
      fc.nat(100_000),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
    );
    const repo = await startingPoint('bare-user-only', one);
    await fc.assert(
      fc.asyncProperty(change, async ([which, position, xor, cut]) => {
        const bytes = Buffer.from(file[which]);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ xor;
        const broken = { ...file, [which]: cut ? bytes.subarray(0, at) : bytes };
        const source = { superblock: broken.superblock, readPart: () => broken[0] };
        try {
          const txn = repo.withTransaction(async () => {
            await applyDelta(repo, source, silentContext);
            throw new RangeError('applied');
          });
          await txn;
        } catch (error) {
          // Timestamp and announced sizes are nobody's promise; everything else is.
          if (error instanceof RangeError) expect(which).toBe('superblock');
          else expect(isOpkgOstreeError(error)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
    expect(repo.hasObject('commit', two)).toBe(false);
  });

  it('of random bytes is refused with a typed error', () => {
    const superblock = renderSigned(craft(() => undefined).superblock, []);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(superblock.length), (bytes, keep) => {
        const file = Buffer.concat([superblock.subarray(0, keep), bytes]);
        try {
          parseSuperblock(file);
        } catch (error) {
          expect(isOpkgOstreeError(error) && error.code).toBe('DELTA_INVALID');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('in a single file is read beside its parts', async () => {
    const folder = fresh('delta');
    mkdirSync(folder);
    const path = join(folder, 'my.delta');
    await generateDelta(origin, { to: two, output: path }, silentContext);
    expect(dirname(path)).toBe(folder);
    const repo = await startingPoint('archive');
    await applyOffline(repo, path, silentContext);
    await expectWhole(repo);
    copyFileSync(path, join(folder, 'superblock'));
    writeFileSync(join(folder, '0'), 'broken');
    const other = await startingPoint('archive');
    expect(await codeOf(() => applyOffline(other, folder, silentContext))).toBe('DELTA_INVALID');
  });
});
