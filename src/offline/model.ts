/**
 * opkg's view of packages: real ones by version, and one abstract package for each name that anything mentions. It is
 * kept apart from `packages`, whose solver is complete: an image builder relies on the choice that opkg itself makes.
 */
import type { Alternative } from '../packages/index.ts';

/** A `dest` line: where packages go. All paths are spelled as opkg spells them, for they appear in its messages. */
export interface Destination {
  readonly name: string;
  /** With a slash at its end. */
  readonly root: string;
  readonly infoFolder: string;
  readonly statusFile: string;
}

/** A `src` or `src/gz` line. */
export interface Source {
  readonly name: string;
  readonly url: string;
  readonly gzip: boolean;
}

export type RelationKind = 'depend' | 'pre-depend' | 'recommend' | 'suggest' | 'greedy' | 'conflict';
/** `<` and `>` are the strict ones (`<<`, `>>` in control files); '' is a version that nothing is compared with. */
export type Operator = '' | '<' | '<=' | '=' | '>=' | '>';

/** `name` or `name (op version)`. */
export interface Possibility {
  readonly target: AbstractPackage;
  readonly operator: Operator;
  readonly version: string | undefined;
}

/** One item of a dependency or conflict list with its alternatives. */
export interface Requirement {
  readonly kind: RelationKind;
  readonly possibilities: readonly Possibility[];
}

export type Want = 'unknown' | 'install' | 'deinstall' | 'purge';
export type State =
  | 'not-installed'
  | 'unpacked'
  | 'half-configured'
  | 'installed'
  | 'half-installed'
  | 'config-files'
  | 'post-inst-failed'
  | 'removal-failed';

/** The bits of a package's flags; opkg prints them as a number (`flags=0x202`). */
export const flags = {
  reinstreq: 1,
  hold: 2,
  replace: 4,
  noprune: 8,
  prefer: 16,
  obsolete: 32,
  marked: 64,
  filelistChanged: 128,
  user: 256,
  needDetail: 512,
} as const;

/** The flags that have a word in the database, in its order. */
export const flagWords = ['reinstreq', 'hold', 'replace', 'noprune', 'prefer', 'obsolete', 'user'] as const;

/** Those of them that are written; the other two are only read. */
const stored = flags.hold | flags.noprune | flags.prefer | flags.obsolete | flags.user;

/** `ok`, or the words of the stored flags. */
export function flagText(bits: number): string {
  const words = flagWords.filter((word) => (bits & stored & flags[word]) !== 0);
  return words.length === 0 ? 'ok' : words.join(',');
}

/** The bits of a comma list of flag words. */
export function parseFlags(text: string): number {
  let bits = 0;
  for (const word of text.split(',')) {
    const known = flagWords.find((name) => name === word);
    if (known !== undefined) bits |= flags[known];
  }
  return bits;
}

/** A configuration file and the digest of the package's own version; undefined until that is on disk. */
export interface ConfigurationFile {
  readonly path: string;
  digest: string | undefined;
}

/** A name: what provides it, what needs it, and the packages that have it. */
export class AbstractPackage {
  readonly name: string;
  packages: Package[] | undefined;
  readonly dependedUponBy: AbstractPackage[] = [];
  readonly providedBy: AbstractPackage[] = [];
  readonly replacedBy: AbstractPackage[] = [];
  /** 1: its dependencies were looked at; 2: it was reached while dependents are removed. */
  checked: 0 | 1 | 2 = 0;
  preChecked = false;
  state: State = 'not-installed';
  flags = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** One version of one package, from a feed, the database, a file, or several of them merged. */
export class Package {
  name = '';
  version: string | undefined;
  source: Source | undefined;
  destination: Destination | undefined;
  want: Want = 'unknown';
  flags = 0;
  state: State = 'not-installed';
  parent: AbstractPackage | undefined;
  architecture: string | undefined;
  essential = false;
  providedByHand = false;
  autoInstalled = false;
  isUpgrade = false;
  /** Depends, Pre-Depends, Recommends and Suggests in the order of their fields. */
  requirements: Requirement[] | undefined;
  conflicts: Requirement[] | undefined;
  /** The package's own name first. */
  provides: AbstractPackage[] | undefined;
  replaces: AbstractPackage[] | undefined;
  conffiles: ConfigurationFile[] | undefined;
  alternatives: Alternative[] | undefined;
  /** Fields that are only shown or passed on, by name. */
  readonly texts = new Map<string, string>();
  size = 0;
  installedSize = 0;
  installedTime = 0;
  /** The package file, once it is there. */
  file: string | undefined;
  /** The file list with the root before each path, while it is known. */
  files: string[] | undefined;

  /** True for a package whose files are on disk. */
  get isPresent(): boolean {
    return this.state === 'installed' || this.state === 'unpacked';
  }

  has(bits: number): boolean {
    return (this.flags & bits) !== 0;
  }
}
