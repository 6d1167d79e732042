/** The declarative manifest (docs/formats/manifest.md): bounded, strict reading; writing; and the wish that it makes. Pure. */
import { type Checksum, ConfigError, isChecksum, isPackageName, type PackageName } from '../base/index.ts';
import { parseRequest } from './wish.ts';

/** A package file that the manifest pins by digest. */
export interface ManifestFile {
  readonly name: PackageName;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: Checksum;
  /** Where it can be fetched. */
  readonly url?: string;
  /** Where it lies, seen from the manifest. */
  readonly file?: string;
}

/** What the router is to be. A section that is absent leaves its part of the wish alone. */
export interface Manifest {
  readonly base?: { readonly ref: string; readonly commit?: Checksum };
  /** `name` or `name=version`. */
  readonly packages?: readonly string[];
  readonly local?: readonly ManifestFile[];
  readonly remove?: readonly PackageName[];
  readonly replace?: readonly string[];
  readonly replaceLocal?: readonly ManifestFile[];
  /** `name=version`. */
  readonly hold?: readonly string[];
  readonly kargs?: { readonly append: readonly string[]; readonly delete: readonly string[] };
  /** Feeds that have to be configured. */
  readonly feeds?: readonly { readonly name: string; readonly url?: string }[];
}

/** A manifest larger than this is none. */
export const maxManifestBytes = 1 << 20;
const maxItems = 10_000;
const maxText = 4096;

type Fields = Readonly<Record<string, unknown>>;

/** The manifest in a text. ConfigError CONFIG_INVALID naming the file and the place; an unknown key is an error, not a typo in waiting. */
export function parseManifest(text: string, path: string): Manifest {
  const reader = new Reader(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw reader.fail('', error instanceof Error ? error.message : 'it is no JSON');
  }
  const top = reader.object(value, '', topKeys);
  if (top['manifest'] !== 1) throw reader.fail('manifest', 'this program reads version 1');
  const overrides = reader.optional(top['overrides'], (given) =>
    reader.object(given, 'overrides', ['remove', 'replace', 'replace-local']),
  );
  const parts = {
    base: reader.optional(top['base'], (given) => reader.base(given)),
    packages: reader.optional(top['packages'], (given) => reader.requests(given, 'packages')),
    local: reader.optional(top['local'], (given) => reader.files(given, 'local')),
    remove: reader.optional(overrides?.['remove'], (given) => reader.names(given, 'overrides.remove')),
    replace: reader.optional(overrides?.['replace'], (given) => reader.requests(given, 'overrides.replace')),
    replaceLocal: reader.optional(overrides?.['replace-local'], (given) =>
      reader.files(given, 'overrides.replace-local'),
    ),
    hold: reader.optional(top['hold'], (given) => reader.requests(given, 'hold')),
    kargs: reader.optional(top['kargs'], (given) => reader.kargs(given)),
    feeds: reader.optional(top['feeds'], (given) => reader.feeds(given)),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined));
}

const topKeys = ['$schema', 'manifest', 'base', 'packages', 'local', 'overrides', 'hold', 'kargs', 'feeds'];

/** The manifest as JSON; the same manifest always gives the same value. */
export function renderManifest(manifest: Manifest): Fields {
  const { remove, replace, replaceLocal } = manifest;
  const overrides = { remove, replace, 'replace-local': replaceLocal };
  const hasOverrides = Object.values(overrides).some((list) => list !== undefined);
  return {
    manifest: 1,
    base: manifest.base,
    packages: manifest.packages,
    local: manifest.local,
    ...(hasOverrides ? { overrides } : {}),
    hold: manifest.hold,
    kargs: manifest.kargs,
    feeds: manifest.feeds,
  };
}

