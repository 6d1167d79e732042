import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addListItem,
  addSection,
  bytesOf,
  deleteOption,
  deleteSection,
  findSection,
  parseUci,
  removeListItem,
  renameSection,
  reorderSection,
  setOption,
  type UciDocument,
} from '../../src/uci/index.ts';
import { generateFiles } from './generate.ts';

const file = `# my router
config  interface "lan"  # wired
    option proto   static
  # addresses
    list ip '10.0.0.1' # first
    list ip '10.0.0.2'

# the guests
config rule
\toption a '1' ; option b '2'
config interface wan`;

const textOf = (document: UciDocument) => Buffer.from(document.bytes).toString('latin1');
const edited = (edit: (document: UciDocument) => UciDocument, text = file) =>
  textOf(edit(parseUci(bytesOf(text))));

describe('an edit changes its statement alone:', () => {
  it.each<[string, (document: UciDocument) => UciDocument, string, string]>([
    ['set', (d) => setOption(d, 'lan', 'proto', "it's"), 'proto   static', "proto   'it'\\''s'"],
    [
      'set a new one',
      (d) => setOption(d, 'lan', 'mtu', '1400'),
      "'10.0.0.2'\n",
      "'10.0.0.2'\n    option mtu '1400'\n",
    ],
    [
      'set on a shared line',
      (d) => setOption(d, '@rule[0]', 'b', '3'),
      "\toption a '1' ; option b '2'\n",
      "\toption a '1'\n\toption b '3'\n",
    ],
    [
      'set at the end',
      (d) => setOption(d, 'wan', 'x', '1'),
      'interface wan',
      "interface wan\n\toption x '1'\n",
    ],
    [
      'set a list to a string',
      (d) => setOption(d, 'lan', 'ip', 'x'),
      "    list ip '10.0.0.1' # first\n    list ip '10.0.0.2'\n",
      "    option ip 'x'\n",
    ],
    [
      'set a string to a list',
      (d) => setOption(d, 'lan', 'proto', ['x', 'y']),
      '    option proto   static\n',
      "    list proto 'x'\n    list proto 'y'\n",
    ],
    ['set to nothing', (d) => setOption(d, 'lan', 'proto', ''), '    option proto   static\n', ''],
    ['delete', (d) => deleteOption(d, 'lan', 'proto'), '    option proto   static\n', ''],
    ['add an item', (d) => addListItem(d, 'lan', 'ip', '3'), "'10.0.0.2'\n", "'10.0.0.2'\n    list ip '3'\n"],
    [
      'remove an item',
      (d) => removeListItem(d, 'lan', 'ip', '10.0.0.1'),
      "    list ip '10.0.0.1' # first\n",
      '',
    ],
    ['remove no item', (d) => removeListItem(d, 'lan', 'proto', 'x'), '', ''],
    ['rename', (d) => renameSection(d, 'lan', 'home'), '"lan"', "'home'"],
    ['name', (d) => renameSection(d, '@rule[-1]', 'r'), 'config rule', "config rule 'r'"],
    [
      'delete a section',
      (d) => deleteSection(d, '@interface[0]'),
      file.slice(12, file.indexOf('# the guests')),
      '  # addresses\n\n',
    ],
    [
      'add a section',
      (d) => addSection(d, { type: 'zone', name: 'z', options: [{ name: 'a', kind: 'option', value: '1' }] }),
      'interface wan',
      "interface wan\n\nconfig zone 'z'\n\toption a '1'\n\n",
    ],
    [
      'add a section between',
      (d) => addSection(d, { type: 'zone', position: 1 }),
      '\n# the guests',
      '\nconfig zone\n\n# the guests',
    ],
  ])('%s', (_, edit, from, to) => {
    expect(edited(edit)).toBe(file.replace(from, () => to));
  });

  it('moving a section takes its comment along', () => {
    const moved = edited((d) => reorderSection(d, '@rule[0]', 2));
    expect(moved.indexOf('interface wan')).toBeLessThan(moved.indexOf('# the guests\nconfig rule'));
  });

  it('keeps CR LF', () => {
    expect(edited((d) => setOption(d, 'n', 'b', '2'), "config t 'n'\r\n\toption a '1'\r\n")).toBe(
      "config t 'n'\r\n\toption a '1'\r\n\toption b '2'\r\n",
    );
  });

  it('finds what is split over the file', () => {
    const text = "config t 'n'\n\toption a '1'\nconfig t 'm'\nconfig t 'n'\n\toption a '2'\n";
    expect(edited((d) => setOption(d, 'n', 'a', '3'), text)).toBe(
      "config t 'n'\nconfig t 'm'\nconfig t 'n'\n\toption a '3'\n",
    );
    expect(edited((d) => deleteSection(d, 'n'), text)).toBe("config t 'm'\n");
  });
});

describe('an edit is refused', () => {
  const document = parseUci(bytesOf(file));
  it.each<[string, () => UciDocument]>([
    ["there is no section 'x'", () => setOption(document, 'x', 'a', '1')],
    ["has no option 'x'", () => deleteOption(document, 'lan', 'x')],
    ["'a-b' is no name", () => setOption(document, 'lan', 'a-b', '1')],
    ['control character', () => setOption(document, 'lan', 'a', '\0')],
    ['control character', () => setOption(document, 'lan', 'a', '€')],
    ["there is a section 'wan' already", () => renameSection(document, 'lan', 'wan')],
    ["there is a section 'wan' already", () => addSection(document, { type: 't', name: 'wan' })],
    ['is no section type', () => addSection(document, { type: 'a b' })],
  ])('%s', (message, edit) => {
    expect(edit).toThrow(message);
  });
});

it('finds sections as the command line names them', () => {
  const { package: content } = parseUci(bytesOf(file));
  const found = [
    'lan',
    'wan',
    '@interface[0]',
    '@interface[1]',
    '@interface[-1]',
    '@rule[0]',
    '@[1]',
    'cfg0292bd',
  ];
  expect(found.map((name) => findSection(content, name))).toEqual([0, 2, 0, 2, 2, 1, 1, 1]);
  const missing = ['x', '@rule[1]', '@rule[-2]', '@rule', '@rule[x]', ''];
  expect(missing.map((name) => findSection(content, name))).toEqual(missing.map(() => undefined));
});

it('any file keeps its comment lines and the meaning of all else, whatever is set', () => {
  const documents = generateFiles(5, 1_500).flatMap((text) => {
    try {
      return [parseUci(bytesOf(text))].filter(({ package: content }) => content.sections.length > 0);
    } catch {
      return [];
    }
  });
  fc.assert(
    fc.property(fc.constantFrom(...documents), fc.nat(), (document, seed) => {
      const index = seed % document.package.sections.length;
      const section = document.package.sections[index];
      if (section === undefined || findSection(document.package, section.name) !== index) return;
      const after = setOption(document, section.name, 'a', 'new');
      expect(after.package.sections).toHaveLength(document.package.sections.length);
      expect(after.package.sections[index]?.options.find(({ name }) => name === 'a')).toMatchObject({
        value: 'new',
      });
      for (const line of textOf(document)
        .split('\n')
        .filter((each) => /^# comment$/u.test(each)))
        expect(textOf(after)).toContain(line);
    }),
    { numRuns: 500 },
  );
});
