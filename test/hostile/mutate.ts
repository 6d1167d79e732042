/** Damaged input from good input: the same for the same seed, so that a failure can be repeated. */

/** A stream of whole numbers below `bound`, the same for the same seed (mulberry32). */
export function numbers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

export interface Corpus {
  /** Good inputs: what is damaged, and what pieces are taken from. */
  readonly good: readonly Uint8Array[];
  /** Pieces that mean something in the format. */
  readonly words: readonly string[];
}

/** Values at which numbers of fixed width turn over. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** One damaged input of the corpus. */
export function mutant(corpus: Corpus, seed: number): Uint8Array {
  const number = numbers(seed);
  const pick = <T>(items: readonly T[]): T | undefined => items[number(items.length)];
  let bytes = Buffer.from(pick(corpus.good) ?? new Uint8Array());
  for (let left = 1 + number(6); left > 0; left--) bytes = damaged(bytes, corpus, number, pick);
  return bytes;
}

function damaged(
  bytes: Buffer,
  corpus: Corpus,
  number: (bound: number) => number,
  pick: <T>(items: readonly T[]) => T | undefined,
): Buffer<ArrayBuffer> {
  const at = number(bytes.byteLength + 1);
  const length = Math.min(bytes.byteLength - at, 1 + number(number(4) === 0 ? 400 : 8));
  const before = bytes.subarray(0, at);
  const piece = bytes.subarray(at, at + length);
  const after = bytes.subarray(at + length);
  switch (number(9)) {
    case 0:
      return Buffer.concat([before, piece.map((byte) => byte ^ (1 << number(8))), after]);
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, ...Array.from({ length: 1 + number(50) }, () => piece), after]);
    case 3:
      return Buffer.concat([before, Buffer.from(pick(corpus.words) ?? ''), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([before, Buffer.from(Array.from({ length }, () => number(256))), after]);
    case 5: {
      const other = pick(corpus.good) ?? bytes;
      const from = number(other.byteLength + 1);
      return Buffer.concat([before, other.subarray(from, from + number(600))]);
    }
    case 6:
      return Buffer.concat([
        before,
        Buffer.alloc(1 + number(5000), pick(['a', ' ', '\n', ',', '(', '\0', '\u00ff']) ?? ' '),
        after,
      ]);
    case 7: {
      const copy = Buffer.from(bytes);
      if (at + 4 <= copy.byteLength) copy.writeUInt32LE(pick(edges) ?? 0, at);
      return copy;
    }
    default:
      return Buffer.from(before);
  }
}

/** How many mutants a test looks at: FUZZ_RUNS, else a few for every day. */
export function fuzzRuns(usual: number): number {
  const asked = Number(process.env['FUZZ_RUNS']);
  return Number.isSafeInteger(asked) && asked > 0 ? asked : usual;
}

/** The first seed: FUZZ_SEED, else always the same. */
export function fuzzSeed(): number {
  const asked = Number(process.env['FUZZ_SEED']);
  return Number.isSafeInteger(asked) && asked > 0 ? asked : 1;
}
