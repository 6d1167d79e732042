/**
 * Writes docs/man/opkg-ostree.1 and docs/completions/* from the command tree itself, so that they cannot drift from it.
 * `--check` writes nothing and ends with 1 where they are not up to date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = join(root, 'node_modules/.cache/opkg-ostree-command-tree.mjs');

async function commandTree() {
  await build({
    entryPoints: [join(root, 'src/cli/command-tree.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    define: { __PRODUCT_VERSION__: '"0"', __PRODUCT_FILES__: '[]' },
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
  });
  const { buildProgram } = await import(pathToFileURL(bundle).href);
  return buildProgram({
    argv: [],
    signal: new AbortController().signal,
    outcome: { status: 0 },
    keepAfterHangup: () => undefined,
  });
}

/** Every command that does something, with its full name. */
function leaves(command, prefix = []) {
  return command.commands.flatMap((child) => {
    const path = [...prefix, child.name()];
    const own = child._actionHandler === null ? [] : [{ path, command: child }];
    return [...own, ...leaves(child, path)];
  });
}

const roff = (text) =>
  text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1');

function manual(program) {
  const shared = new Set(program.options.map((option) => option.long));
  const option = (entry) => `.TP\n.B ${roff(entry.flags)}\n${roff(entry.description)}`;
  const sections = leaves(program).map(({ path, command }) => {
    const args = command.registeredArguments.map((arg) => {
      const name = arg.variadic ? `${arg.name()}...` : arg.name();
      return arg.required ? `<${name}>` : `[${name}]`;
    });
    const own = command.options.filter((entry) => !shared.has(entry.long));
    return [
      `.SS ${roff([...path, ...args].join(' '))}`,
      `${roff(command.description())}.`,
      ...own.map(option),
    ].join('\n');
  });
  return [
    '.TH OPKG-OSTREE 1 "" "opkg-ostree" "Router administration"',
    '.SH NAME',
    'opkg\\-ostree \\- layer OpenWrt packages on an OSTree base',
    '.SH SYNOPSIS',
    '.B opkg\\-ostree',
    '.RI [ options ]',
    '.I command',
    '.RI [ arguments ]',
    '.SH DESCRIPTION',
    roff(`${program.description()}.`),
    'Every change makes a new deployment that starts at the next boot; the running system is not touched.',
    '.SH OPTIONS',
    'These belong to every command.',
    ...program.options.map(option),
    '.SH COMMANDS',
    ...sections,
    '.SH EXIT STATUS',
    '0 done; 1 failed; 2 usage; 3 refused; 4 verification failed; 5 no space; 6 locked by another operation; 7 network;',
    '70 a bug; 77 nothing to upgrade (\\-\\-check); 130 interrupted.',
    '.SH ENVIRONMENT',
    '.TP',
    '.B OPKG_OSTREE_SYSROOT',
    'The physical root, as \\-\\-sysroot.',
    '.TP',
    '.B NO_COLOR',
    'No colours.',
    '.SH SEE ALSO',
    '.BR ostree (1)',
    '',
  ].join('\n');
}

/** Commands that take the names of packages, and which of them. */
const packageKinds = {
  install: '',
  info: '',
  remove: ' --layered',
  files: ' --installed',
  why: ' --installed',
};

/** What may follow each command, for every shell: the words, and the options with which `list --names` finds packages. */
function table(program) {
  const groups = program.commands.filter((command) => command.commands.length > 0);
  const longs = (command) => command.options.map((entry) => entry.long).filter(Boolean);
  const names = (command) => command.commands.map((child) => child.name());
  return {
    groups: groups.map((group) => group.name()),
    rows: [
      { path: '', words: [...names(program), ...longs(program)] },
      ...groups.map((group) => ({ path: group.name(), words: [...names(group), ...longs(group)] })),
      ...leaves(program)
        .filter(({ command }) => command.commands.length === 0)
        .map(({ path, command }) => ({
          path: path.join(' '),
          words: longs(command),
          packages: packageKinds[path.join(' ')],
        })),
    ],
  };
}

/** The `case` branches that set `words` for a path; `$cur` is what has been typed of the next word. */
function branches(rows) {
  return rows
    .map(({ path, words, packages }) => {
      const names =
        packages === undefined ? '' : ` $(opkg-ostree list --names${packages} "$cur*" 2>/dev/null)`;
      return `    '${path}') words="${words.join(' ')}${names}" ;;`;
    })
    .join('\n');
}

function bash(program) {
  const { groups, rows } = table(program);
  return `# bash completion for opkg-ostree; made by tools/manual.mjs
_opkg_ostree() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word words index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in -*) continue ;; esac
    case "$path" in ''|${groups.join('|')}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${branches(rows)}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _opkg_ostree opkg-ostree
`;
}

function zsh(program) {
  const { groups, rows } = table(program);
  return `#compdef opkg-ostree
# zsh completion for opkg-ostree; made by tools/manual.mjs
_opkg_ostree() {
  local cur="\${words[CURRENT]}" at="" word words_
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in -*) continue ;; esac
    case "$at" in ''|${groups.join('|')}) at="\${at:+$at }$word" ;; esac
  done
  case "$at" in
${branches(rows).replaceAll(') words="', ') words_="')}
    *) words_="" ;;
  esac
  compadd -- \${=words_} || _files
}
_opkg_ostree "$@"
`;
}

function ash(program) {
  const { groups, rows } = table(program);
  return `# Made by tools/manual.mjs. BusyBox ash completes names of files and commands, and cannot be taught more: what could come
# next is printed instead. 'opkg_ostree_words install tcp' prints the packages that begin so, 'opkg_ostree_words ""' the commands.
opkg_ostree_words() {
  local cur= path= word words
  for word in "$@"; do
    if [ -n "$cur" ]; then
      case "$cur" in
      -*) ;;
      *) case "$path" in ''|${groups.join('|')}) path="\${path:+$path }$cur" ;; esac ;;
      esac
    fi
    cur=$word
  done
  case "$path" in
${branches(rows)}
    *) words="" ;;
  esac
  for word in $words; do
    case "$word" in "$cur"*) echo "$word" ;; esac
  done
}
`;
}

const program = await commandTree();
const outputs = {
  'docs/man/opkg-ostree.1': manual(program),
  'docs/completions/opkg-ostree.bash': bash(program),
  'docs/completions/opkg-ostree.zsh': zsh(program),
  'docs/completions/opkg-ostree.ash': ash(program),
};
let stale = false;
for (const [path, text] of Object.entries(outputs)) {
  const full = join(root, path);
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    continue;
  }
  let present = '';
  try {
    present = readFileSync(full, 'utf8');
  } catch {
    // A file that is missing is out of date like any other.
  }
  if (present === text) continue;
  stale = true;
  console.error(`${path} is out of date: run 'node tools/manual.mjs'`);
}
process.exitCode = stale ? 1 : 0;
