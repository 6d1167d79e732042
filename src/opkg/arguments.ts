/**
 * opkg's command line: options anywhere, long ones with one dash or two and abbreviated as long as one meaning is left,
 * `_` and `-` spellings, one letter with its value attached or apart (getopt_long_only).
 */
import { type CommandOptions, type Switch, toByteText, type Value } from '../offline/index.ts';

/** The words as opkg understands them. */
export interface ParsedArguments {
  readonly options: CommandOptions;
  /** What is no option: the command and its arguments, as text of bytes. */
  readonly words: readonly string[];
  /** Lines for standard error, one for each option that could not be understood; any makes the command misuse. */
  readonly complaints: readonly string[];
  /** Lines for standard output. */
  readonly remarks: readonly string[];
  /** `-v`: print the version and stop. */
  readonly version: boolean;
}

type Action =
  | { readonly kind: 'switch'; readonly name: Switch }
  | { readonly kind: 'value'; readonly name: Value }
  | { readonly kind: 'letter'; readonly letter: Letter };
type Letter = 'f' | 'd' | 'V' | 'v' | 'i' | 'n' | 'p' | 'add-arch' | 'add-dest';

const optional: ReadonlySet<Letter> = new Set(['V']);
const bare: ReadonlySet<Letter> = new Set(['v', 'i', 'n']);

const on = (name: Switch): Action => ({ kind: 'switch', name });
const takes = (name: Value): Action => ({ kind: 'value', name });
const special = (letter: Letter): Action => ({ kind: 'letter', letter });

/** Switches that have the spelling of their setting, with `-` and with `_`. */
const plain: readonly Switch[] = [
  'force_maintainer',
  'force_depends',
  'force_overwrite',
  'force_downgrade',
  'force_reinstall',
  'force_space',
  'force_removal_of_dependent_packages',
  'force_removal_of_essential_packages',
  'force_postinstall',
  'force_remove',
  'force_checksum',
  'force_signature',
  'no_check_certificate',
  'strip_abi',
];

const longOptions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ...plain.flatMap((name): [string, Action][] => [
    [name, on(name)],
    [name.replaceAll('_', '-'), on(name)],
  ]),
  ['query-all', on('query-all')],
  ['autoremove', on('autoremove')],
  ['recursive', on('force_removal_of_dependent_packages')],
  ['noaction', on('noaction')],
  ['test', on('noaction')],
  ['download-only', on('download_only')],
  ['nodeps', on('nodeps')],
  ['nocase', on('nocase')],
  ['size', on('size')],
  ['cache', takes('cache')],
  ['offline', takes('offline_root')],
  ['offline-root', takes('offline_root')],
  ['tmp-dir', takes('tmp_dir')],
  ['tmp_dir', takes('tmp_dir')],
  ['lists-dir', takes('lists_dir')],
  ['lists_dir', takes('lists_dir')],
  ['verify-program', takes('verify_program')],
  ['verify_program', takes('verify_program')],
  ['conf-file', special('f')],
  ['conf', special('f')],
  ['dest', special('d')],
  ['add-arch', special('add-arch')],
  ['add-dest', special('add-dest')],
  ['verbosity', special('V')],
  ['version', special('v')],
]);

const shortOptions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['A', on('query-all')],
  ['i', on('nocase')],
  ['o', takes('offline_root')],
  ['l', takes('lists_dir')],
  ['t', takes('tmp_dir')],
  ['d', special('d')],
  ['f', special('f')],
  ['n', special('n')],
  ['p', special('p')],
  ['v', special('v')],
  ['V', special('V')],
]);

