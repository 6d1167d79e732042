import { type Checksum, type PackageName, sha256Hex, utf8 } from '../../src/base/index.ts';
import type {
  AvailablePackage,
  Dependency,
  InstalledPackage,
  PackageRecord,
  PackageSource,
  Relation,
  SolveRequest,
  SolveResult,
  Universe,
  VersionConstraint,
} from '../../src/packages/index.ts';
import { emptyRequest } from '../../src/packages/index.ts';

/** Debian's order without epochs' odd cases: enough for tests that must not depend on src/ipk. */
function compareVersions(a: string, b: string): number {
  const order = (c: string | undefined): number =>
    c === '~'
      ? -1
      : c === undefined || /\d/u.test(c)
        ? 0
        : /[a-zA-Z]/u.test(c)
          ? c.charCodeAt(0)
          : c.charCodeAt(0) + 256;
  const part = (x: string, y: string): number => {
    let i = 0;
    let j = 0;
    while (i < x.length || j < y.length) {
      while ((i < x.length && !/\d/u.test(x[i]!)) || (j < y.length && !/\d/u.test(y[j]!))) {
        const difference = order(x[i]) - order(y[j]);
        if (difference !== 0) return difference;
        i += 1;
        j += 1;
      }
      const digits = (text: string, at: number): string => /^\d*/u.exec(text.slice(at))![0];
      const [left, right] = [digits(x, i), digits(y, j)];
      i += left.length;
      j += right.length;
      const difference = BigInt(left || '0') - BigInt(right || '0');
      if (difference !== 0n) return difference < 0n ? -1 : 1;
    }
    return 0;
  };
  const split = (text: string): [string, string, string] => {
    const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/su.exec(text)!;
    const dash = rest.lastIndexOf('-');
    return dash < 0 ? [epoch, rest, ''] : [epoch, rest.slice(0, dash), rest.slice(dash + 1)];
  };
  const [l, r] = [split(a), split(b)];
  return Number(l[0]) - Number(r[0]) || part(l[1], r[1]) || part(l[2], r[2]);
}

export const source: PackageSource = {
  id: 'opkg',
  compareVersions,
  conffileSuffix: '-opkg',
  criticalPackages: new Set(['kernel', 'libc', 'base-files', 'procd'] as PackageName[]),
};

export const named = (text: string): PackageName => text as PackageName;

/** `name` or `name (op version)`. */
export function relation(text: string): Relation {
  const [, name = '', operator, version] = /^([^\s(]+)\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?$/u.exec(
    text.trim(),
  )!;
  if (operator === undefined || version === undefined) return { name: named(name) };
  const plain = operator === '<' ? '<=' : operator === '>' ? '>=' : operator;
  return { name: named(name), constraint: { operator: plain as VersionConstraint['operator'], version } };
}

const list = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const dependencies = (text: string | undefined): Dependency[] =>
  list(text).map((item) => item.split('|').map(relation));

/** The relation fields of a package as a control file writes them. */
export interface Fields {
  readonly depends?: string;
  readonly recommends?: string;
  readonly conflicts?: string;
  readonly replaces?: string;
  readonly provides?: string;
  readonly arch?: string;
  readonly feed?: string;
  readonly url?: string;
  readonly essential?: boolean;
}

/** `name version` and fields. */
function record(id: string, fields: Fields = {}): PackageRecord {
  const [name = '', version = '1'] = id.split(' ');
  return {
    name: named(name),
    version,
    architecture: fields.arch ?? 'all',
    depends: dependencies(fields.depends),
    recommends: dependencies(fields.recommends),
    suggests: [],
    conflicts: list(fields.conflicts).map(relation),
    replaces: list(fields.replaces).map(relation),
    provides: list(fields.provides).map((text) => {
      const { name: own, constraint } = relation(text);
      return constraint === undefined ? { name: own } : { name: own, version: constraint.version };
    }),
    alternatives: [],
    essential: fields.essential ?? false,
    abiVersion: '',
    installedSize: 0,
    section: '',
    description: '',
  };
}

/** A package of a feed. */
export function available(id: string, fields: Fields = {}): AvailablePackage {
  const feed = fields.feed ?? 'feed';
  const url = fields.url ?? `https://example.org/${feed}`;
  return {
    ...record(id, fields),
    origin: { kind: 'feed', feed, url },
    size: 1,
    sha256: sha256Hex(utf8(JSON.stringify([id, fields]))),
  };
}

/** A package file. */
export function local(id: string, fields: Fields = {}): AvailablePackage {
  const path = `/tmp/${id.replace(' ', '_')}.ipk`;
  return {
    ...available(id, fields),
    origin: { kind: 'local', path },
    sha256: `${'0'.repeat(63)}1` as Checksum,
  };
}

/** A package of the base. */
export function installed(
  id: string,
  fields: Fields & { flags?: string[]; state?: string } = {},
): InstalledPackage {
  return {
    ...record(id, fields),
    want: 'install',
    flags: fields.flags ?? [],
    state: fields.state ?? 'installed',
    autoInstalled: false,
    installedTime: 0,
    conffiles: [],
  };
}

export function universe(base: readonly InstalledPackage[], feed: readonly AvailablePackage[]): Universe {
  return {
    installed: base,
    available: feed,
    architectures: new Map([
      ['all', 1],
      ['x86_64', 10],
    ]),
    source,
  };
}

/** A request from `name`, `name=version` or `name (op version)`. */
export function request(install: readonly string[], rest: Partial<SolveRequest> = {}): SolveRequest {
  return { ...emptyRequest, install: install.map(wish), ...rest };
}

export function wish(text: string): Relation {
  const [name = '', version] = text.split('=');
  if (text.includes('(') || version === undefined) return relation(text);
  return { name: named(name), constraint: { operator: '=', version } };
}

/** `name version` of all that is installed, in order; throws the blockers where there are any. */
export function plan(result: SolveResult): string[] {
  if (result.kind === 'refused') throw new Error(result.blockers.map(({ text }) => text).join('\n'));
  return result.install.map(({ package: { name, version } }) => `${name} ${version}`);
}
