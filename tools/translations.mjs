/**
 * Writes po/templates/opkg-ostree.pot from the words of LuCI's pages, menu and access groups. `--check` writes nothing and
 * ends with 1 where the template is not up to date.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const template = 'po/templates/opkg-ostree.pot';
const resources = 'files/www/luci-static/resources';
const scripts = ['opkg-ostree', 'view/opkg-ostree'].flatMap((folder) =>
  readdirSync(join(root, resources, folder))
    .sort()
    .map((name) => join(resources, folder, name)),
);
const menu = 'files/usr/share/luci/menu.d/luci-app-opkg-ostree.json';
const groups = 'files/usr/share/rpcd/acl.d/luci-app-opkg-ostree.json';

const literal = String.raw`'((?:[^'\\]|\\.)*)'`;
const single = new RegExp(String.raw`(?<![\w.])_\(${literal}\)`, 'g');
const plural = new RegExp(String.raw`(?<![\w.])N_\([^\n]*?, ${literal}, ${literal}\)`, 'g');
const anyCall = /(?<![\w.])N?_\(/g;

/** Words, each with the places that use it: "one" or "one\0many". */
const found = new Map();
const note = (key, place) => found.set(key, [...(found.get(key) ?? []), place]);
const unquoted = (text) => text.replace(/\\(.)/g, '$1');

for (const path of scripts) {
  const text = readFileSync(join(root, path), 'utf8');
  const lineOf = (index) => text.slice(0, index).split('\n').length;
  const calls = [...text.matchAll(single), ...text.matchAll(plural)];
  // What is no literal is never translated.
  if (calls.length !== [...text.matchAll(anyCall)].length)
    throw new Error(`${path}: a text that is to be translated is no literal in single quotes`);
  for (const { index, 1: one, 2: many } of calls.sort((a, b) => a.index - b.index))
    note(
      many === undefined ? unquoted(one) : `${unquoted(one)}\0${unquoted(many)}`,
      `${path}:${lineOf(index)}`,
    );
}
for (const { title } of Object.values(JSON.parse(readFileSync(join(root, menu), 'utf8')))) note(title, menu);
for (const { description } of Object.values(JSON.parse(readFileSync(join(root, groups), 'utf8'))))
  note(description, groups);

const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`;
const entry = ([key, places]) => {
  const [one, many] = key.split('\0');
  const lines = [...places.map((place) => `#: ${place}`), `msgid ${quoted(one)}`];
  if (many === undefined) lines.push('msgstr ""');
  else lines.push(`msgid_plural ${quoted(many)}`, 'msgstr[0] ""', 'msgstr[1] ""');
  return `${lines.join('\n')}\n`;
};
const text = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n', ...[...found].map(entry)].join(
  '\n',
);
const path = join(root, template);

if (process.argv.includes('--check')) {
  const kept = readFileSync(path, 'utf8');
  if (kept !== text) {
    console.error(`${template} is not up to date: run node tools/translations.mjs`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
