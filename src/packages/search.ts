import { type Clause, type Decide, type Group, no, type SearchResult, yes } from './clauses.ts';

/** Conflicts after which a search gives up; real feeds need a handful, hostile ones could take forever. */
const maxConflicts = 50_000;
/** Clauses looked at after which a search gives up: seconds. */
const maxWork = 200_000_000;

/**
 * Conflict-driven search over boolean variables: unit propagation with two watched literals, first-UIP learning,
 * backjumping, assumptions, and a core of the given clauses on failure.
 * No randomness and no clock: the same clauses and the same `decide` give the same answer.
 */
export class Search<Fact> {
  #count = 0;
  /** Per literal: 1 true, -1 false, 0 open. */
  readonly #values: number[] = [0, 0];
  readonly #levels: number[] = [0];
  readonly #reasons: (Clause<Fact> | undefined)[] = [undefined];
  readonly #watches: Clause<Fact>[][] = [[], []];
  readonly #exclusions: { other: number; fact: Fact }[][] = [[]];
  readonly #groups: (Group<Fact> | undefined)[] = [undefined];
  readonly #trail: number[] = [];
  readonly #levelStarts: number[] = [];
  #head = 0;
  #work = 0;
  /** A clause that is false without any decision: nothing can be solved any more. */
  #broken: Clause<Fact> | undefined;

  /** A new variable, numbered from 1. */
  addVariable(): number {
    this.#count += 1;
    this.#values.push(0, 0);
    this.#levels.push(0);
    this.#reasons.push(undefined);
    this.#watches.push([], []);
    this.#exclusions.push([]);
    this.#groups.push(undefined);
    return this.#count;
  }

  /** Adds a disjunction; only before the first `solve`. */
  addClause(literals: readonly number[], fact: Fact): void {
    const distinct = new Set(literals);
    if (literals.some((literal) => distinct.has(literal ^ 1))) return;
    this.#attach({ literals: [...distinct], fact, antecedents: [] });
  }

  /** Adds "not both": kept as a pair of list entries, clauses are made when they fire. */
  addExclusion(a: number, b: number, fact: Fact): void {
    this.#exclusions[a]?.push({ other: b, fact });
    this.#exclusions[b]?.push({ other: a, fact });
  }

  /** Adds "at most one of these"; a variable is in one group at most. */
  addGroup(members: readonly number[], factOf: (a: number, b: number) => Fact): void {
    for (const member of members) this.#groups[member] = { members, factOf };
  }

