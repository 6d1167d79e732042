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
    return child.commands.length > 0 ? leaves(child, path) : [{ path, command: child }];
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

function bash(program) {
  const groups = program.commands.filter((command) => command.commands.length > 0);
  const cases = [
    ...groups.map(
      (group) => `    ${group.name()}) words="${group.commands.map((child) => child.name()).join(' ')}" ;;`,
    ),
    ...leaves(program).map(({ path, command }) => {
      const words = command.options.map((entry) => entry.long).filter(Boolean);
      const kind = packageKinds[path.join(' ')];
      const names = kind === undefined ? '' : ` $(opkg-ostree list --names${kind} "$cur*" 2>/dev/null)`;
      return `    '${path.join(' ')}') words="${words.join(' ')}${names}" ;;`;
    }),
  ];
  return `# bash completion for opkg-ostree; made by tools/manual.mjs
_opkg_ostree() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word words index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in -*) continue ;; esac
    case "$path" in ''|${groups.map((group) => group.name()).join('|')}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
    '') words="${program.commands.map((command) => command.name()).join(' ')} ${program.options.map((entry) => entry.long).join(' ')}" ;;
${cases.join('\n')}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _opkg_ostree opkg-ostree
`;
}

const program = await commandTree();
const outputs = {
  'docs/man/opkg-ostree.1': manual(program),
  'docs/completions/opkg-ostree.bash': bash(program),
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
