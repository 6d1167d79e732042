import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  getField,
  parseControl,
  parseDependencies,
  parseParagraphs,
  parseRecord,
  renderControl,
  renderDependencies,
  setField,
} from '../../src/ipk/index.ts';
import { controlText } from '../support/ipk.ts';
import { codeOf } from '../support/outcomes.ts';

const luci = [
  'Package: libubox20230523',
  'Version: 2023.05.23~75a3b870-r1',
  'Depends: libc, kernel (= 5.15.137-1-29d3c8b2d48de9c08323849df5ed6674), zlib (=1.2.13-1),libc, a | b (<2) | c',
  'Provides: libubox @virtual',
  'Alternatives: 200:/bin/x:/bin/busybox, 300:relative:/x, 100:/y:, :/z:/z, 5:/usr/bin/w:/usr/libexec/w',
  'Conflicts: old (<< 2), other',
  'Replaces: old',
  'Essential: yes',
  'ABIVersion: 20230523',
  'Architecture: aarch64_cortex-a53',
  'Installed-Size: 20637',
  'X-Unknown:   kept as it is  ',
  'Description:  First line',
  ' second line',
  ' ',
  ' last line',
  '',
].join('\n');

describe('control paragraphs', () => {
  it('come back byte for byte', () => {
    expect(renderControl(parseControl(luci))).toBe(luci);
  });

  it('are read with a CR before the line break', () => {
    const text = luci.replaceAll('\n', '\r\n');
    expect(parseRecord(parseControl(text)).version).toBe('2023.05.23~75a3b870-r1');
  });

  it('keep fields apart that only begin alike', () => {
    expect(getField(parseControl('Package: a\nPackages: b\npackage: c\n'), 'Package')).toBe('a');
  });

  it('are parted by empty lines, of which there may be many', () => {
    expect(parseParagraphs('\n\nPackage: a\n\n\nPackage: b').map((p) => getField(p, 'Package'))).toEqual([
      'a',
      'b',
    ]);
  });

  it('can be changed in place', () => {
    const changed = setField(parseControl('A: 1\nB: 2\nC: 3\n'), 'B', 'x\n y');
    expect(renderControl(changed)).toBe('A: 1\nB: x\n y\nC: 3\n');
  });

  it.each([
    ['nothing', ''],
    ['two paragraphs', 'Package: a\n\nPackage: b\n'],
    ['a continuation first', ' x\nPackage: a\n'],
    ['a line without a colon', 'Package: a\nnonsense\n'],
    ['a repeated field', 'Package: a\nVersion: 1\nPackage: b\n'],
    ['a field without name', ': a\n'],
    ['a line that is too long', `Package: ${'a'.repeat(70_000)}\n`],
    ['too many fields', Array.from({ length: 300 }, (_, i) => `F${i}: x\n`).join('')],
    ['a paragraph that is too large', `A: b\n${` ${'x'.repeat(60_000)}\n`.repeat(20)}`],
  ])('%s is CONTROL_INVALID', (_, text) => {
    expect(codeOf(() => parseControl(text))).toBe('CONTROL_INVALID');
  });

  it('cannot be broken out of by a value that is set', () => {
    expect(codeOf(() => setField(parseControl('A: 1\n'), 'B', 'x\n\nPackage: evil'))).toBe('CONTROL_INVALID');
    expect(codeOf(() => setField(parseControl('A: 1\n'), 'B: x\nC', 'y'))).toBe('CONTROL_INVALID');
  });
});

describe('records', () => {
  const record = parseRecord(parseControl(luci));

  it('hold what the fields say', () => {
    expect(record).toMatchObject({
      name: 'libubox20230523',
      architecture: 'aarch64_cortex-a53',
      provides: [{ name: 'libubox' }, { name: 'virtual' }],
      conflicts: [{ name: 'old', constraint: { operator: '<<', version: '2' } }, { name: 'other' }],
      replaces: [{ name: 'old' }],
      alternatives: [
        { priority: 200, path: '/bin/x', target: '/bin/busybox' },
        { priority: 5, path: '/usr/bin/w', target: '/usr/libexec/w' },
      ],
      essential: true,
      abiVersion: '20230523',
      installedSize: 20637,
      description: 'First line\nsecond line\n\nlast line',
    });
  });

  it('survive the oddities of real dependency lists', () => {
    expect(renderDependencies(record.depends)).toBe(
      'libc, kernel (= 5.15.137-1-29d3c8b2d48de9c08323849df5ed6674), zlib (= 1.2.13-1), a | b (<= 2) | c',
    );
    expect(renderDependencies(parseDependencies(' ,a *, b (>>  1:2-3) *,, '))).toBe('a, b (>> 1:2-3)');
  });

  it('count Pre-Depends among the dependencies', () => {
    const text = controlText({ control: { Depends: 'a', 'Pre-Depends': 'b' } });
    expect(renderDependencies(parseRecord(parseControl(text)).depends)).toBe('b, a');
  });

  it.each([
    ['a name with a slash', { Package: '../x' }, 'CONTROL_INVALID'],
    ['a version with a space', { Version: '1 2' }, 'VERSION_INVALID'],
    ['no architecture', { Architecture: '' }, 'CONTROL_INVALID'],
    ['an unclosed constraint', { Depends: 'a (>= 1' }, 'CONTROL_INVALID'],
    ['an unknown operator', { Depends: 'a (== 1)' }, 'CONTROL_INVALID'],
    ['a dependency that is no name', { Depends: 'a b' }, 'CONTROL_INVALID'],
    ['an empty alternative', { Depends: 'a |' }, 'CONTROL_INVALID'],
    ['a provided path', { Provides: 'a /b' }, 'CONTROL_INVALID'],
    ['too many dependencies', { Depends: 'a,'.repeat(5000) }, 'CONTROL_INVALID'],
  ])('%s: %o is %s', (_, control, code) => {
    expect(codeOf(() => parseRecord(parseControl(controlText({ control }))))).toBe(code);
  });

  it('are built or refused with a typed error, whatever the text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.tuple(fc.constantFrom('Package', 'Version', 'Depends', 'Provides', 'Alternatives'), fc.string()),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.map((l) => (typeof l === 'string' ? l : l.join(': '))).join('\n');
        try {
          for (const paragraph of parseParagraphs(text)) parseRecord(paragraph);
        } catch (error) {
          expect(error).toSatisfy(isOpkgOstreeError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('parse and render', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abzAZ09 .,:()|é\t'), maxLength: 20 });
  const value = fc
    .tuple(word, fc.array(word, { maxLength: 3 }))
    .map(([first, more]) => [first, ...more.map((l) => ` ${l}`)].join('\n'));
  const paragraph = fc
    .uniqueArray(fc.string({ unit: fc.constantFrom(...'abcXYZ-9'), minLength: 1, maxLength: 6 }), {
      minLength: 1,
    })
    .chain((names) => fc.tuple(...names.map((name) => value.map((raw) => ({ name, raw })))))
    .map((fields) => ({ fields }));

  it('are inverse', () => {
    fc.assert(
      fc.property(paragraph, (p) => {
        expect(parseControl(renderControl(p))).toEqual(p);
      }),
    );
  });
});
