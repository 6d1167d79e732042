/** A disjunction of literals. A literal is `2v` (variable v is true) or `2v + 1` (it is false). */
export interface Clause<Fact> {
  readonly literals: number[];
  /** What the clause stands for; undefined for a learned one. */
  readonly fact: Fact | undefined;
  /** The clauses that a learned one was resolved from. */
  readonly antecedents: readonly Clause<Fact>[];
}

export type SearchResult<Fact> =
  | { readonly kind: 'model'; readonly isTrue: (variable: number) => boolean }
  | { readonly kind: 'core'; readonly facts: readonly Fact[] }
  | { readonly kind: 'exhausted' };

/** At most one of the members is true. */
export interface Group<Fact> {
  readonly members: readonly number[];
  readonly factOf: (a: number, b: number) => Fact;
}

/** Names the next variable to make true, or 0 when the true ones already form an answer. */
export type Decide = (value: (variable: number) => boolean | undefined) => number;

/** The literal "variable is true". */
export const yes = (variable: number): number => variable * 2;
/** The literal "variable is false". */
export const no = (variable: number): number => variable * 2 + 1;
