/** opkg's own choice of a package for a name (opkg.md section 7): no backtracking, and the same answer for image builders. */
import { compareVersions } from '../ipk/index.ts';
import { compareText, type Messages } from './messages.ts';
import { type AbstractPackage, flags, type Package, type Possibility, type Requirement } from './model.ts';
import { formatRequirement, meets } from './relations.ts';
import type { Universe } from './universe.ts';

/** What the choice depends on besides the packages. */
export interface ChooserOptions {
  readonly universe: Universe;
  readonly messages: Messages;
  /** Names on the command line count one point more. */
  readonly words: ReadonlySet<string>;
}

type Fits = (pkg: Package) => boolean;

/** Chooses packages for names, and finds what a package still needs. */
export class Chooser {
  readonly #universe: Universe;
  readonly #messages: Messages;
  readonly #words: ReadonlySet<string>;

  constructor({ universe, messages, words }: ChooserOptions) {
    this.#universe = universe;
    this.#messages = messages;
    this.#words = words;
  }

  /** The package of exactly that name; undefined for an unknown name or where nothing can be installed. */
  byName(name: string): Package | undefined {
    const wanted = this.#universe.find(name);
    return wanted === undefined ? undefined : this.candidate(wanted, (pkg) => pkg.name === name, false);
  }

  /** The best of all packages that provide the name. One that does not fit may come back: then nothing fits. */
  candidate(wanted: AbstractPackage, fits: Fits, quiet: boolean): Package | undefined {
    if (wanted.providedBy.length === 0) return undefined;
    const { matching, parents } = this.#matching(wanted);
    const good = this.#bestOf(matching, wanted, fits);
    const held = this.#heldOf(matching);
    const present = matching.findLast(({ parent }) => isPresentState(parent));
    const found = good ?? held ?? present;
    if (found !== undefined) return found;
    if (parents > 1) return quiet ? undefined : this.#byPriority(matching);
    return matching.at(-1);
  }

  /** Those that can be installed at all, sorted; `parents` counts them as opkg does. */
  #matching(wanted: AbstractPackage): { matching: Package[]; parents: number } {
    const matching: Package[] = [];
    let wrongArchitecture = false;
    for (const provider of wanted.providedBy) {
      const entry = this.#standIn(provider, wanted.providedBy);
      if (entry?.packages === undefined) continue;
      for (const pkg of entry.packages) {
        if (this.#universe.priorityOf(pkg) <= 0 || matching.includes(pkg)) continue;
        if (this.#isUnresolved(pkg)) continue;
        matching.push(pkg);
      }
      if (entry.packages.length > 0 && matching.length === 0) wrongArchitecture = true;
    }
    if (matching.length === 0 && wrongArchitecture) {
      this.#messages.error(
        'pkg_hash_fetch_best_installation_candidate',
        `Packages for ${wanted.name} found, but incompatible with the architectures configured\n`,
      );
    }
    matching.sort((a, b) => this.#order(a, b));
    return { matching, parents: matching.length };
  }

  /** What takes the provider's place: the first that replaces and conflicts with it, unless it is a provider itself. */
  #standIn(provider: AbstractPackage, providers: readonly AbstractPackage[]): AbstractPackage | undefined {
    const [first, second] = provider.replacedBy;
    if (first === undefined) return provider;
    if (second !== undefined) {
      this.#messages.notice(`Multiple replacers for ${provider.name}, using first one (${first.name}).\n`);
    }
    if (first === provider) return provider;
    return providers.includes(first) ? undefined : first;
  }

