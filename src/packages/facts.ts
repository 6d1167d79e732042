import type { PackageName } from '../base/index.ts';
import type { Dependency, InstalledPackage, Relation } from './model.ts';

/** Who asks: an install request, a pinned file, a replacement, a base package that loses something, a new package. */
export type RequirementKind = 'install' | 'local' | 'replace' | 'base' | 'package';

/** "If `variable`, then one of `candidates`." Packages with the same dependency share one. */
export interface Requirement {
  readonly kind: RequirementKind;
  /** What is asked for or, for a base package, who asks. */
  readonly name: PackageName;
  readonly dependency: Dependency;
  readonly variable: number;
  /** Package variables, the one to be taken first at the front. */
  readonly candidates: readonly number[];
  /** How many at the front have the requested name (or its place): one of these is taken where it can be. */
  readonly named: number;
}

/** What a clause of the search stands for. */
export type Fact =
  | { readonly kind: 'needs'; readonly owner: number; readonly requirement: Requirement }
  | { readonly kind: 'supply'; readonly requirement: Requirement }
  | { readonly kind: 'conflict'; readonly owner: number; readonly relation: Relation; readonly slot: number }
  | { readonly kind: 'occupies'; readonly variable: number; readonly slot: number }
  | { readonly kind: 'same-name'; readonly a: number; readonly b: number }
  | {
      readonly kind: 'base-conflict';
      readonly variable: number;
      readonly installed: InstalledPackage;
      readonly relation: Relation;
    };
