import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { makePatch } from '../../src/ostree/delta/bsdiff.ts';
import { applyPatch } from '../../src/ostree/delta/bspatch.ts';
import { matchBlocks } from '../../src/ostree/delta/match-blocks.ts';
import type { ReadSource } from '../../src/ostree/delta/read-source.ts';

const source = (bytes: Uint8Array): ReadSource => ({
  checksum: '0'.repeat(64) as Checksum,
  size: bytes.length,
  read(offset, length) {
    expect(offset >= 0 && offset + length <= bytes.length).toBe(true);
    return bytes.subarray(offset, offset + length);
  },
  close: () => undefined,
});

function patched(old: Uint8Array, patch: Uint8Array, size: number): Buffer {
  const pieces: Uint8Array[] = [];
  applyPatch(source(old), patch, size, (piece) => pieces.push(Uint8Array.from(piece)));
  return Buffer.concat(pieces);
}

function copied(old: Uint8Array, next: Uint8Array): Buffer {
  const segments = matchBlocks(source(old), source(next));
  return Buffer.concat(
    segments.map(({ kind, offset, length }) =>
      (kind === 'copy' ? old : next).subarray(offset, offset + length),
    ),
  );
}

/** A file and a later version of it: pieces of it kept, dropped, moved, repeated, and new ones between. */
const versions = fc
  .tuple(
    fc.uint8Array({ maxLength: 6000 }),
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.tuple(fc.nat(50_000), fc.nat(9000), fc.uint8Array({ maxLength: 60 })), { maxLength: 9 }),
  )
  .map(([seed, repeat, edits]) => {
    const old = Buffer.concat(Array.from({ length: repeat }, (_, i) => seed.map((byte) => byte + i)));
    const next = edits.map(([at, length, inserted]) => {
      const from = old.length === 0 ? 0 : at % old.length;
      return Buffer.concat([old.subarray(from, from + length), inserted]);
    });
    return [old, Buffer.concat(next)] as const;
  });

describe('patches', () => {
  it('make the new file of the old one', () => {
    fc.assert(
      fc.property(versions, ([old, next]) => {
        const { bytes, novel } = makePatch(old, next);
        expect(Buffer.compare(patched(old, bytes, next.length), next)).toBe(0);
        expect(novel).toBeLessThanOrEqual(next.length);
      }),
      { numRuns: 150 },
    );
  });

  it('of a slightly changed file hold little but zeros', () => {
    const old = Buffer.alloc(200_000);
    for (let i = 0; i < old.length; i++) old[i] = (i * i * 31 + (i >> 7)) & 0xff;
    const next = Buffer.concat([old.subarray(0, 70_000), Buffer.from('inserted'), old.subarray(70_100)]);
    next[150_000] = 7;
    expect(makePatch(old, next).novel).toBeLessThan(40);
  });

  it('of periodic files take no quadratic time', () => {
    const old = Buffer.alloc(1_000_000, 'abcdefgh');
    const next = Buffer.from(old.subarray(3));
    for (let i = 0; i < 900; i++) next[(i * 102_947) % next.length] = 1;
    const started = process.cpuUsage();
    expect(Buffer.compare(patched(old, makePatch(old, next).bytes, next.length), next)).toBe(0);
    expect(process.cpuUsage(started).user).toBeLessThan(8_000_000);
  });

  it('of hostile bytes end in a typed error or in the announced length', () => {
    const old = Buffer.alloc(500, 'old');
    const number = fc.oneof(
      fc.bigInt({ min: -600n, max: 600n }),
      fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    );
    const triple = fc.tuple(number, number, number, fc.uint8Array({ maxLength: 80 }));
    fc.assert(
      fc.property(fc.array(triple, { maxLength: 6 }), fc.nat(900), (triples, size) => {
        const patch = Buffer.concat(
          triples.map(([add, insert, seek, bytes]) => {
            const control = Buffer.alloc(24);
            [add, insert, seek].forEach((value, i) => {
              control.writeBigInt64LE(value, i * 8);
            });
            return Buffer.concat([control, bytes]);
          }),
        );
        try {
          expect(patched(old, patch, size)).toHaveLength(size);
        } catch (error) {
          expect(isOpkgOstreeError(error) && error.code).toBe('DELTA_INVALID');
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('copies', () => {
  it('make the new file of the old one', () => {
    fc.assert(
      fc.property(versions, ([old, next]) => {
        expect(Buffer.compare(copied(old, next), next)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('find what was moved, across the pieces in which files are read', () => {
    const old = Buffer.alloc(900_000);
    let seed = 1;
    for (let i = 0; i < old.length; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      old[i] = seed >>> 16;
    }
    const next = Buffer.concat([Buffer.from('new'), old.subarray(500_001), old.subarray(0, 499_000)]);
    const segments = matchBlocks(source(old), source(next));
    expect(Buffer.compare(copied(old, next), next)).toBe(0);
    expect(segments.map((s) => s.kind)).toEqual(['own', 'copy', 'copy']);
  });
});