/** Parses the words after the program's name. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const parser = new Parser(argv.map(toByteText));
  parser.run();
  return parser.result;
}

class Parser {
  readonly #argv: readonly string[];
  readonly #words: string[] = [];
  readonly #complaints: string[] = [];
  readonly #remarks: string[] = [];
  readonly #options: CommandOptions = {
    switches: new Set(),
    values: new Map(),
    architectures: [],
    destinations: [],
    verbosity: 1,
  };
  #version = false;
  #at = 0;

  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  get result(): ParsedArguments {
    return {
      options: this.#options,
      words: this.#words,
      complaints: this.#complaints,
      remarks: this.#remarks,
      version: this.#version,
    };
  }

  run(): void {
    while (this.#at < this.#argv.length && !this.#version) {
      const word = this.#argv[this.#at++] ?? '';
      if (word === '--') {
        this.#words.push(...this.#argv.slice(this.#at));
        return;
      }
      if (!word.startsWith('-') || word === '-') this.#words.push(word);
      else this.#option(word);
    }
  }

  #option(word: string): void {
    const double = word.startsWith('--');
    const body = word.slice(double ? 2 : 1);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    // One letter after one dash is that letter, even where a long option begins with it.
    const asLong = double || name.length > 1 || !shortOptions.has(name);
    const found = asLong ? findLong(name) : undefined;
    if (found === undefined || found === 'ambiguous') {
      if (double || !shortOptions.has(body.charAt(0))) this.#complain(found, name);
      else this.#letters(body);
      return;
    }
    this.#apply(found, equals < 0 ? undefined : body.slice(equals + 1), name);
  }

  #complain(found: 'ambiguous' | undefined, name: string): void {
    const what = found === 'ambiguous' ? 'option is ambiguous' : 'unrecognized option';
    this.#complaints.push(`opkg: ${what}: ${name}\n`);
  }

  #letters(cluster: string): void {
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster.charAt(at);
      const action = shortOptions.get(letter);
      if (action === undefined) {
        this.#complaints.push(`opkg: unrecognized option: ${letter}\n`);
        continue;
      }
      const rest = cluster.slice(at + 1);
      if (wantsValue(action) === 'no') {
        this.#apply(action, undefined, letter);
        continue;
      }
      this.#apply(action, rest === '' ? undefined : rest, letter);
      return;
    }
  }

  #apply(action: Action, attached: string | undefined, name: string): void {
    const wants = wantsValue(action);
    if (wants === 'no' && attached !== undefined) {
      this.#complaints.push(`opkg: option does not take an argument: ${name}\n`);
      return;
    }
    let value = attached;
    if (wants === 'yes' && value === undefined) {
      value = this.#argv[this.#at++];
      if (value === undefined) {
        this.#complaints.push(`opkg: option requires an argument: ${name}\n`);
        return;
      }
    }
    if (action.kind === 'switch') this.#options.switches.add(action.name);
    else if (action.kind === 'value') this.#options.values.set(action.name, value ?? '');
    else this.#special(action.letter, value);
  }

  #special(letter: Letter, value: string | undefined): void {
    switch (letter) {
      case 'f':
        this.#options.configFile = value ?? '';
        return;
      case 'd':
        this.#options.destination = value ?? '';
        return;
      case 'V':
        this.#options.verbosity = value === undefined ? 2 : Number.parseInt(value, 10) || 0;
        return;
      case 'v':
        this.#version = true;
        return;
      case 'i':
        this.#options.switches.add('nocase');
        return;
      case 'n':
      case 'p':
        this.#remarks.push(`Confusion: getopt_long returned ${letter.charCodeAt(0)}\n`);
        return;
      default:
        this.#pair(letter, value ?? '');
    }
  }

  /** `name:value`, both not empty; anything else is passed over. */
  #pair(letter: 'add-arch' | 'add-dest', text: string): void {
    const colon = text.indexOf(':');
    if (colon <= 0 || colon === text.length - 1) return;
    const pair: [string, string] = [text.slice(0, colon), text.slice(colon + 1)];
    if (letter === 'add-arch') this.#options.architectures.push(pair);
    else this.#options.destinations.push(pair);
  }
}

function wantsValue(action: Action): 'yes' | 'no' | 'maybe' {
  if (action.kind === 'switch') return 'no';
  if (action.kind === 'value') return 'yes';
  if (optional.has(action.letter)) return 'maybe';
  return bare.has(action.letter) ? 'no' : 'yes';
}

/** The option of that name, or the only one that it abbreviates; two spellings of one option are one. */
function findLong(name: string): Action | 'ambiguous' | undefined {
  const exact = longOptions.get(name);
  if (exact !== undefined || name === '') return exact;
  const matches = [...longOptions].filter(([known]) => known.startsWith(name)).map(([, action]) => action);
  const [first] = matches;
  if (first === undefined) return undefined;
  const same = matches.every((action) => JSON.stringify(action) === JSON.stringify(first));
  return same ? first : 'ambiguous';
}
