/** Reads opkg's configuration over what the command line said. Nothing but an unreadable file is fatal, as in opkg. */
import { errnoOf, lstatIfExists, readdirIfExists, readFile, statIfExists } from '../sys/index.ts';
import { byteText, errnoText, type Messages, toByteText, toPath } from './messages.ts';
import type { Destination, Source } from './model.ts';
import { type CommandOptions, type Settings, type Switch, switches, type Value, values } from './options.ts';
import { ownArchitecture } from './own-architecture.ts';

/** What opkg takes from its environment. */
export interface SettingsEnvironment {
  readonly OFFLINE_ROOT: string | undefined;
  readonly OPKG_CONF_DIR: string | undefined;
}

const stateFolder = '/usr/lib/opkg';
const lockPath = '/var/lock/opkg.lock';
const maxConfigBytes = 1 << 20;
/** opkg has three bits for an architecture. */
const maxArchitectures = 7;

/** The settings; undefined after an error that opkg ends with, which is then among the messages. */
export function loadSettings(
  options: CommandOptions,
  environment: SettingsEnvironment,
  messages: Messages,
): Settings | undefined {
  const builder = new SettingsBuilder(options, environment, messages);
  if (!builder.readFiles()) return undefined;
  return builder.finish();
}

class SettingsBuilder {
  readonly #options: CommandOptions;
  readonly #messages: Messages;
  readonly #environment: SettingsEnvironment;
  readonly #sources: Source[] = [];
  readonly #architectures: (readonly [string, string])[];
  readonly #destinations: (readonly [string, string])[];

  constructor(options: CommandOptions, environment: SettingsEnvironment, messages: Messages) {
    this.#options = options;
    this.#messages = messages;
    this.#environment = environment;
    this.#architectures = [...options.architectures];
    this.#destinations = [...options.destinations];
  }

