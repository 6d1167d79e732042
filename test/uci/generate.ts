/** A small seeded generator (mulberry32): the same seed gives the same files on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

type Pick = <T>(from: readonly T[]) => T;

const names = [
  'lan',
  'wan',
  'a',
  'b',
  'a_b',
  'x1',
  '',
  'br-lan',
  'ä',
  'a.b',
  'cfg014b3b',
  "'lan'",
  '"wan"',
  "''",
];
const types = ['rule', 'zone', 'interface', 't', 'ru-le', '@x', "'rule'", '""', 'a.b', 'ü', "ru'le'"];
const values = [
  '1',
  'eth0',
  "'eth0'",
  '"eth0"',
  "''",
  '""',
  "'a b'",
  '"a b"',
  '"a\\"b"',
  "'it'\\''s'",
  'a\\ b',
  'a\\',
  "a'b c'd",
  '"a\\\nb"',
  "'a\nb'",
  '"a\n\tb"',
  "'a;b'",
  'a;b',
  'a#b',
  "'a#b'",
  '"x',
  "'x",
  'ä',
  '\\n',
  '"\\n"',
  "'\\n'",
  '\\\n',
  'a\\\nb',
  '',
  '10.0.0.1/24',
  "'a\r\nb'",
  '"a"b\'c\'d',
  'caf\xe9',
  "'\x01'",
  "'\x7f'",
  '\x02',
  'x'.repeat(31),
  `'${'y '.repeat(40)}'`,
  'z'.repeat(300),
];
const blanks = [' ', ' ', ' ', '\t', '  ', ' \t ', '', '\v', '\f', '\\\n'];
const ends = [
  '\n',
  '\n',
  '\n',
  '\n',
  '\n',
  '\r\n',
  ' \n',
  '\t\n',
  ' # note\n',
  '#note\n',
  ';',
  ' ; ',
  ' ;\n',
  '; ',
  "''\n",
  ' x\n',
  '',
  ' \\\n',
  '\n\n',
  '\n \n',
  '\0\n',
  ' \r',
  '\\\n',
];
const loose = [
  '# comment\n',
  '\n',
  '  \n',
  '#\n',
  '\t# x\n',
  ';\n',
  'foo\n',
  '\0',
  '\n\0junk\n',
  ' \\\n',
  '#a\0b\n',
  '\r\n',
  "'\n",
  'config\n',
  'option\n',
  'package\n',
];
const keywords: Readonly<Record<string, readonly string[]>> = {
  config: ['config', 'config', 'config', 'c', 'conf', 'Config', "'config'"],
  option: ['option', 'option', 'option', '\toption', '\toption', 'o', 'opt', '  option'],
  list: ['list', '\tlist', '\tlist', 'l', 'li'],
  package: ['package', 'p', 'pack'],
};

/**
 * One file as a byte string. `wildness` from 0 (all but well formed) to 1 (almost surely refused): each part
 * is taken from the tame front of its table or, that often, from all of it.
 */
export function generateFile(random: () => number, wildness: number): string {
  const pick: Pick = (from) => from[Math.floor(random() * from.length)] as (typeof from)[number];
  const some = <T>(from: readonly T[], tame: number): T =>
    random() < wildness ? pick(from) : pick(from.slice(0, tame));
  const statement = (kind: string, first: string, second: string | undefined) =>
    `${some(keywords[kind]!, 2)}${some(blanks, 6)}${first}${second === undefined ? '' : some(blanks, 6) + second}${some(ends, 5)}`;
  let text = random() < 0.1 ? statement('package', some(names, 6), undefined) : '';
  const count = Math.floor(random() * 7);
  for (let section = 0; section < count; section++) {
    if (random() < 0.2) text += some(loose, 5);
    text += statement('config', some(types, 4), random() < 0.5 ? some(names, 6) : undefined);
    const options = Math.floor(random() * 5);
    for (let option = 0; option < options; option++) {
      if (random() < 0.1) text += some(loose, 5);
      text += statement(random() < 0.7 ? 'option' : 'list', some(names, 6), some(values, 15));
    }
  }
  return random() < 0.1 ? text.replace(/\n$/u, '') : text;
}

/** A copy with a few bytes changed, dropped, doubled or swapped. */
export function mutate(random: () => number, text: string): string {
  let result = text;
  for (let times = 1 + Math.floor(random() * 3); times > 0 && result.length > 0; times--) {
    const at = Math.floor(random() * result.length);
    const kind = Math.floor(random() * 4);
    const byte = '\'"\\;#\n\r\t \0aé-_.'.charAt(Math.floor(random() * 15));
    if (kind === 0) result = result.slice(0, at) + result.slice(at + 1);
    else if (kind === 1) result = result.slice(0, at) + byte + result.slice(at);
    else if (kind === 2) result = result.slice(0, at) + byte + result.slice(at + 1);
    else result = result.slice(0, at) + result.slice(at, at + 20) + result.slice(at);
  }
  return result;
}

/** `count` files of one seed: tame, wild and mutated ones. */
export function generateFiles(seed: number, count: number): string[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => {
    const wildness = random() < 0.4 ? 0 : random() * 0.25;
    const text = generateFile(random, wildness);
    return random() < 0.3 ? mutate(random, text) : text;
  });
}