  #isUnresolved(pkg: Package): boolean {
    const { unresolved } = this.missing(pkg, 'check');
    for (const item of unresolved) {
      this.#messages.error('pkg_hash_check_unresolved', `cannot find dependency ${item} for ${pkg.name}\n`);
    }
    return unresolved.length > 0;
  }

  #order(a: Package, b: Package): number {
    return (
      compareText(a.name, b.name) ||
      compareVersions(a.version ?? '', b.version ?? '') ||
      this.#universe.priorityOf(a) - this.#universe.priorityOf(b)
    );
  }

  #bestOf(matching: readonly Package[], wanted: AbstractPackage, fits: Fits): Package | undefined {
    let best: Package | undefined;
    let bestScore = 0;
    for (const pkg of matching) {
      if (!fits(pkg)) continue;
      const score = 1 + Number(pkg.name === wanted.name) + Number(this.#words.has(pkg.name));
      if (score < bestScore) continue;
      best = pkg;
      bestScore = score;
      if (pkg.providedByHand) break;
    }
    return best;
  }

  #heldOf(matching: readonly Package[]): Package | undefined {
    let held: Package | undefined;
    for (const pkg of matching) {
      if (!pkg.has(flags.hold | flags.prefer)) continue;
      if (held !== undefined) {
        this.#messages.notice(
          `Multiple packages (${held.name} and ${pkg.name}) providing same name marked HOLD or PREFER. Using latest.\n`,
        );
      }
      held = pkg;
    }
    return held;
  }

  #byPriority(matching: readonly Package[]): Package | undefined {
    let best: Package | undefined;
    let priority = 0;
    for (const pkg of matching) {
      const own = this.#universe.priorityOf(pkg);
      if (own <= priority) continue;
      best = pkg;
      priority = own;
    }
    return best;
  }

  /**
   * What has to be installed for the package, each after its own dependencies, and the dependencies that nothing meets.
   * Each name is looked at once a run: once to see whether a package can be installed at all (`check`), once to do it.
   */
  missing(pkg: Package, purpose: 'check' | 'install', found: Package[] = []): Missing {
    const { parent } = pkg;
    const none: Missing = { install: [], unresolved: [] };
    if (parent === undefined) return none;
    if (purpose === 'check' ? parent.preChecked : parent.checked !== 0) return none;
    if (purpose === 'check') parent.preChecked = true;
    else parent.checked = 1;
    const unresolved: string[] = [];
    for (const requirement of pkg.requirements ?? []) {
      if (requirement.kind === 'greedy') this.#addGreedy(requirement, purpose, found);
      else unresolved.push(...this.#need(pkg, requirement, purpose, found));
    }
    return { install: found, unresolved };
  }

  #need(
    pkg: Package,
    requirement: Requirement,
    purpose: 'check' | 'install',
    found: Package[],
  ): readonly string[] {
    if (requirement.possibilities.some((one) => this.#satisfier(one, true) !== undefined)) return [];
    const soft = requirement.kind === 'recommend' || requirement.kind === 'suggest';
    const satisfier = this.#choose(pkg, requirement, soft);
    if (satisfier === undefined) {
      if (!soft) return [formatRequirement(requirement, 'shown')];
      const [first] = requirement.possibilities;
      this.#messages.notice(`${pkg.name}: unsatisfied recommendation for ${first?.target.name}\n`);
      return [];
    }
    if (requirement.kind === 'suggest') {
      this.#messages.notice(`package ${pkg.name} suggests installing ${satisfier.name}\n`);
      return [];
    }
    if (satisfier === pkg || isListed(found, satisfier)) return [];
    const { unresolved } = this.missing(satisfier, purpose, found);
    found.push(satisfier);
    return unresolved;
  }

  #choose(pkg: Package, { possibilities }: Requirement, soft: boolean): Package | undefined {
    for (const possibility of possibilities) {
      const satisfier = this.#satisfier(possibility, false);
      if (satisfier === undefined) continue;
      if (soft && (satisfier.want === 'deinstall' || satisfier.want === 'purge')) {
        this.#messages.notice(`${pkg.name}: ignoring recommendation for ${satisfier.name} at user request\n`);
        continue;
      }
      return satisfier;
    }
    return undefined;
  }

  /** The candidate that meets the possibility, among what is installed or among all. */
  #satisfier(possibility: Possibility, installed: boolean): Package | undefined {
    const fits: Fits = (pkg) => (!installed || pkg.isPresent) && meets(pkg, possibility);
    const found = this.candidate(possibility.target, fits, true);
    return found !== undefined && fits(found) ? found : undefined;
  }

  /** `name *`: every provider of the name that can be had without more. */
  #addGreedy({ possibilities }: Requirement, purpose: 'check' | 'install', found: Package[]): void {
    for (const { target } of possibilities) {
      for (const scout of target.providedBy.flatMap(({ packages }) => packages ?? [])) {
        const { parent } = scout;
        const seen = purpose === 'check' ? parent?.preChecked : parent?.checked !== 0;
        if (scout.want === 'install' || seen === true || isListed(found, scout)) continue;
        const { install, unresolved } = this.missing(scout, purpose, []);
        if (unresolved.length > 0 || install.some(({ want }) => want !== 'install')) continue;
        this.#messages.notice(`Adding satisfier for greedy dependence ${scout.name}.\n`);
        found.push(scout);
      }
    }
  }

  /** Whether any known package could meet the possibility. */
  isSatisfiable(possibility: Possibility): boolean {
    return possibility.target.providedBy.some(({ packages }) =>
      packages?.some((pkg) => meets(pkg, possibility)),
    );
  }
}

/** What a package needs. */
export interface Missing {
  readonly install: readonly Package[];
  readonly unresolved: readonly string[];
}

function isPresentState(entry: AbstractPackage | undefined): boolean {
  return entry?.state === 'installed' || entry?.state === 'unpacked';
}

function isListed(list: readonly Package[], pkg: Package): boolean {
  return list.some(
    (other) =>
      other.name === pkg.name &&
      compareVersions(other.version ?? '', pkg.version ?? '') === 0 &&
      other.architecture === pkg.architecture,
  );
}

/** The installed or wanted packages that this one conflicts with by their real names and does not replace. */
export function conflictsOf(pkg: Package): Package[] {
  const found: Package[] = [];
  for (const { possibilities } of pkg.conflicts ?? []) {
    for (const possibility of possibilities) {
      for (const other of possibility.target.packages ?? []) {
        if (other.state !== 'installed' && other.want !== 'install') continue;
        if (!meets(other, possibility) || isListed(found, other)) continue;
        if (pkg.replaces?.some(({ name }) => name === other.name) !== true) found.push(other);
      }
    }
  }
  return found;
}

/** Whether the package replaces a name that the other provides. */
export function replaces(pkg: Package, other: Package): boolean {
  return pkg.replaces?.some((name) => other.provides?.includes(name)) === true;
}

/** Whether the package conflicts with a name that the other provides, whatever the version. */
export function conflictsWith(pkg: Package, other: Package): boolean {
  return (
    pkg.conflicts?.some(({ possibilities }) =>
      possibilities.some(({ target }) => other.provides?.includes(target)),
    ) === true
  );
}
