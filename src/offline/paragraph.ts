/**
 * One paragraph of an index, a status file or a control file, read as leniently as opkg does: fields are told by the
 * start of a line, unknown ones are passed over, nothing is an error. What is too long for opkg ends the file.
 */
import type { Messages } from './messages.ts';
import {
  type AbstractPackage,
  type ConfigurationFile,
  flags,
  type Package,
  parseFlags,
  type RelationKind,
  type State,
  type Want,
} from './model.ts';
import { type Names, normalizeVersion, parseAlternativesField, parseRequirements } from './relations.ts';

/** What reading a paragraph needs to know and may change. */
export interface ParagraphContext {
  readonly names: Names;
  readonly find: (name: string) => AbstractPackage | undefined;
  /** Architectures in configured order with their priorities. */
  readonly architectures: ReadonlyMap<string, number>;
  /** Fields that the command has no use for. */
  readonly skip: ReadonlySet<string>;
  /** On a terminal a description keeps its line breaks; elsewhere opkg joins the lines. */
  readonly keepLineBreaks: boolean;
  readonly messages: Messages;
}

/** Longest line and paragraph, in bytes; opkg itself gives up at a line of 32 MiB. */
const maxLine = 1 << 20;
const maxParagraphLines = 4096;

/** The lines of each paragraph; lines that hold only white space part them. A paragraph that is too large is cut. */
export function* paragraphsOf(text: string): Generator<readonly string[]> {
  let lines: string[] = [];
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, Math.min(end, at + maxLine));
    at = end + 1;
    if (line.trim() === '') {
      if (lines.length > 0) yield lines;
      lines = [];
    } else if (lines.length < maxParagraphLines) lines.push(line);
  }
  if (lines.length > 0) yield lines;
}

/** The value of a field of the paragraph without reading the rest of it. */
export function peekField(lines: readonly string[], field: string): string | undefined {
  return lines
    .find((line) => line.startsWith(field))
    ?.slice(field.length + 1)
    .trim();
}

/** Fills the package from the lines; false where they name none. */
export function readParagraph(lines: readonly string[], pkg: Package, context: ParagraphContext): boolean {
  let description: string[] | undefined;
  let conffiles: ConfigurationFile[] | undefined;
  for (const line of lines) {
    if (line.startsWith(' ')) {
      if (description !== undefined) description.push(line);
      else if (conffiles !== undefined) addConffile(conffiles, line);
      continue;
    }
    conffiles = undefined;
    if (line.startsWith('Description')) {
      description = context.skip.has('Description') ? undefined : [line.slice(12).trim()];
      continue;
    }
    setDescription(pkg, description, context);
    description = undefined;
    if (line.startsWith('Conffiles')) {
      conffiles = [];
      pkg.conffiles = conffiles;
    } else readField(line, pkg, context);
  }
  setDescription(pkg, description, context);
  return pkg.name !== '';
}

function setDescription(pkg: Package, lines: readonly string[] | undefined, context: ParagraphContext): void {
  const text = lines?.join(context.keepLineBreaks ? '\n' : '').trim();
  if (text !== undefined && text !== '') pkg.texts.set('Description', text);
}

function addConffile(conffiles: ConfigurationFile[], line: string): void {
  const [path, digest] = line.trim().split(/\s+/u);
  if (path !== undefined && digest !== undefined) conffiles.push({ path, digest });
}

type Reader = (value: string, pkg: Package, context: ParagraphContext) => void;

function readField(line: string, pkg: Package, context: ParagraphContext): void {
  const found = readers.get(line.charCodeAt(0))?.find(([start]) => line.startsWith(start));
  if (found === undefined) return;
  const [start, read] = found;
  read(line.slice(start.endsWith(':') ? start.length : start.length + 1).trim(), pkg, context);
}

const text =
  (name: string): Reader =>
  (value, pkg, { skip }) => {
    if (value !== '' && !skip.has(name)) pkg.texts.set(name, value);
  };

const requirements =
  (kind: RelationKind): Reader =>
  (value, pkg, { names }) => {
    const list = parseRequirements(kind, value, names);
    if (kind === 'conflict') pkg.conflicts = [...(pkg.conflicts ?? []), ...list];
    else pkg.requirements = [...(pkg.requirements ?? []), ...list];
  };

const wants: readonly Want[] = ['unknown', 'install', 'deinstall', 'purge'];
const states: readonly State[] = [
  'not-installed',
  'unpacked',
  'half-configured',
  'installed',
  'half-installed',
  'config-files',
  'post-inst-failed',
  'removal-failed',
];

