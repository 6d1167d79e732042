/** opkg's configuration (docs/formats/ipk.md): `opkg.conf`, `distfeeds.conf`, `customfeeds.conf`. Nothing in it is fatal: what cannot be used is a warning. */

/** A `src` or `src/gz` line. */
export interface Feed {
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: string;
  /** True for `src/gz`: the index is `Packages.gz`. */
  readonly gzip: boolean;
  /** The file that declares it, and the line, from 1. */
  readonly file: string;
  readonly line: number;
}

/** A line or part of one that was not used. */
interface ConfWarning {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface OpkgConf {
  /** In the order of the files and lines. */
  readonly feeds: readonly Feed[];
  /** `arch` lines: higher is preferred. Empty where there are none; see `withDefaultArchitectures`. */
  readonly architectures: ReadonlyMap<string, number>;
  /** Value options; the first value wins. A boolean that was named is here with the value it was given, or ''. */
  readonly options: ReadonlyMap<string, string>;
  /** `dest` lines: name to path; the first is the default. */
  readonly dests: ReadonlyMap<string, string>;
  readonly listsDir: string;
  /** `option check_signature` was named. */
  readonly checkSignature: boolean;
  readonly warnings: readonly ConfWarning[];
}

/** A configuration file's path and content. */
export interface ConfFile {
  readonly path: string;
  readonly text: string;
}

const defaultListsDir = '/usr/lib/opkg/lists';
/** opkg refuses more. */
const maxArchitectures = 7;
const maxLines = 10_000;
const maxLine = 8192;
const booleans: ReadonlySet<string> = new Set([
  'force_defaults',
  'force_maintainer',
  'force_depends',
  'force_overwrite',
  'force_downgrade',
  'force_reinstall',
  'force_space',
  'force_postinstall',
  'force_checksum',
  'check_signature',
  'no_check_certificate',
  'test',
  'noaction',
  'download_only',
  'nodeps',
  'nocase',
  'query-all',
  'size',
  'strip_abi',
]);
const values: ReadonlySet<string> = new Set([
  'cache',
  'ftp_proxy',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'http_timeout',
  'offline_root',
  'overlay_root',
  'proxy_passwd',
  'proxy_user',
  'tmp_dir',
  'verbosity',
  'verify_program',
]);
// Up to three fields, each bare or in double quotes; the rest is what opkg calls trailing garbage.
const linePattern = /^(\S+)\s+(?:"([^"]*)"|([^\s"]+))(?:\s+(?:"([^"]*)"|([^\s"]+)))?(.*)$/u;
/** A feed's name is a file name in the folder of lists. */
const feedNamePattern = /^[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,99}$/u;

/**
 * What the files say together, read in the given order: `opkg.conf` first, then `opkg/*.conf` by name. The first
 * value of an option, destination or feed name wins; a boolean is true by being named, whatever its value.
 */
export function parseOpkgConf(files: readonly ConfFile[]): OpkgConf {
  const builder = new ConfBuilder();
  for (const file of files) {
    const lines = file.text.split('\n', maxLines + 1);
    lines.slice(0, maxLines).forEach((text, index) => {
      builder.add(text.trim(), { file: file.path, line: index + 1 });
    });
    if (lines.length > maxLines)
      builder.warn({ file: file.path, line: maxLines }, 'the rest of the file is ignored');
  }
  return builder.conf;
}

/**
 * Which configuration files opkg reads, in order, out of those that exist. With an offline root the main file counts
 * only where it was named (`-f`); the folder's files always do.
 */
export function selectConfFiles(options: {
  readonly main: string;
  readonly mainWasNamed: boolean;
  readonly folder: readonly string[];
  readonly offline: boolean;
}): string[] {
  const folder = options.folder.filter((path) => path.endsWith('.conf')).sort();
  return options.offline && !options.mainWasNamed ? folder : [options.main, ...folder];
}

/** The architectures with opkg's defaults where no line names one: `all` and `noarch` at 1, the machine's own at 10. */
export function withDefaultArchitectures(
  conf: OpkgConf,
  own: string | undefined,
): ReadonlyMap<string, number> {
  if (conf.architectures.size > 0) return conf.architectures;
  const defaults = new Map([
    ['all', 1],
    ['noarch', 1],
  ]);
  if (own !== undefined) defaults.set(own, 10);
  return defaults;
}

