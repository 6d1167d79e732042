import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { decodeXz, storeXz, XzDecoder } from '../../src/ostree/xz/index.ts';
import { codeOf, hasProgram } from './support.ts';

const limits = { maxOutput: 64 << 20 };
const haveXz = hasProgram('xz');
const xz = (input: Uint8Array, ...args: string[]) =>
  execFileSync('xz', ['-c', '-T1', ...args], { input, maxBuffer: 1 << 28 });

/** Text with the repetitions of text. */
function prose(size: number): Buffer {
  const words = ['router', 'package', 'kernel', 'the', 'of', 'layer', 'commit', '\n', 'flash', 'overlay'];
  let seed = 7;
  let text = '';
  while (text.length < size) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    text += `${words[(seed >> 8) % words.length]}${seed % 97} `;
  }
  return Buffer.from(text.slice(0, size));
}

function mixed(): Buffer {
  const stored = Buffer.concat(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => createHash('sha512').update(`${n}`).digest()),
  );
  return Buffer.concat([stored, prose(1500), Buffer.alloc(2000), stored, Buffer.from([1, 2, 3])]);
}

function inPieces(bytes: Uint8Array, step: number): Buffer {
  const decoder = new XzDecoder(limits);
  const output: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) output.push(...decoder.push(bytes.subarray(at, at + step)));
  decoder.end();
  return Buffer.concat(output);
}

// printf hello | xz --check=crc32 | base64 -w0
const hello = Buffer.from(
  '/Td6WFoAAAFpIt42AgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAhqYQNgABGQW86OzLkEKZDQEAAAAAAVla',
  'base64',
);

