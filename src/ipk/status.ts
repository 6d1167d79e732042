/**
 * opkg's database of installed packages, `<root>/usr/lib/opkg/status` (docs/formats/ipk.md): read as opkg writes
 * it, and rendered in its field order, so that a file which opkg wrote comes back byte for byte.
 */
import type { Conffile, InstalledPackage, Want } from '../packages/index.ts';
import {
  type ControlField,
  type ControlParagraph,
  controlError,
  getField,
  makeField,
  parseParagraphs,
  renderControl,
  setField,
} from './control.ts';
import { fieldReader, parseCount, recordFrom } from './record.ts';
import { type RelationCache, renderAlternatives, renderDependencies } from './relations.ts';

/** An installed package together with the paragraph that it was read from or will be written as. */
export interface StatusEntry extends InstalledPackage {
  readonly paragraph: ControlParagraph;
}

/** The order in which opkg writes a package's fields into its database (opkg 38eccbb, pkg_print_status). Others follow in their own order. */
export const statusFieldOrder: readonly string[] = [
  'Package',
  'ABIVersion',
  'Version',
  'Depends',
  'Recommends',
  'Suggests',
  'Provides',
  'Replaces',
  'Conflicts',
  'Status',
  'Essential',
  'Architecture',
  'Conffiles',
  'Installed-Time',
  'Auto-Installed',
  'Alternatives',
];
/** The order in which opkg writes flags; `reinstreq` and `replace` are read and never written. */
const flagOrder: readonly string[] = [
  'reinstreq',
  'hold',
  'replace',
  'noprune',
  'prefer',
  'obsolete',
  'user',
];
const wants: readonly Want[] = ['unknown', 'install', 'deinstall', 'purge'];
const states: readonly string[] = [
  'not-installed',
  'unpacked',
  'half-configured',
  'installed',
  'half-installed',
  'config-files',
  'post-inst-failed',
  'removal-failed',
];
const hashPattern = /^(?:[0-9a-f]{64}|[0-9a-f]{32})$/u;
const absentStates: readonly string[] = ['not-installed', 'config-files'];

/** The three words of a `Status:` line. */
export interface PackageState {
  readonly want: Want;
  /** Without `ok`. */
  readonly flags: readonly string[];
  readonly state: string;
}

/** Packages of one database: all feeds of a release together have a tenth. */
const maxEntries = 50_000;

/** Every entry of the database, in its order, those that a failed install left behind too (see `isPresent`). */
export function parseStatus(text: string): StatusEntry[] {
  const cache: RelationCache = new Map();
  const named = parseParagraphs(text).filter((paragraph) => getField(paragraph, 'Package') !== undefined);
  if (named.length > maxEntries) throw controlError(`the database has more than ${maxEntries} packages`);
  return named.map((paragraph) => entryFrom(paragraph, cache));
}

/** True where the package's files are in the tree; false for what opkg only remembers. */
export function isPresent(entry: PackageState): boolean {
  return !absentStates.includes(entry.state);
}

/** The database's text. */
export function renderStatus(entries: readonly StatusEntry[]): string {
  return entries.map(renderStatusParagraph).join('');
}

/** One entry in opkg's field order with the empty line that ends it. */
export function renderStatusParagraph(entry: StatusEntry): string {
  return `${renderControl(orderFields(entry.paragraph))}\n`;
}

/** The words of a `Status:` line; ParseError CONTROL_INVALID for any that opkg does not know. */
export function parsePackageState(value: string | undefined): PackageState {
  if (value === undefined) return { want: 'unknown', flags: [], state: 'not-installed' };
  const [wantText, flagText = '', state = '', ...rest] = value.split(/\s+/u);
  const want = wants.find((word) => word === wantText);
  const flags = flagText.split(',').filter((flag) => flag !== 'ok');
  const known = flags.every((flag) => flagOrder.includes(flag)) && states.includes(state);
  if (want === undefined || !known || rest.length > 0)
    throw controlError(`not a package status: '${value.slice(0, 120)}'`);
  return { want, flags, state };
}