type Place = Pick<ConfWarning, 'file' | 'line'>;

class ConfBuilder {
  readonly #feeds = new Map<string, Feed>();
  readonly #architectures = new Map<string, number>();
  readonly #options = new Map<string, string>();
  readonly #dests = new Map<string, string>();
  readonly #warnings: ConfWarning[] = [];
  #listsDir: string | undefined;

  get conf(): OpkgConf {
    return {
      feeds: [...this.#feeds.values()],
      architectures: this.#architectures,
      options: this.#options,
      dests: this.#dests,
      listsDir: this.#listsDir ?? defaultListsDir,
      checkSignature: this.#options.has('check_signature'),
      warnings: this.#warnings,
    };
  }

  warn(place: Place, text: string): void {
    this.#warnings.push({ ...place, text });
  }

  add(line: string, place: Place): void {
    if (line === '' || line.startsWith('#')) return;
    const match = line.length > maxLine ? null : linePattern.exec(line);
    if (match === null) {
      this.warn(place, `not a configuration line: '${line.slice(0, 80)}'`);
      return;
    }
    const type = match[1] ?? '';
    const name = match[2] ?? match[3] ?? '';
    const value = match[4] ?? match[5];
    if ((match[6] ?? '') !== '') {
      this.warn(
        place,
        `ignoring config line with trailing garbage: '${(match[6] ?? '').trim().slice(0, 80)}'`,
      );
      return;
    }
    this.#addFields(type, name, value, place);
  }

  #addFields(type: string, name: string, value: string | undefined, place: Place): void {
    if (type === 'option') {
      this.#addOption(name, value ?? '', place);
      return;
    }
    if (value === undefined || value === '') {
      this.warn(place, `'${type}' needs a name and a value`);
      return;
    }
    switch (type) {
      case 'src':
      case 'src/gz':
        this.#addFeed(name, value, type === 'src/gz', place);
        break;
      case 'dest':
        this.#addOnce(this.#dests, name, value, 'dest', place);
        break;
      case 'lists_dir':
        this.#listsDir ??= value;
        break;
      case 'arch':
        this.#addArchitecture(name, value, place);
        break;
      default:
        this.warn(place, `unknown configuration type '${type}'`);
    }
  }

  #addFeed(name: string, value: string, gzip: boolean, place: Place): void {
    const scheme = /^(https?|file):\/?/iu.test(value) && URL.canParse(value);
    if (!feedNamePattern.test(name)) this.warn(place, `the feed name '${name}' cannot be a file name`);
    else if (!scheme) this.warn(place, `feed ${name}: only http, https and file addresses are supported`);
    else if (this.#feeds.has(name)) this.warn(place, `duplicate src declaration '${name}', skipping`);
    else this.#feeds.set(name, { name, url: value.replace(/\/+$/u, ''), gzip, ...place });
  }

  #addArchitecture(name: string, value: string, place: Place): void {
    if (!/^-?\d{1,9}$/u.test(value)) this.warn(place, `arch ${name}: '${value}' is not a priority`);
    else if (this.#architectures.size >= maxArchitectures && !this.#architectures.has(name))
      this.warn(place, `more than ${maxArchitectures} arch lines; '${name}' is ignored`);
    else this.#addOnce(this.#architectures, name, Number(value), 'arch', place);
  }

  #addOption(name: string, value: string, place: Place): void {
    if (booleans.has(name)) {
      if (!this.#options.has(name)) this.#options.set(name, value);
      if (/^(?:0|no|off|false)$/iu.test(value))
        this.warn(place, `option ${name} is on whatever its value is; remove the line to turn it off`);
    } else if (values.has(name)) {
      this.#addOnce(this.#options, name, value, 'option', place);
    } else {
      this.warn(place, `unrecognized option: ${name}=${value}`);
    }
  }

  #addOnce<T>(map: Map<string, T>, name: string, value: T, type: string, place: Place): void {
    if (!map.has(name)) map.set(name, value);
    else if (map.get(name) !== value)
      this.warn(place, `${type} ${name} was set before; the first value stays`);
  }
}
