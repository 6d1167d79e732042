/** Names of the wish that the new base's release no longer has, put right by the table of renamed packages. */
import { isPackageName, type PackageName } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import { compareVersions } from '../ipk/index.ts';
import { renamesOf } from '../packages/index.ts';
import type { FeedSnapshot } from './feed-snapshot.ts';
import type { TreeState } from './installed.ts';
import { parseRequest } from './wish.ts';

/** One name that was put right; `to` is null where nothing takes its place. */
export interface Rename {
  readonly from: string;
  readonly to: string | null;
  /** The release that renamed it, and who says so. */
  readonly since: string;
  readonly source: string;
}

export interface RenamedWish {
  readonly origin: Origin;
  readonly renames: readonly Rename[];
}

/** What the new base's release is like. */
export interface ReleaseView {
  readonly base: TreeState;
  readonly feeds: FeedSnapshot | undefined;
  /** The base's version, `24.10.2`; undefined or without a number counts as newer than every release. */
  readonly version: string | undefined;
}

/**
 * The wish for another base. Only names change that neither the feeds nor the base have any more, and only to names that
 * they have: what still exists stays what the admin asked for. A version goes with the old name.
 */
export function renameWish(origin: Origin, release: ReleaseView): RenamedWish {
  const renames: Rename[] = [];
  const offered = (name: PackageName) => (release.feeds?.lookup.answering(name).length ?? 0) > 0;
  const provided = new Set<string>(
    [...release.base.installed.values()].flatMap((item) => [
      item.name,
      ...item.provides.map(({ name }) => name),
    ]),
  );
  const there = (name: PackageName) => provided.has(name) || offered(name);
  const next = (name: PackageName, exists: (name: PackageName) => boolean): PackageName | null => {
    if (exists(name)) return name;
    for (const { to, since, source } of renamesOf(name)) {
      if (!isSince(release.version, since)) continue;
      const found = to.filter(isPackageName).find(exists);
      if (found === undefined && to.length > 0) continue;
      if (!renames.some((known) => known.from === name)) {
        renames.push({ from: name, to: found ?? null, since, source });
      }
      return found ?? null;
    }
    return name;
  };
  const requests = (texts: readonly string[], exists: (name: PackageName) => boolean) =>
    unique(
      texts.flatMap((text) => {
        const { name } = parseRequest(text);
        const renamed = next(name, exists);
        return renamed === null ? [] : [renamed === name ? text : renamed];
      }),
    );
  const inBase = (name: PackageName) => release.base.installed.has(name);
  const { overrides } = origin;
  const remove = overrides.remove.map((name) => next(name, inBase)).filter((name) => name !== null);
  return {
    origin: {
      ...origin,
      requested: requests(origin.requested, there),
      overrides: {
        ...overrides,
        remove: [...new Set(remove)].sort(),
        replace: requests(overrides.replace, inBase),
      },
    },
    renames,
  };
}

function isSince(version: string | undefined, since: string): boolean {
  return version === undefined || !/^\d/u.test(version) || compareVersions(version, since) >= 0;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