class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  fail(place: string, reason: string): ConfigError {
    const at = place === '' ? '' : ` ${place}:`;
    return new ConfigError('CONFIG_INVALID', `${this.#path}:${at} ${reason}`, {
      hint: "docs/formats/manifest.md describes the format; 'opkg-ostree export' writes one",
    });
  }

  optional<T>(value: unknown, read: (given: unknown) => T): T | undefined {
    return value === undefined ? undefined : read(value);
  }

  object(value: unknown, place: string, keys: readonly string[]): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.fail(place, 'an object is expected');
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown !== undefined) throw this.fail(place, `unknown key '${unknown.slice(0, 80)}'`);
    return { ...value };
  }

  list<T>(value: unknown, place: string, read: (item: unknown, at: string) => T): T[] {
    if (!Array.isArray(value)) throw this.fail(place, 'a list is expected');
    if (value.length > maxItems) throw this.fail(place, `more than ${maxItems} entries`);
    return value.map((item, index) => read(item, `${place}[${index}]`));
  }

  text(value: unknown, place: string): string {
    if (typeof value !== 'string' || value === '') throw this.fail(place, 'a text is expected');
    if (value.length > maxText || /[\u0000-\u001f\u007f]/u.test(value))
      throw this.fail(place, 'a text without control characters is expected');
    return value;
  }

  names(value: unknown, place: string): PackageName[] {
    return this.list(value, place, (item, at) => this.name(item, at)).sort();
  }

  name(value: unknown, place: string): PackageName {
    const text = this.text(value, place);
    if (isPackageName(text)) return text;
    throw this.fail(place, `'${text}' is not a package name`);
  }

  requests(value: unknown, place: string): string[] {
    const read = (item: unknown, at: string) => {
      const text = this.text(item, at);
      try {
        parseRequest(text);
        return text;
      } catch {
        throw this.fail(at, `'${text}' is neither NAME nor NAME=VERSION`);
      }
    };
    return this.list(value, place, read).sort();
  }

  files(value: unknown, place: string): ManifestFile[] {
    const keys = ['name', 'version', 'architecture', 'sha256', 'url', 'file'];
    return this.list(value, place, (item, at) => {
      const given = this.object(item, at, keys);
      const sha256 = this.text(given['sha256'], `${at}.sha256`);
      if (!isChecksum(sha256)) throw this.fail(`${at}.sha256`, 'a SHA-256 digest is expected');
      const url = this.optional(given['url'], (text) => this.text(text, `${at}.url`));
      if (url !== undefined && !/^https?:\/\//u.test(url)) throw this.fail(`${at}.url`, 'no http address');
      const file = this.optional(given['file'], (text) => this.text(text, `${at}.file`));
      return {
        name: this.name(given['name'], `${at}.name`),
        version: this.text(given['version'], `${at}.version`),
        architecture: this.text(given['architecture'], `${at}.architecture`),
        sha256,
        ...(url === undefined ? {} : { url }),
        ...(file === undefined ? {} : { file }),
      };
    });
  }

  base(value: unknown): NonNullable<Manifest['base']> {
    const given = this.object(value, 'base', ['ref', 'commit']);
    const ref = this.text(given['ref'], 'base.ref');
    const commit = this.optional(given['commit'], (text) => this.text(text, 'base.commit'));
    if (commit === undefined) return { ref };
    if (!isChecksum(commit)) throw this.fail('base.commit', 'a checksum is expected');
    return { ref, commit };
  }

  kargs(value: unknown): NonNullable<Manifest['kargs']> {
    const given = this.object(value, 'kargs', ['append', 'delete']);
    const words = (key: string) =>
      this.list(given[key] ?? [], `kargs.${key}`, (item, at) => this.text(item, at));
    return { append: words('append'), delete: words('delete') };
  }

  feeds(value: unknown): NonNullable<Manifest['feeds']> {
    return this.list(value, 'feeds', (item, at) => {
      const given = this.object(item, at, ['name', 'url']);
      const name = this.text(given['name'], `${at}.name`);
      const url = this.optional(given['url'], (text) => this.text(text, `${at}.url`));
      return url === undefined ? { name } : { name, url };
    });
  }
}
