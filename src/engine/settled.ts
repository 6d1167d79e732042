/** Layered packages that stay at their version while a change is about others. */
import { isPackageName } from '../base/index.ts';
import { findPackageCommit } from '../layer/index.ts';
import type { Repository } from '../ostree/index.ts';
import type { AvailablePackage, Blocker } from '../packages/index.ts';
import type { TreeState } from './installed.ts';

/** The layer's packages but the named ones, as the cache has them. */
export function settledPackages(
  repo: Repository,
  { layer }: TreeState,
  moving: ReadonlySet<string>,
): AvailablePackage[] {
  return (layer?.packages ?? []).flatMap((member) => {
    const { name, version, architecture, sha256 } = member;
    if (moving.has(name) || !isPackageName(name)) return [];
    const found = findPackageCommit(repo, name, version, architecture, sha256);
    if (found === undefined) return [];
    const origin =
      found.feed === ''
        ? { kind: 'local' as const, path: '' }
        : { kind: 'feed' as const, feed: found.feed, url: '' };
    return [{ ...found.record, origin, size: found.size, sha256: found.sha256 }];
  });
}

/**
 * The first answer that is no refusal: with every settled package kept, then without those that the refusal names, at last with
 * none kept.
 */
export function solveSettled<T>(
  settled: readonly AvailablePackage[],
  solve: (kept: readonly AvailablePackage[]) => T,
  blockersOf: (answer: T) => readonly Blocker[],
): T {
  let kept = settled;
  for (;;) {
    const answer = solve(kept);
    const blockers = blockersOf(answer);
    if (blockers.length === 0 || kept.length === 0) return answer;
    const named = wordsOf(blockers);
    const fewer = kept.filter(({ name }) => !named.has(name));
    kept = fewer.length === kept.length ? [] : fewer;
  }
}

/** Every word of the derivations that may be a package's name. */
function wordsOf(blockers: readonly Blocker[]): ReadonlySet<string> {
  const words = blockers.flatMap(({ package: name, chain, text }) =>
    [name, ...chain, text].flatMap((part) => part.match(/[A-Za-z0-9][A-Za-z0-9_+.-]*/gu) ?? []),
  );
  return new Set(words.flatMap((word) => [word, word.replace(/[.]+$/u, '')]));
}