/** In the order in which opkg looks for them, which decides where one name begins another. */
const fieldReaders: readonly (readonly [string, Reader])[] = [
  ['ABIVersion', text('ABIVersion')],
  [
    'Alternatives',
    (value, pkg) => {
      const list = parseAlternativesField(value);
      if (list.length > 0) pkg.alternatives = [...(pkg.alternatives ?? []), ...list];
    },
  ],
  [
    'Architecture',
    (value, pkg, { architectures }) => {
      pkg.architecture = architectures.has(value) ? value : undefined;
    },
  ],
  [
    'Auto-Installed',
    (value, pkg) => {
      if (value === 'yes') pkg.autoInstalled = true;
    },
  ],
  ['Conflicts', requirements('conflict')],
  ['Depends', requirements('depend')],
  [
    'Essential',
    (value, pkg) => {
      if (value === 'yes') pkg.essential = true;
    },
  ],
  ['Filename', text('Filename')],
  [
    'Installed-Size',
    (value, pkg) => {
      pkg.installedSize = wholeNumber(value);
    },
  ],
  [
    'Installed-Time',
    (value, pkg) => {
      pkg.installedTime = wholeNumber(value);
    },
  ],
  ['MD5sum:', digest('MD5Sum', 32)],
  ['MD5Sum:', digest('MD5Sum', 32)],
  ['Maintainer', text('Maintainer')],
  ['Package', readName],
  ['Priority', text('Priority')],
  ['Provides', readProvides],
  ['Pre-Depends', requirements('pre-depend')],
  ['Recommends', requirements('recommend')],
  ['Replaces', readReplaces],
  ['Section', text('Section')],
  ['SHA256sum', digest('SHA256sum', 64)],
  [
    'Size',
    (value, pkg) => {
      pkg.size = wholeNumber(value);
    },
  ],
  ['Source:', text('Source')],
  ['Status', readStatus],
  ['Suggests', requirements('suggest')],
  ['Tags', text('Tags')],
  [
    'Version',
    (value, pkg) => {
      pkg.version = normalizeVersion(value);
    },
  ],
];

const readers: ReadonlyMap<number, readonly (readonly [string, Reader])[]> = groupByFirst();

function groupByFirst(): Map<number, (readonly [string, Reader])[]> {
  const groups = new Map<number, (readonly [string, Reader])[]>();
  for (const entry of fieldReaders) {
    const code = entry[0].charCodeAt(0);
    groups.set(code, [...(groups.get(code) ?? []), entry]);
  }
  return groups;
}

function digest(name: string, length: number): Reader {
  return (value, pkg) => {
    const hex = value.toLowerCase();
    if (hex.length === length && /^[0-9a-f]+$/u.test(hex)) pkg.texts.set(name, hex);
  };
}

function readName(value: string, pkg: Package, { find }: ParagraphContext): void {
  pkg.name = value;
  if (value !== '' && ((find(value)?.flags ?? 0) & flags.needDetail) !== 0) pkg.flags |= flags.needDetail;
}

function readStatus(value: string, pkg: Package, { messages }: ParagraphContext): void {
  const [want = '', words = '', state] = value.split(/\s+/u);
  if (state === undefined) {
    messages.error('parse_status', `Failed to parse Status line for ${pkg.name}\n`);
    return;
  }
  const knownWant = wants.find((word) => word === want);
  if (knownWant === undefined)
    messages.error('pkg_state_want_from_str', `Internal error: state_want=${want}\n`);
  const knownState = states.find((word) => word === state);
  if (knownState === undefined)
    messages.error('pkg_state_status_from_str', `Internal error: state_status=${state}\n`);
  pkg.want = knownWant ?? 'unknown';
  pkg.flags |= parseFlags(words);
  pkg.state = knownState ?? 'not-installed';
}

function readProvides(value: string, pkg: Package, context: ParagraphContext): void {
  if (pkg.name === '') return;
  const own = ensureProvides(pkg, context.names);
  flagRelated(pkg);
  for (const name of value.split(/[, ]+/u)) {
    if (name === '') continue;
    const provided = context.names(name);
    if ((provided.flags & flags.needDetail) !== 0) own.flags |= flags.needDetail;
    if ((pkg.flags & flags.needDetail) !== 0) provided.flags |= flags.needDetail;
    if (!provided.providedBy.includes(own)) provided.providedBy.push(own);
    pkg.provides?.push(provided);
  }
}

function readReplaces(value: string, pkg: Package, { names }: ParagraphContext): void {
  if (pkg.name === '') return;
  const own = names(pkg.name);
  own.packages ??= [];
  if (!own.providedBy.includes(own)) own.providedBy.push(own);
  for (const name of value.split(/[, ]+/u)) {
    if (name === '') continue;
    const old = names(name);
    if ((pkg.flags & flags.needDetail) !== 0) old.flags |= flags.needDetail;
    const conflicts = pkg.conflicts?.some(({ possibilities }) => possibilities.some((p) => p.target === old));
    if (conflicts === true && !old.replacedBy.includes(own)) old.replacedBy.push(own);
    pkg.replaces ??= [];
    pkg.replaces.push(old);
  }
}

/** Every package provides its own name; returns the abstract package of that. */
export function ensureProvides(pkg: Package, names: Names): AbstractPackage {
  const own = names(pkg.name);
  own.packages ??= [];
  if (!own.providedBy.includes(own)) own.providedBy.push(own);
  pkg.provides ??= [own];
  return own;
}

/** What a package depends on or conflicts with is needed in detail too. */
export function flagRelated(pkg: Package): void {
  for (const { possibilities } of [...(pkg.requirements ?? []), ...(pkg.conflicts ?? [])])
    for (const { target } of possibilities) target.flags |= flags.needDetail;
}

function wholeNumber(value: string): number {
  const number = Number.parseInt(value, 10);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
