/** All names and packages that one run of opkg knows, in opkg's own order. */
import { compareVersions } from '../ipk/index.ts';
import { inHashOrder } from './hash-order.ts';
import { AbstractPackage, type Destination, flags, Package, type Source } from './model.ts';
import {
  ensureProvides,
  flagRelated,
  type ParagraphContext,
  paragraphsOf,
  peekField,
  readParagraph,
} from './paragraph.ts';

/** Where a text with paragraphs comes from. */
export interface Origin {
  readonly source?: Source;
  readonly destination?: Destination;
}

/** What a load does with each package; where absent it is inserted. */
export type Taker = (pkg: Package) => void;

/** The table of names. */
export class Universe {
  readonly #names = new Map<string, AbstractPackage>();
  readonly #context: ParagraphContext;
  #ordered: AbstractPackage[] | undefined;

  constructor(context: Omit<ParagraphContext, 'names' | 'find'>) {
    this.#context = {
      ...context,
      names: (name) => this.ensure(name),
      find: (name) => this.#names.get(name),
    };
  }

  /** Architectures in configured order with their priorities. */
  get architectures(): ReadonlyMap<string, number> {
    return this.#context.architectures;
  }

  find(name: string): AbstractPackage | undefined {
    return this.#names.get(name);
  }

  /** The abstract package of the name, made where it is new. */
  ensure(name: string): AbstractPackage {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made = new AbstractPackage(name);
    this.#names.set(name, made);
    this.#ordered = undefined;
    return made;
  }

  /** Every name in the order of opkg's hash table. */
  inOrder(): readonly AbstractPackage[] {
    this.#ordered ??= inHashOrder(this.#names.values(), ({ name }) => name);
    return this.#ordered;
  }

  /** Every package of every source. */
  available(): Package[] {
    return this.inOrder().flatMap((entry) => entry.packages ?? []);
  }

  /** Those whose files are on disk. */
  installed(): Package[] {
    return this.available().filter((pkg) => pkg.isPresent);
  }

  /** The installed package of that name, or else of the first name that provides it; in that destination only. */
  installedByName(name: string, destination?: Destination): Package | undefined {
    const entry = this.#names.get(name);
    const packages = entry?.packages ?? entry?.providedBy[0]?.packages;
    return packages?.find(
      (pkg) => pkg.isPresent && (destination === undefined || pkg.destination === destination),
    );
  }

  /** The priority of the package's architecture; 0 for none that may be installed. */
  priorityOf(pkg: Package): number {
    return pkg.architecture === undefined ? 0 : (this.#context.architectures.get(pkg.architecture) ?? 0);
  }

  /**
   * Reads an index or a status file. With `detail` every package counts; without, those that something already loaded
   * has to do with. `merge` keeps what was known of a package (a status file does).
   */
  load(
    text: string,
    origin: Origin,
    options: { readonly detail: boolean; readonly merge: boolean; readonly take?: Taker },
  ): void {
    for (const lines of paragraphsOf(text)) this.#loadOne(lines, origin, options);
  }

  #loadOne(lines: readonly string[], origin: Origin, options: Parameters<Universe['load']>[2]): void {
    const pkg = new Package();
    pkg.source = origin.source;
    pkg.destination = origin.destination;
    if (options.detail) pkg.flags |= flags.needDetail;
    if (!readParagraph(lines, pkg, this.#context) || !pkg.has(flags.needDetail)) return;
    if (this.priorityOf(pkg) === 0) {
      this.#context.messages.notice(
        `Package ${pkg.name} version ${pkg.version ?? '(null)'} has no valid architecture, ignoring.\n`,
      );
      return;
    }
    if (options.take === undefined) this.insert(pkg, options.merge);
    else options.take(pkg);
  }

  /**
   * Loads from indices only what the names that are flagged so far lead to, in rounds: a round may flag names whose
   * entries stand before the one that flagged them.
   */
  loadRelated(indices: readonly { readonly text: string; readonly source: Source }[]): void {
    const rows = indices.flatMap(({ text, source }) =>
      [...paragraphsOf(text)].map((lines) => ({ lines, source, seen: false })),
    );
    const marked = new Set<AbstractPackage>();
    for (;;) {
      for (const row of rows) {
        if (row.seen && !this.#isRelated(row.lines)) continue;
        row.seen = true;
        this.#loadOne(row.lines, { source: row.source }, { detail: false, merge: false });
      }
      let fresh = 0;
      for (const entry of this.#names.values()) {
        if ((entry.flags & flags.needDetail) === 0 || marked.has(entry)) continue;
        marked.add(entry);
        fresh++;
      }
      if (fresh === 0) return;
    }
  }

  /** Whether a second reading of the entry could do anything: its name, or one that it provides, is flagged. */
  #isRelated(lines: readonly string[]): boolean {
    const flagged = (name: string) => ((this.#names.get(name)?.flags ?? 0) & flags.needDetail) !== 0;
    const name = peekField(lines, 'Package');
    if (name !== undefined && flagged(name)) return true;
    return (peekField(lines, 'Provides') ?? '').split(/[, ]+/u).some((word) => word !== '' && flagged(word));
  }

  /** Reads a control file into a package that belongs to nothing yet; false where it names none. */
  readControl(text: string, pkg: Package): boolean {
    const [lines] = paragraphsOf(text);
    return lines !== undefined && readParagraph(lines, pkg, this.#context);
  }

  /** Enters the package under its name, in the place of the same version of the same architecture. */
  insert(pkg: Package, merge: boolean): void {
    const entry = this.ensure(pkg.name);
    entry.packages ??= [];
    if (pkg.state === 'installed' || pkg.state === 'unpacked') entry.state = pkg.state;
    ensureProvides(pkg, this.#context.names);
    flagRelated(pkg);
    for (const { kind, possibilities } of pkg.requirements ?? []) {
      if (kind !== 'depend' && kind !== 'pre-depend' && kind !== 'recommend') continue;
      for (const { target } of possibilities) target.dependedUponBy.push(entry);
    }
    insertVersion(entry.packages, pkg, merge);
    pkg.parent = entry;
  }
}

function insertVersion(packages: Package[], pkg: Package, merge: boolean): void {
  const held = pkg.want === 'deinstall' && pkg.has(flags.hold);
  const at = packages.findIndex(
    (other) =>
      held ||
      (compareVersions(pkg.version ?? '', other.version ?? '') === 0 &&
        pkg.architecture === other.architecture),
  );
  const old = packages[at];
  if (old === undefined) {
    packages.push(pkg);
    return;
  }
  if (merge) mergeInto(pkg, old);
  packages[at] = pkg;
}

/** What the package lacks and another entry of the same package has. */
function mergeInto(pkg: Package, old: Package): void {
  pkg.autoInstalled ||= old.autoInstalled;
  pkg.source ??= old.source;
  pkg.destination ??= old.destination;
  pkg.architecture ??= old.architecture;
  pkg.requirements ??= old.requirements;
  if (pkg.provides?.[1] === undefined) pkg.provides = old.provides;
  pkg.conflicts ??= old.conflicts;
  pkg.replaces ??= old.replaces;
  pkg.conffiles ??= old.conffiles;
  pkg.file ??= old.file;
  pkg.files ??= old.files;
  pkg.size ||= old.size;
  pkg.installedSize ||= old.installedSize;
  pkg.essential ||= old.essential;
  pkg.providedByHand ||= old.providedByHand;
  for (const [name, value] of old.texts)
    if (name !== 'Tags' && !pkg.texts.has(name)) pkg.texts.set(name, value);
}
