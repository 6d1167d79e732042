import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  decodeDict,
  decodeVariant,
  dictString,
  dictStrings,
  encodeDict,
  encodeVariant,
  type VariantValue,
  v,
} from '../../src/ostree/index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// The examples of GLib's "GVariant Specification" (section 2.6), little endian, and some that `ostree` wrote.
const examples: [type: string, value: VariantValue, bytes: string][] = [
  ['s', 'hello world', '68656c6c6f20776f726c6400'],
  ['ms', 'hello world', '68656c6c6f20776f726c640000'],
  ['ms', null, ''],
  ['ab', [true, false, false, true, true], '0100000101'],
  ['(si)', ['foo', -1], '666f6f00ffffffff04'],
  [
    'a(si)',
    [
      ['hi', -2],
      ['bye', -1],
    ],
    '68690000feffffff03000000627965 00ffffffff0409 15'.replace(/ /gu, ''),
  ],
  ['as', ['i', 'can', 'has', 'strings?'], '690063616e0068617300737472696e67733f0002060a13'],
  ['aay', [Buffer.from('a\0'), Buffer.from('bc\0')], '61006263000205'],
  ['()', [], '00'],
  ['(yy)', [0x70, 0x80], '7080'],
  ['(iy)', [96, 0x70], '6000000070000000'],
  [
    'a(iy)',
    [
      [96, 0x70],
      [648, 0xf7],
    ],
    '600000007000000088020000f7000000',
  ],
  ['ai', [4, 258], '0400000002010000'],
  ['a{sv}', [['k', v.string('v')]], '6b000000000000007600 0073 020d'.replace(/ /gu, '')],
  ['(a(say)a(sayay))', [[], []], '00'],
  ['v', v.uint32(7), '07000000' + '0075'],
];