describe('the xz decoder', () => {
  it('decodes a golden file', () => {
    expect(Buffer.from(decodeXz(hello, limits)).toString()).toBe('hello');
  });

  it('reads what is stored without compression, and so does the real xz', () => {
    for (const pieces of [[], [Buffer.from('a')], [randomBytes(65_536), prose(70_001), Buffer.from('b')]]) {
      const file = Buffer.concat(storeXz(pieces));
      expect(Buffer.compare(decodeXz(file, limits), Buffer.concat(pieces))).toBe(0);
      if (haveXz) expect(Buffer.compare(xz(file, '-d'), Buffer.concat(pieces))).toBe(0);
    }
  });

  it('refuses what is no xz file', async () => {
    expect(await codeOf(() => decodeXz(new Uint8Array(0), limits))).toBe('XZ_INVALID');
    expect(await codeOf(() => decodeXz(Buffer.from('not an xz file'), limits))).toBe('XZ_INVALID');
    expect(await codeOf(() => decodeXz(randomBytes(4000), limits))).toBe('XZ_INVALID');
  });

  describe.skipIf(!haveXz)('beside the real xz', () => {
    const inputs: readonly [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['one byte', Buffer.from('x')],
      ['zeros', Buffer.alloc(300_000)],
      ['random bytes', randomBytes(200_000)],
      ['text', prose(150_000)],
      ['text between random bytes', Buffer.concat([randomBytes(70_000), prose(40_000), randomBytes(9_000)])],
      ['more than a chunk of zeros', Buffer.alloc(5 << 20)],
    ];
    it.each(inputs)('decodes %s at every level and check, whole and in pieces', (_name, input) => {
      for (const level of ['-0', '-1', '-2', '-3', '-4', '-5', '-6', '-7', '-8', '-9', '-4e', '-9e']) {
        expect(Buffer.compare(decodeXz(xz(input, level), limits), input), level).toBe(0);
      }
      for (const check of ['none', 'crc32', 'crc64', 'sha256']) {
        const packed = xz(input, `--check=${check}`);
        expect(Buffer.compare(decodeXz(packed, limits), input)).toBe(0);
        expect(Buffer.compare(inPieces(packed, 1013), input)).toBe(0);
      }
    });

    it.each([
      ['blocks', ['--block-size=7000']],
      ['blocks with sizes in their headers', ['-T2', '--block-size=50000']],
      ['the delta filter', ['--delta=dist=3', '--lzma2=preset=6']],
      ['two delta filters', ['--delta=dist=1', '--delta=dist=256', '--lzma2=preset=1']],
      ['other literal and position bits', ['--lzma2=preset=6,lc=0,lp=4,pb=4']],
      ['no literal context', ['--lzma2=preset=6,lc=1,lp=2,pb=0']],
      ['the smallest dictionary, which slides', ['--lzma2=dict=4KiB']],
      ['a small dictionary', ['--lzma2=preset=0,dict=96KiB']],
    ])('decodes %s', (_name, args) => {
      const input = Buffer.concat([
        prose(150_000),
        randomBytes(100_000),
        Buffer.alloc(6 << 20),
        prose(200_000),
      ]);
      const packed = xz(input, ...args);
      expect(Buffer.compare(decodeXz(packed, limits), input)).toBe(0);
      expect(Buffer.compare(inPieces(packed, 60_007), input)).toBe(0);
    });

    it('reads one stream after the other, and padding', async () => {
      const both = Buffer.concat([
        xz(Buffer.from('one')),
        Buffer.alloc(8),
        xz(Buffer.from(' two')),
        Buffer.alloc(4),
      ]);
      expect(Buffer.from(decodeXz(both, limits)).toString()).toBe('one two');
      expect(inPieces(both, 1).toString()).toBe('one two');
      expect(await codeOf(() => decodeXz(both.subarray(0, -2), limits))).toBe('XZ_INVALID');
      expect(await codeOf(() => decodeXz(Buffer.concat([Buffer.alloc(4), both]), limits))).toBe('XZ_INVALID');
    });

    it('refuses other filters, large dictionaries and too much output', async () => {
      const text = prose(10_000);
      expect(await codeOf(() => decodeXz(xz(text, '--x86', '--lzma2=preset=6'), limits))).toBe(
        'XZ_UNSUPPORTED',
      );
      expect(await codeOf(() => decodeXz(xz(text, '-9'), { ...limits, maxDictionary: 1 << 20 }))).toBe(
        'XZ_UNSUPPORTED',
      );
      expect(await codeOf(() => decodeXz(xz(text), { maxOutput: 9_999 }))).toBe('XZ_INVALID');
      expect(decodeXz(xz(text), { maxOutput: 10_000 })).toHaveLength(10_000);
    });

    it('notices every truncation', async () => {
      const packed = xz(mixed(), '--block-size=1800');
      for (let length = 0; length < packed.length; length++)
        expect(await codeOf(() => decodeXz(packed.subarray(0, length), limits))).toBe('XZ_INVALID');
    });

    it.each(['crc32', 'crc64', 'sha256'])('notices every flipped bit under %s', async (check) => {
      const packed = xz(mixed(), '--block-size=2500', `--check=${check}`);
      for (let at = 0; at < packed.length; at++) {
        const broken = Buffer.from(packed);
        broken[at] = (broken[at] ?? 0) ^ (1 << (at % 8));
        expect(await codeOf(() => decodeXz(broken, limits)), `byte ${at}`).toMatch(/^XZ_/u);
      }
    });

    it('decodes what it encoded, whatever the bytes', () => {
      const content = fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.nat(4000).map((n) => new Uint8Array(n).fill(n)),
        ),
        { maxLength: 12 },
      );
      fc.assert(
        fc.property(content, fc.integer({ min: 0, max: 4 }), (parts, level) => {
          const input = Buffer.concat(parts);
          expect(Buffer.compare(inPieces(xz(input, `-${level}`), 97), input)).toBe(0);
        }),
        { numRuns: 25 },
      );
    });
  });

  it('gives only typed errors for damaged files without a check', () => {
    const packed = haveXz ? xz(mixed(), '--check=none') : hello;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const broken = Buffer.from(packed);
          for (const [at, value] of changes) broken[at] = value;
          try {
            expect(decodeXz(broken, { maxOutput: 1 << 20 }).length).toBeLessThanOrEqual(1 << 20);
          } catch (error) {
            expect(isOpkgOstreeError(error)).toBe(true);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
