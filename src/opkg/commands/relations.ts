/** The commands about how packages hang together; without -A they look at installed packages only. */
import {
  flags,
  formatConstraint,
  formatRequirement,
  matchesGlob,
  type Package,
  type Requirement,
  type Run,
} from '../../offline/index.ts';
import type { CommandCall } from './command.ts';
import { fits } from './list.ts';

function asked(run: Run): Package[] {
  return run.settings.on('query-all') ? run.universe.available() : run.universe.installed();
}

/** `depends`. */
export function depends({ run, args }: CommandCall): number {
  run.noteOwners();
  for (const pattern of args) {
    for (const pkg of asked(run)) {
      if (!fits(run, pattern, pkg.name)) continue;
      run.messages.notice(`${pkg.name} depends on:\n`);
      for (const requirement of pkg.requirements ?? []) {
        if (requirement.kind === 'depend')
          run.messages.notice(`\t${formatRequirement(requirement, 'shown')}\n`);
      }
    }
  }
  return 0;
}

const verbs = {
  depend: 'depends on',
  conflict: 'conflicts with',
  suggest: 'suggests',
  recommend: 'recommends',
} as const;

/** `whatdepends`, `whatdependsrec`, `whatrecommends`, `whatsuggests`, `whatconflicts`. */
export function whatNeeds({ run, args }: CommandCall, kind: keyof typeof verbs, recursive: boolean): number {
  const packages = asked(run);
  for (const pkg of packages) pkg.flags &= ~flags.marked;
  run.messages.notice('Root set:\n');
  for (const pattern of args) for (const pkg of packages) markIfMatches(pkg, pattern);
  for (const pkg of packages) {
    if (!pkg.has(flags.marked)) continue;
    markProvided(pkg);
    run.messages.notice(`  ${pkg.name}\n`);
  }
  run.messages.notice(`What ${verbs[kind]} root set\n`);
  while (tellRound(run, packages, kind) && recursive);
  return 0;
}

function markIfMatches(pkg: Package, pattern: string): void {
  const names = [pkg.name, ...(pkg.provides ?? []).map(({ name }) => name)];
  if (names.some((name) => matchesGlob(pattern, name))) pkg.flags |= flags.marked;
}

function markProvided(pkg: Package): void {
  for (const name of [pkg.parent, ...(pkg.provides ?? [])])
    if (name !== undefined) name.flags |= flags.marked;
}

/** Tells of every package that needs a marked one and marks it; false where there is none left. */
function tellRound(run: Run, packages: readonly Package[], kind: keyof typeof verbs): boolean {
  let told = false;
  for (const pkg of packages) {
    if (((pkg.parent?.flags ?? 0) & flags.marked) !== 0) continue;
    const list = kind === 'conflict' ? pkg.conflicts : pkg.requirements;
    const found = (list ?? []).filter((requirement) => requirement.kind === kind).flatMap(firstMarked)[0];
    if (found === undefined) continue;
    pkg.flags |= flags.marked;
    markProvided(pkg);
    told = true;
    const constraint = found.version === undefined ? '' : ` (${formatConstraint(found, 'shown')})`;
    const remark = run.chooser.isSatisfiable(found) ? '' : ' unsatisfiable';
    run.messages.notice(
      `\t${pkg.name} ${pkg.version}\t${verbs[kind]} ${found.target.name}${constraint}${remark}\n`,
    );
  }
  return told;
}

function firstMarked({ possibilities }: Requirement) {
  return possibilities.filter(({ target }) => (target.flags & flags.marked) !== 0).slice(0, 1);
}

/** `whatprovides` and `whatreplaces`. */
export function whatNames({ run, args }: CommandCall, verb: 'provides' | 'replaces'): number {
  run.noteOwners();
  const packages = asked(run);
  const fold = (text: string) => (run.settings.on('nocase') ? text.toLowerCase() : text);
  for (const pattern of args) {
    run.messages.notice(`What ${verb} ${pattern}\n`);
    for (const pkg of packages) {
      for (const { name } of pkg[verb] ?? []) {
        if (!fits(run, pattern, name)) continue;
        run.messages.notice(`    ${pkg.name}`);
        if (fold(pattern) !== fold(name)) run.messages.notice(`\t${verb} ${name}\n`);
        run.messages.notice('\n');
      }
    }
  }
  return 0;
}
