import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageText, bytesText, clean, displayWidth, pad, truncate, wrap } from '../../src/tui/text.ts';

const unicode = { unicode: true };
const ascii = { unicode: false };
/** Texts as feeds could hold them: letters of all kinds and what moves a cursor. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\u001b[2J',
        '\u001b]0;owned\u0007',
        '\u009b31m',
        '\u001bP',
        '\u202e',
        '\r\n',
        '\u001b[',
        '\u009d',
      ),
    ),
  )
  .map((parts) => parts.join(''));

describe('text for a terminal', () => {
  it.each([
    ['plain', 'plain'],
    ['a\u001b[2Jb', 'ab'],
    ['a\u001b]0;title\u0007b', 'ab'],
    ['a\u001b]8;;http://evil\u001b\\b', 'ab'],
    ['\u009b5mx', 'x'],
    ['one\ntwo\tthree', 'one two three'],
    ['abc\u202egpj.exe', 'abcgpj.exe'],
    ['bell\u0007', 'bell'],
    ['unfinished \u001b[31', 'unfinished '],
    ['na\u00efve', 'na\u00efve'],
  ])('%j is shown as %j', (text, shown) => {
    expect(clean(text, unicode)).toBe(shown);
  });

  it('is ASCII where nothing else may be written', () => {
    expect(clean('na\u00efve \u6f22\u5b57', ascii)).toBe('na?ve ??');
    fc.assert(fc.property(hostile, (text) => /^[ -~]*$/u.test(clean(text, ascii))));
  });

  it('holds no control byte whatever came in', () => {
    fc.assert(fc.property(hostile, (text) => !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(clean(text, unicode))));
  });

  it('counts wide letters as two columns and marks as none', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('\u6f22\u5b57')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('\uff21')).toBe(2);
  });

  it('never gets wider than it may', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 0, max: 30 }), (text, columns) => {
        const shown = clean(text, unicode);
        expect(displayWidth(truncate(shown, columns))).toBeLessThanOrEqual(columns);
        expect(displayWidth(pad(shown, columns))).toBe(columns);
        for (const part of wrap(shown, columns + 2))
          expect(displayWidth(part)).toBeLessThanOrEqual(columns + 2);
      }),
    );
  });

  it('loses no word when it is broken into lines', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,20}$/u)),
        fc.integer({ min: 4, max: 30 }),
        (words, columns) => {
          expect(wrap(words.join(' '), columns).join('').replace(/ /gu, '')).toBe(words.join(''));
        },
      ),
    );
  });

  it('tells sizes and ages', () => {
    expect([bytesText(0), bytesText(999), bytesText(12_300), bytesText(4_500_000)]).toEqual([
      '0 B',
      '999 B',
      '12.3 kB',
      '4.5 MB',
    ]);
    const now = Date.parse('2025-06-01T12:00:00Z');
    const ages = [
      '2025-06-01T11:55:00Z',
      '2025-06-01T02:00:00Z',
      '2025-05-01T12:00:00Z',
      '2026-01-01T00:00:00Z',
      'never',
    ];
    expect(ages.map((time) => ageText(time, now))).toEqual(['5 min', '10 h', '31 d', '?', '?']);
  });
});