/** `install user installed`: the flags in opkg's order, `ok` where there are none. */
export function renderPackageState(state: PackageState): string {
  const flags = flagOrder.filter((flag) => state.flags.includes(flag));
  return `${state.want} ${flags.length === 0 ? 'ok' : flags.join(',')} ${state.state}`;
}

/** The entry with other status words; all its other fields stay as they are. */
export function withState(entry: StatusEntry, change: Partial<PackageState>): StatusEntry {
  const state = { want: entry.want, flags: entry.flags, state: entry.state, ...change };
  return entryFrom(setField(entry.paragraph, 'Status', renderPackageState(state)));
}

/** What opkg adds to a package's own control fields when it is installed. */
export interface InstalledFacts extends PackageState {
  readonly autoInstalled: boolean;
  /** Unix seconds; 0 leaves the field out. */
  readonly installedTime: number;
  readonly conffiles: readonly Conffile[];
}

/**
 * The database entry of a package that is being installed. Relations are written in opkg's spelling, but a strict
 * `<<` stays one, which opkg would write as `<` and then read as `<=`.
 */
export function makeStatusEntry(control: ControlParagraph, facts: InstalledFacts): StatusEntry {
  const record = recordFrom(fieldReader(control));
  const fields: ControlField[] = [];
  const add = (name: string, value: string) => {
    if (value !== '') fields.push(makeField(name, value));
  };
  add('Package', record.name);
  add('ABIVersion', record.abiVersion);
  add('Version', record.version);
  add('Depends', renderDependencies(record.depends));
  add('Recommends', renderDependencies(record.recommends));
  add('Suggests', renderDependencies(record.suggests));
  add('Provides', record.provides.map((provided) => provided.name).join(', '));
  add('Replaces', renderDependencies(record.replaces.map((relation) => [relation])));
  add('Conflicts', renderDependencies(record.conflicts.map((relation) => [relation])));
  add('Status', renderPackageState(facts));
  add('Essential', record.essential ? 'yes' : '');
  add('Architecture', record.architecture);
  add('Conffiles', facts.conffiles.map((file) => `\n ${file.path} ${file.hash}`).join(''));
  add('Installed-Time', facts.installedTime > 0 ? `${facts.installedTime}` : '');
  add('Auto-Installed', facts.autoInstalled ? 'yes' : '');
  add('Alternatives', renderAlternatives(record.alternatives));
  return entryFrom({ fields });
}

function entryFrom(paragraph: ControlParagraph, cache?: RelationCache): StatusEntry {
  const field = fieldReader(paragraph);
  const options = cache === undefined ? { partial: true } : { partial: true, cache };
  return {
    ...recordFrom(field, options),
    ...parsePackageState(field('Status')),
    autoInstalled: field('Auto-Installed') === 'yes',
    installedTime: parseCount(field('Installed-Time')) ?? 0,
    conffiles: parseConffiles(field('Conffiles') ?? ''),
    paragraph,
  };
}

/** ` <path> <hash>` lines; the hash is SHA-256 (64 digits) or, in old databases, MD5 (32). A line without one is skipped, as in opkg. */
function parseConffiles(value: string): Conffile[] {
  const conffiles: Conffile[] = [];
  for (const line of value.split('\n')) {
    const text = line.trim();
    const space = text.lastIndexOf(' ');
    const hash = text.slice(space + 1).toLowerCase();
    if (space > 0 && text.startsWith('/') && hashPattern.test(hash))
      conffiles.push({ path: text.slice(0, space).trimEnd(), hash });
  }
  return conffiles;
}

function orderFields(paragraph: ControlParagraph): ControlParagraph {
  const rank = (field: ControlField) => {
    const at = statusFieldOrder.indexOf(field.name);
    return at === -1 ? statusFieldOrder.length : at;
  };
  // Array.sort is stable, so unknown fields keep their order.
  return { fields: [...paragraph.fields].sort((a, b) => rank(a) - rank(b)) };
}