describe('GVariant', () => {
  it.each(examples)('writes and reads %s %j', (type, value, bytes) => {
    expect(hex(encodeVariant(type, value))).toBe(bytes);
    const decoded = decodeVariant(type, Buffer.from(bytes, 'hex'));
    expect(hex(encodeVariant(type, decoded))).toBe(bytes);
  });

  const invalid: [what: string, type: string, bytes: string][] = [
    ['a string without an end', 's', '68'],
    ['a string of nothing', 's', ''],
    ['a string with a NUL inside', 's', '680068 00'],
    ['a string that is not UTF-8', 's', 'ff00'],
    ['a boolean of 2', 'b', '02'],
    ['padding that is not zero', '(yi)', '0101000001000000'],
    ['an offset beyond the end', 'as', '690009'],
    ['offsets that go backwards', 'as', '690063000402'],
    ['an array with an incomplete element', 'ai', '040000'],
    ['an integer of three bytes', 'u', '000000'],
    ['a variant without a type', 'v', '61'],
    ['a variant with an unknown type', 'v', '00007a'],
    ['a tuple with bytes to spare', '(si)', '666f6f00fffffffff004'],
    ['an offset table wider than needed', 'as', '6900020000'],
    ['an empty dictionary entry', 'a{sv}', '00'],
  ];
  it.each(invalid)('refuses %s', (_, type, bytes) => {
    expect(() => decodeVariant(type, Buffer.from(bytes.replace(/ /gu, ''), 'hex'))).toThrow(
      expect.objectContaining({ code: 'GVARIANT_INVALID' }),
    );
  });

  const misfits: [type: string, value: VariantValue][] = [
    ['s', 5],
    ['s', 'a\0b'],
    ['y', 256],
    ['u', -1],
    ['i', 2 ** 31],
    ['t', 5],
    ['t', -1n],
    ['as', 'x'],
    ['(ss)', ['x']],
    ['v', 'x'],
    ['ay', 'x'],
    ['z', 'x'],
    ['o', 'no/path'],
    ['g', 'a'],
  ];
  it.each(misfits)('refuses to write %s as %s', (type, value) => {
    expect(() => encodeVariant(type, value)).toThrow(expect.objectContaining({ code: 'GVARIANT_INVALID' }));
  });

  it('uses wider offsets as containers grow', () => {
    for (const length of [250, 251, 252, 253, 254, 255, 256, 300, 65_529, 65_534, 65_535, 65_540]) {
      const value = ['x'.repeat(length), 'y'];
      expect(decodeVariant('as', encodeVariant('as', value))).toEqual(value);
      expect(decodeVariant('(sas)', encodeVariant('(sas)', [value[0] ?? '', value]))).toEqual([
        value[0],
        value,
      ]);
    }
  });

  const text = fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\0', ''));
  const typed: fc.Arbitrary<[string, VariantValue]> = fc.letrec<{ any: [string, VariantValue] }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      text.map((s): [string, VariantValue] => ['s', s]),
      fc.boolean().map((b): [string, VariantValue] => ['b', b]),
      fc.nat(255).map((n): [string, VariantValue] => ['y', n]),
      fc.nat(65_535).map((n): [string, VariantValue] => ['q', n]),
      fc.integer().map((n): [string, VariantValue] => ['i', n]),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n): [string, VariantValue] => ['t', n]),
      fc.uint8Array({ maxLength: 300 }).map((b): [string, VariantValue] => ['ay', Buffer.from(b)]),
      fc
        .array(tie('any'), { maxLength: 5 })
        .map((items): [string, VariantValue] => [
          `(${items.map(([t]) => t).join('')})`,
          items.map(([, value]) => value),
        ]),
      tie('any').chain(([type, value]) =>
        fc
          .integer({ min: 0, max: 40 })
          .map((n): [string, VariantValue] => [
            `a${type}`,
            type === 'y' ? new Uint8Array(n) : Array<VariantValue>(n).fill(value),
          ]),
      ),
      tie('any').map(([type, value]): [string, VariantValue] => [`m${type}`, value]),
      tie('any').map(([type, value]): [string, VariantValue] => ['v', { type, value }]),
    ),
  })).any;

  it('reads what it wrote, for any type', () => {
    fc.assert(
      fc.property(
        typed.filter(([type]) => type.length < 200),
        ([type, value]) => {
          const bytes = encodeVariant(type, value);
          expect(hex(encodeVariant(type, decodeVariant(type, bytes)))).toBe(hex(bytes));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('accepts no second serialisation of a value, and throws nothing untyped on random bytes', () => {
    const types = [
      's',
      'as',
      'a{sv}',
      '(a{sv}aya(say)sstayay)',
      '(a(say)a(sayay))',
      '(uuua(ayay))',
      'v',
      'a(ms)',
      'aai',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 80 }), (type, bytes) => {
        try {
          expect(hex(encodeVariant(type, decodeVariant(type, bytes)))).toBe(hex(bytes));
        } catch (error) {
          if (!isOpkgOstreeError(error)) throw error;
          expect(error.code).toBe('GVARIANT_INVALID');
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps the order of a dictionary and finds its keys', () => {
    const dict = decodeDict(
      encodeDict([
        ['z', v.string('1')],
        ['a', v.strings(['x', 'y'])],
        ['n', v.uint64(5n)],
      ]),
    );
    expect(dict.map(([key]) => key)).toEqual(['z', 'a', 'n']);
    expect(dictString(dict, 'z')).toBe('1');
    expect(dictString(dict, 'a')).toBeUndefined();
    expect(dictStrings(dict, 'a')).toEqual(['x', 'y']);
    expect(dictStrings(dict, 'q')).toBeUndefined();
  });

  it('refuses a dictionary that holds a key twice', () => {
    const bytes = encodeVariant('a{sv}', [
      ['k', v.string('1')],
      ['k', v.string('2')],
    ]);
    expect(() => decodeDict(bytes)).toThrow(expect.objectContaining({ code: 'GVARIANT_INVALID' }));
  });
});
