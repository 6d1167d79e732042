import fc from 'fast-check';
import type { UciOption, UciPackage, UciSection } from '../../src/uci/index.ts';

const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));

/** Any text that a value can hold: bytes without NUL, often with quotes and line ends. */
export const value = fc.oneof(
  fc.constantFrom('1', 'eth0', "it's", 'a b', '"', '\\', 'a\nb', '#', ';', "''", '\r\n', '\t'),
  fc.array(byte, { minLength: 1, maxLength: 8 }).map((bytes) => bytes.join('')),
);

const optionName = fc.constantFrom('a', 'b', 'c', 'name', 'x_1');

const option: fc.Arbitrary<UciOption> = fc.oneof(
  fc.record({ name: optionName, kind: fc.constant('option' as const), value }),
  fc.record({
    name: optionName,
    kind: fc.constant('list' as const),
    values: fc.array(fc.oneof(value, fc.constant('')), { minLength: 1, maxLength: 4 }),
  }),
);

const options = fc.uniqueArray(option, { selector: (each) => each.name, maxLength: 5 });
const type = fc.constantFrom('rule', 'zone', 'a-b', '@x', "q'q", 'a;b', '#', '\\', '"');

/** Sections with different names, some without one. */
export const uciPackage: fc.Arbitrary<UciPackage> = fc
  .uniqueArray(
    fc.tuple(type, options, fc.option(fc.constantFrom('lan', 'wan', 'n1', 'n2'), { nil: undefined })),
    { selector: ([, , name]) => name ?? {}, maxLength: 6 },
  )
  .map((sections) => ({
    sections: sections.map(
      ([sectionType, list, name]): UciSection => ({
        type: sectionType,
        name: name ?? '',
        anonymous: name === undefined,
        options: list,
      }),
    ),
  }));

/** A change that an admin or a new default might make to a package. */
export type Change =
  | { readonly kind: 'set' | 'drop'; readonly at: number; readonly option: string; readonly value: string }
  | { readonly kind: 'add-section' | 'drop-section' | 'item'; readonly at: number; readonly value: string };

export const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('set' as const, 'drop' as const),
      at: fc.nat(9),
      option: optionName,
      value: fc.constantFrom('1', '2', '3', "it's"),
    }),
    fc.record({
      kind: fc.constantFrom('add-section' as const, 'drop-section' as const, 'item' as const),
      at: fc.nat(9),
      value: fc.constantFrom('1', '2', '3'),
    }),
  ),
  { maxLength: 6 },
);

/** The package with the changes done; added sections are named from `prefix`, or anonymous. */
export function withChanges(content: UciPackage, list: readonly Change[], prefix: string): UciPackage {
  let sections = [...content.sections];
  for (const [number, change] of list.entries()) {
    if (change.kind === 'add-section') {
      const anonymous = change.value === '1';
      const added: UciSection = {
        type: 'rule',
        name: anonymous ? '' : `${prefix}${number}`,
        anonymous,
        options: [{ name: 'name', kind: 'option', value: `${prefix}${number}` }],
      };
      sections.splice(change.at % (sections.length + 1), 0, added);
      continue;
    }
    const index = change.at % Math.max(1, sections.length);
    if (change.kind === 'drop-section') sections = sections.filter((_, at) => at !== index);
    else sections = sections.map((section, at) => (at === index ? changed(section, change) : section));
  }
  return { sections };
}

function changed(section: UciSection, change: Change): UciSection {
  const map = new Map(section.options.map((each) => [each.name, each]));
  if (change.kind === 'set')
    map.set(change.option, { name: change.option, kind: 'option', value: change.value });
  else if (change.kind === 'drop') map.delete(change.option);
  else {
    const old = map.get('c');
    const items = old === undefined ? [] : old.kind === 'list' ? old.values : [old.value];
    map.set('c', { name: 'c', kind: 'list', values: [...items, change.value] });
  }
  return { ...section, options: [...map.values()] };
}