  readFiles(): boolean {
    const { values: given } = this.#options;
    const main =
      this.#options.configFile ?? (given.has('offline_root') ? undefined : toByteText('/etc/opkg.conf'));
    const { OFFLINE_ROOT } = this.#environment;
    if (!given.has('offline_root') && OFFLINE_ROOT !== undefined) given.set('offline_root', OFFLINE_ROOT);
    if (main !== undefined) {
      if (statIfExists(toPath(main)) === undefined) {
        this.#messages.error('opkg_conf_load', `Couldn't stat ${main}: ${errnoText('ENOENT')}.\n`);
        return false;
      }
      if (!this.#readFile(main)) return false;
    }
    const root = given.get('offline_root');
    const folder = root === undefined ? (this.#environment.OPKG_CONF_DIR ?? '/etc/opkg') : `${root}/etc/opkg`;
    return readdirIfExists(toPath(folder))
      .map(toByteText)
      .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
      .sort()
      .map((name) => `${folder}/${name}`)
      .filter((path) => path !== main)
      .every((path) => this.#readFile(path));
  }

  #readFile(path: string): boolean {
    let bytes: Uint8Array;
    try {
      bytes = readFile(toPath(path));
    } catch (error) {
      this.#messages.error('opkg_conf_parse_file', `Failed to open ${path}: ${errnoText(errnoOf(error))}.\n`);
      return false;
    }
    this.#messages.info('opkg_conf_parse_file', `Loading conf file ${path}.\n`);
    const text = byteText(bytes.subarray(0, maxConfigBytes));
    text.split('\n').forEach((line, index) => {
      this.#addLine(line, path, index + 1);
    });
    return true;
  }

  #addLine(line: string, path: string, number: number): void {
    if (/^\s*(?:#|$)/u.test(line)) return;
    const { fields, rest } = splitLine(line);
    const [type = '', name = '', value = ''] = fields;
    // One more word is passed over without a sound; two are "trailing garbage".
    if (rest.length > 1 && !type.startsWith('dist')) {
      this.#messages.error(
        'opkg_conf_parse_file',
        `${path}:${number}: Ignoring config line with trailing garbage: \`${line}'\n`,
      );
      return;
    }
    switch (type) {
      case 'option':
        this.#addOption(name, value);
        return;
      case 'src':
      case 'src/gz':
        this.#addSource({ name, url: value, gzip: type === 'src/gz' });
        return;
      case 'dest':
        this.#destinations.push([name, value]);
        return;
      case 'lists_dir':
        this.#options.values.set('lists_dir', value);
        return;
      case 'arch':
        this.#messages.info('opkg_conf_parse_file', `Supported arch ${name} priority (${value})\n`);
        this.#architectures.push([name, value]);
        return;
      default:
        this.#messages.error(
          'opkg_conf_parse_file',
          `${path}:${number}: Ignoring invalid line: \`${line}'\n`,
        );
    }
  }

  #addSource(source: Source): void {
    if (this.#sources.some(({ name }) => name === source.name)) {
      this.#messages.error(
        'opkg_conf_parse_file',
        `Duplicate src declaration (${source.name} ${source.url}). Skipping.\n`,
      );
    } else if (/^[^./][^/\0]*$/u.test(source.name)) this.#sources.push(source);
    else this.#messages.error('opkg_conf_parse_file', `The src name \`${source.name}' is no file name.\n`);
  }

  #addOption(spelled: string, value: string): void {
    const where = 'opkg_conf_set_option';
    const name = spelled === 'test' ? 'noaction' : spelled;
    if (isSwitch(name) && configurable.has(name)) {
      if (this.#options.switches.has(name))
        this.#messages.error(where, `Duplicate boolean option ${spelled}, leaving this option on.\n`);
      else this.#options.switches.add(name);
    } else if (isValue(name) && name !== 'lists_dir') {
      const known = this.#options.values.get(name);
      if (known === undefined) this.#options.values.set(name, value);
      else this.#messages.error(where, `Duplicate option ${spelled}, using first seen value "${known}".\n`);
    } else if (name === 'verbosity') {
      if (this.#options.verbosity === 0) this.#options.verbosity = Number.parseInt(value, 10) || 0;
      else
        this.#messages.error(
          where,
          `Duplicate option verbosity, using first seen value "${this.#options.verbosity}".\n`,
        );
    } else this.#messages.error(where, `Unrecognized option: ${spelled}=${value}\n`);
  }

  finish(): Settings | undefined {
    const { switches: on, values: given } = this.#options;
    const offlineRoot = given.get('offline_root');
    const under = (path: string) => (offlineRoot === undefined ? path : `${offlineRoot}/${path}`);
    const destinations = this.#resolveDestinations(offlineRoot);
    const [first, ...others] = destinations;
    const named = destinations.find(({ name }) => name === this.#options.destination);
    if (first === undefined || (named === undefined && this.#options.destination !== undefined)) {
      this.#messages.error('resolve_pkg_dest_list', `Unknown dest name: \`${this.#options.destination}'.\n`);
      return undefined;
    }
    const lines = this.#architectureLines(ownArchitecture(offlineRoot ?? ''));
    return {
      on: (name) => on.has(name),
      value: (name) => given.get(name),
      sources: this.#sources,
      architectureLines: lines,
      architectures: this.#priorities(lines),
      destinations: [first, ...others],
      defaultDestination: named ?? first,
      restricted: named !== undefined,
      offlineRoot,
      listsFolder: under(given.get('lists_dir') ?? `${stateFolder}/lists`),
      lockFile: under(lockPath),
    };
  }

  #architectureLines(own: string): readonly (readonly [string, string])[] {
    if (this.#architectures.length > 0) return this.#architectures;
    return [
      ['all', '1'],
      ['noarch', '1'],
      [own, '10'],
    ];
  }

  #priorities(lines: readonly (readonly [string, string])[]): ReadonlyMap<string, number> {
    const known = new Map<string, number>();
    for (const [index, [name, text]] of lines.entries()) {
      if (index < maxArchitectures && !known.has(name)) known.set(name, Number.parseInt(text, 10) || 0);
    }
    return known;
  }

  #resolveDestinations(offlineRoot: string | undefined): Destination[] {
    const given = this.#destinations.length === 0 ? ([['root', '/']] as const) : this.#destinations;
    return given.map(([name, path]) => {
      const joined = `${offlineRoot ?? ''}${path}`;
      const root = joined.endsWith('/') ? joined : `${joined}/`;
      return {
        name,
        root,
        infoFolder: `${root}${stateFolder}/info`,
        statusFile: `${root}${stateFolder}/status`,
      };
    });
  }
}

/** Up to three fields, each bare or in double quotes, and the words after them. */
function splitLine(line: string): { fields: string[]; rest: string[] } {
  const fields: string[] = [];
  let at = 0;
  const skipSpace = () => {
    while (at < line.length && /\s/u.test(line.charAt(at))) at++;
  };
  for (let field = 0; field < 3; field++) {
    skipSpace();
    const close = line.charAt(at) === '"' ? line.indexOf('"', at + 1) : -1;
    if (close > 0) {
      fields.push(line.slice(at + 1, close));
      at = close + 1;
    } else {
      const start = at;
      while (at < line.length && !/\s/u.test(line.charAt(at))) at++;
      fields.push(line.slice(start, at));
    }
  }
  return {
    fields,
    rest: line
      .slice(at)
      .trim()
      .split(/\s+/u)
      .filter((word) => word !== ''),
  };
}

/** Switches that only the command line has. */
const commandLineOnly: readonly Switch[] = [
  'autoremove',
  'force_remove',
  'force_signature',
  'force_removal_of_dependent_packages',
  'force_removal_of_essential_packages',
];
const configurable: ReadonlySet<Switch> = new Set(switches.filter((name) => !commandLineOnly.includes(name)));

function isSwitch(name: string): name is Switch {
  return switches.some((known) => known === name);
}

function isValue(name: string): name is Value {
  return values.some((known) => known === name);
}

/** True where the folder that holds the path exists. */
export function hasParent(path: string): boolean {
  const folder = toPath(path).replace(/\/[^/]*$/u, '') || '/';
  return lstatIfExists(folder) !== undefined && statIfExists(folder)?.isDirectory() === true;
}
