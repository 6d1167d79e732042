import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeys, flushKeys, type Key } from '../../src/tui/keys.ts';

const known: readonly (readonly [bytes: string, keys: readonly Key[]])[] = [
  ['\u001b[A', ['up']],
  ['\u001bOB', ['down']],
  ['\u001b[1;5C', ['right']],
  ['\u001b[5~', ['pageup']],
  ['\u001b[6~', ['pagedown']],
  ['\u001b[1~', ['home']],
  ['\u001b[4~', ['end']],
  ['\u001b[H', ['home']],
  ['\u001bOF', ['end']],
  ['\u001b[Z', ['backtab']],
  ['q', ['q']],
  [' ', ['space']],
  ['\r', ['enter']],
  ['\u007f', ['backspace']],
  ['\u0003', ['ctrl-c']],
  ['\u000c', ['ctrl-l']],
  ['\u001a', ['ctrl-z']],
  ['\u00e9', ['\u00e9']],
  // Reports and function keys that nobody asked for.
  ['\u001b[24;80R', []],
  ['\u001b[?1;2c', []],
  ['\u001b[15~', []],
  // Flow control belongs to the line.
  ['\u0013', []],
  ['\u0011', []],
];

describe('keys', () => {
  it.each(known)('%j is %j', (bytes, keys) => {
    expect(decodeKeys(bytes)).toEqual({ keys, rest: '' });
  });

  it('come whole however the line cuts them', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...known)), fc.array(fc.nat(60)), (pressed, cuts) => {
        const bytes = pressed.map(([text]) => text).join('');
        const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const keys: Key[] = [];
        let rest = '';
        for (const [index, place] of places.entries()) {
          const decoded = decodeKeys(rest + bytes.slice(places[index - 1] ?? 0, place));
          keys.push(...decoded.keys);
          rest = decoded.rest;
        }
        expect(rest).toBe('');
        expect(keys).toEqual(pressed.flatMap(([, expected]) => expected));
      }),
    );
  });

  it('an ESC that nothing follows is Escape, and only then', () => {
    const { keys, rest } = decodeKeys('\u001b');
    expect(keys).toEqual([]);
    expect(flushKeys(rest)).toEqual(['escape']);
    expect(decodeKeys('\u001b\u001b[A')).toEqual({ keys: ['escape', 'up'], rest: '' });
    expect(decodeKeys('\u001bx')).toEqual({ keys: ['escape', 'x'], rest: '' });
  });

  it('takes any bytes without keeping more than a sequence of them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeKeys(text).rest.length).toBeLessThanOrEqual(40);
      }),
    );
  });
});