  /** The variables that propagation alone, without any assumption, makes false. Call it before `solve`. */
  impossible(): ReadonlySet<number> {
    const conflict = this.#broken ?? this.#propagate();
    if (conflict !== undefined) this.#broken = conflict;
    return new Set(this.#trail.filter((literal) => literal % 2 === 1).map((literal) => literal >> 1));
  }

  /** An assignment in which all assumed variables are true, or the facts that rule it out. */
  solve(assumptions: readonly number[], decide: Decide, limit = maxConflicts): SearchResult<Fact> {
    this.#backtrack(0);
    let conflicts = 0;
    this.#work = 0;
    for (;;) {
      const conflict = this.#broken ?? this.#propagate();
      if (conflict !== undefined) {
        if (this.#level() === 0) {
          this.#broken = conflict;
          return { kind: 'core', facts: this.#core(conflict) };
        }
        conflicts += 1;
        if (conflicts > limit || this.#work > maxWork) return { kind: 'exhausted' };
        this.#learn(conflict);
        continue;
      }
      const next = this.#nextDecision(assumptions, decide);
      if (next === 'done') return { kind: 'model', isTrue: this.#snapshot() };
      if (typeof next !== 'number') return { kind: 'core', facts: this.#core(next) };
      this.#levelStarts.push(this.#trail.length);
      if (this.#values[next] === 0) this.#assign(next, undefined);
    }
  }

  /** The next literal; 'done'; or the clause that makes an assumption false. */
  #nextDecision(assumptions: readonly number[], decide: Decide): number | 'done' | Clause<Fact> {
    const assumed = assumptions[this.#level()];
    if (assumed !== undefined) {
      const literal = yes(assumed);
      if (this.#values[literal] !== -1) return literal;
      return this.#reasons[assumed] ?? { literals: [], fact: undefined, antecedents: [] };
    }
    const variable = decide((v) => {
      const value = this.#values[yes(v)];
      return value === 0 ? undefined : value === 1;
    });
    return variable === 0 ? 'done' : yes(variable);
  }

  #snapshot(): (variable: number) => boolean {
    const trues = new Set(this.#trail.filter((literal) => literal % 2 === 0).map((literal) => literal >> 1));
    return (variable) => trues.has(variable);
  }

  #level(): number {
    return this.#levelStarts.length;
  }

  #attach(clause: Clause<Fact>): void {
    const [first, second] = clause.literals;
    if (first === undefined) {
      this.#broken ??= clause;
    } else if (second === undefined) {
      if (this.#values[first] === -1) this.#broken ??= clause;
      else if (this.#values[first] === 0) this.#assign(first, clause);
    } else {
      this.#watches[first]?.push(clause);
      this.#watches[second]?.push(clause);
    }
  }

  #assign(literal: number, reason: Clause<Fact> | undefined): void {
    this.#values[literal] = 1;
    this.#values[literal ^ 1] = -1;
    this.#levels[literal >> 1] = this.#level();
    this.#reasons[literal >> 1] = reason;
    this.#trail.push(literal);
  }

  #propagate(): Clause<Fact> | undefined {
    for (; this.#head < this.#trail.length; this.#head += 1) {
      const literal = this.#trail[this.#head] ?? 0;
      const conflict =
        this.#visitWatches(literal ^ 1) ?? (literal % 2 === 0 ? this.#visitExclusions(literal) : undefined);
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  #visitExclusions(literal: number): Clause<Fact> | undefined {
    const variable = literal >> 1;
    for (const { other, fact } of this.#exclusions[variable] ?? []) {
      const conflict = this.#exclude(other, variable, () => fact);
      if (conflict !== undefined) return conflict;
    }
    const group = this.#groups[variable];
    for (const other of group?.members ?? []) {
      if (other === variable || group === undefined) continue;
      const conflict = this.#exclude(other, variable, () => group.factOf(other, variable));
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  #exclude(other: number, because: number, fact: () => Fact): Clause<Fact> | undefined {
    const value = this.#values[yes(other)];
    if (value === -1) return undefined;
    const clause = { literals: [no(other), no(because)], fact: fact(), antecedents: [] };
    if (value === 1) return clause;
    this.#assign(no(other), clause);
    return undefined;
  }

  /** Moves the watches off a literal that became false; returns a clause that has no true or open literal left. */
  #visitWatches(falsified: number): Clause<Fact> | undefined {
    const watching = this.#watches[falsified] ?? [];
    this.#work += watching.length;
    let kept = 0;
    for (let at = 0; at < watching.length; at += 1) {
      const clause = watching[at];
      if (clause === undefined) continue;
      if (this.#moveWatch(clause, falsified)) continue;
      watching[kept++] = clause;
      const first = clause.literals[0] ?? 0;
      if (this.#values[first] === 1) continue;
      if (this.#values[first] === -1) {
        for (at += 1; at < watching.length; at += 1) watching[kept++] = watching[at] ?? clause;
        watching.length = kept;
        return clause;
      }
      this.#assign(first, clause);
    }
    watching.length = kept;
    return undefined;
  }

  /** Puts the false literal second; true when another literal is watched in its place. */
  #moveWatch(clause: Clause<Fact>, falsified: number): boolean {
    const { literals } = clause;
    if (literals[0] === falsified) {
      literals[0] = literals[1] ?? falsified;
      literals[1] = falsified;
    }
    if (this.#values[literals[0] ?? 0] === 1) return false;
    for (let at = 2; at < literals.length; at += 1) {
      const candidate = literals[at] ?? 0;
      if (this.#values[candidate] === -1) continue;
      literals[1] = candidate;
      literals[at] = falsified;
      this.#watches[candidate]?.push(clause);
      return true;
    }
    return false;
  }

  #backtrack(level: number): void {
    const start = this.#levelStarts[level];
    if (start === undefined) return;
    for (const literal of this.#trail.splice(start)) {
      this.#values[literal] = 0;
      this.#values[literal ^ 1] = 0;
      this.#reasons[literal >> 1] = undefined;
    }
    this.#levelStarts.length = level;
    this.#head = Math.min(this.#head, start);
  }

  /** Resolves back to the first point that alone implies the conflict, learns that clause and jumps back. */
  #learn(conflict: Clause<Fact>): void {
    const antecedents: Clause<Fact>[] = [];
    const seen = new Set<number>();
    const literals: number[] = [];
    let open = 0;
    let clause: Clause<Fact> | undefined = conflict;
    let at = this.#trail.length;
    let asserting = 0;
    do {
      if (clause !== undefined) {
        antecedents.push(clause);
        for (const literal of clause.literals) {
          const variable = literal >> 1;
          if (seen.has(variable)) continue;
          seen.add(variable);
          const level = this.#levels[variable] ?? 0;
          if (level === this.#level()) open += 1;
          else if (level > 0) literals.push(literal);
          else this.#collectReasons(variable, antecedents);
        }
      }
      do at -= 1;
      while (!seen.has((this.#trail[at] ?? 0) >> 1));
      asserting = this.#trail[at] ?? 0;
      clause = this.#reasons[asserting >> 1];
      open -= 1;
    } while (open > 0);
    this.#addLearned(asserting ^ 1, literals, antecedents);
  }

  #addLearned(asserting: number, others: number[], antecedents: readonly Clause<Fact>[]): void {
    const levelOf = (literal: number): number => this.#levels[literal >> 1] ?? 0;
    others.sort((a, b) => levelOf(b) - levelOf(a) || a - b);
    const learned: Clause<Fact> = { literals: [asserting, ...others], fact: undefined, antecedents };
    this.#backtrack(others[0] === undefined ? 0 : levelOf(others[0]));
    if (others.length === 0) {
      this.#attach(learned);
      return;
    }
    this.#attach(learned);
    this.#assign(asserting, learned);
  }

  /** Adds the clauses that made a variable certain without any decision. */
  #collectReasons(variable: number, into: Clause<Fact>[]): void {
    const seen = new Set([variable]);
    const pending = [variable];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const reason = this.#reasons[next];
      if (reason === undefined) continue;
      into.push(reason);
      for (const literal of reason.literals) {
        if (seen.has(literal >> 1)) continue;
        seen.add(literal >> 1);
        pending.push(literal >> 1);
      }
    }
  }

  /** The given facts behind a clause that the present assignment falsifies or that rules an assumption out. */
  #core(conflict: Clause<Fact>): readonly Fact[] {
    const pending: Clause<Fact>[] = [conflict];
    for (const literal of conflict.literals) this.#collectReasons(literal >> 1, pending);
    const visited = new Set<Clause<Fact>>();
    const facts = new Set<Fact>();
    for (let clause = pending.pop(); clause !== undefined; clause = pending.pop()) {
      if (visited.has(clause)) continue;
      visited.add(clause);
      if (clause.fact !== undefined) facts.add(clause.fact);
      pending.push(...clause.antecedents);
    }
    return [...facts];
  }
}
