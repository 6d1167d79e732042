/**
 * opkg's version order (docs/formats/ipk.md): `[epoch:]upstream[-revision]`. Strings are read in place, without
 * slicing: the solver and `list --upgradable` compare tens of thousands of pairs.
 */
import type { ConstraintOperator } from '../packages/index.ts';

const tilde = 0x7e;
const colon = 0x3a;
const zero = 0x30;
const nine = 0x39;
/** A letter sorts before every other character but `~`. */
const otherCharacters = 256;

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The three spans of a version; an absent epoch or revision is an empty span. */
interface VersionSpans {
  readonly epoch: Span;
  readonly upstream: Span;
  readonly revision: Span;
}

/**
 * Negative, zero or positive as opkg orders the two: epoch, then upstream, then revision. Any two strings can be
 * compared; white space round them does not count. Numbers of any length are compared as digits.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const x = spansOf(a);
  const y = spansOf(b);
  return (
    compareDigits(a, x.epoch, b, y.epoch) ||
    comparePart(a, x.upstream, b, y.upstream) ||
    comparePart(a, x.revision, b, y.revision)
  );
}

/** The operator that the text stands for: `<` means `<=` and `>` means `>=`, as in opkg. Undefined for any other text. */
export function parseOperator(text: string): ConstraintOperator | undefined {
  switch (text) {
    case '<<':
    case '<=':
    case '=':
    case '>=':
    case '>>':
      return text;
    case '<':
      return '<=';
    case '>':
      return '>=';
    default:
      return undefined;
  }
}

function spansOf(text: string): VersionSpans {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  let epoch: Span = { start, end: start };
  for (let at = start; at < end; at++) {
    if (text.charCodeAt(at) !== colon) continue;
    // Only the digits before the first colon count, as strtoul reads them: `1.0:1` has epoch 1.
    let digits = start;
    while (digits < at && isDigit(text.charCodeAt(digits))) digits++;
    epoch = { start, end: digits };
    start = at + 1;
    break;
  }
  const dash = text.lastIndexOf('-', end - 1);
  const hasRevision = end > start && dash >= start;
  return {
    epoch,
    upstream: { start, end: hasRevision ? dash : end },
    revision: hasRevision ? { start: dash + 1, end } : { start: end, end },
  };
}

function comparePart(a: string, x: Span, b: string, y: Span): number {
  let i = x.start;
  let j = y.start;
  while (i < x.end || j < y.end) {
    while ((i < x.end && !isDigit(a.charCodeAt(i))) || (j < y.end && !isDigit(b.charCodeAt(j)))) {
      const difference = orderAt(a, i, x.end) - orderAt(b, j, y.end);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const left = digitRun(a, i, x.end);
    const right = digitRun(b, j, y.end);
    const difference = compareDigits(a, left, b, right);
    if (difference !== 0) return difference;
    i = left.end;
    j = right.end;
  }
  return 0;
}

/** Compares two runs of digits as numbers, whatever their length. */
function compareDigits(a: string, x: Span, b: string, y: Span): number {
  let i = x.start;
  let j = y.start;
  while (i < x.end && a.charCodeAt(i) === zero) i++;
  while (j < y.end && b.charCodeAt(j) === zero) j++;
  if (x.end - i !== y.end - j) return x.end - i - (y.end - j);
  for (; i < x.end; i++, j++) {
    const difference = a.charCodeAt(i) - b.charCodeAt(j);
    if (difference !== 0) return difference;
  }
  return 0;
}

function digitRun(text: string, start: number, limit: number): Span {
  let end = start;
  while (end < limit && isDigit(text.charCodeAt(end))) end++;
  return { start, end };
}

/** Where a character stands: `~` before the end, the end and digits at 0, letters next, all others last. */
function orderAt(text: string, at: number, end: number): number {
  if (at >= end) return 0;
  const code = text.charCodeAt(at);
  if (code === tilde) return -1;
  if (isDigit(code)) return 0;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a && code < 0x80 ? code : code + otherCharacters;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}
