/** Packages that `compose` puts into a base: resolved, unpacked and configured as a layer is, then part of the base itself. */
import { type Checksum, ParseError, type RefName, toRefName, UsageError } from '../base/index.ts';
import { inspectIpk, opkgSource } from '../ipk/index.ts';
import { assemble, packageRefPrefix } from '../layer/index.ts';
import type { Repository } from '../ostree/index.ts';
import { type AvailablePackage, emptyRequest, solve } from '../packages/index.ts';
import { exists } from '../sys/index.ts';
import { architecturesOf } from './architectures.ts';
import type { Environment } from './environment.ts';
import type { FeedSnapshot } from './feed-snapshot.ts';
import { fetchFeeds } from './feeds.ts';
import { readTreeState } from './installed.ts';
import { isPackageFile } from './local-files.ts';
import { downloadPackages, dropDownloads, importAll } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { refusal } from './solve-wish.ts';
import { parseRequest } from './wish.ts';

/**
 * The base with more packages: FILE.ipk, NAME or NAME=VERSION; names come from the feeds that the root itself is configured with.
 * The branch is moved to the new commit; nothing of the work stays in the repository besides. UNSATISFIABLE,
 * PACKAGE_UNKNOWN, WOULD_CHANGE_BASE as with `install`.
 */
export async function addPackages(
  repo: Repository,
  base: { readonly commit: Checksum; readonly branch: RefName },
  wanted: readonly string[],
  env: Environment,
): Promise<Checksum> {
  const before = new Set(repo.listRefs().keys());
  const view = { sysroot: { repo }, merge: undefined };
  const conf = readFeedConfig(view, base.commit);
  const files = await readFiles(wanted.filter(isPackageFile));
  const names = wanted.filter((text) => !isPackageFile(text)).map(parseRequest);
  const feeds: FeedSnapshot | undefined =
    names.length === 0
      ? undefined
      : (await fetchFeeds(view, base.commit, { allowOlder: true }, env)).snapshot;
  const tree = readTreeState(repo, base.commit);
  const solution = solve(
    {
      installed: [...tree.installed.values()],
      available: [],
      ...(feeds === undefined ? {} : { lookup: feeds.lookup }),
      architectures: architecturesOf(conf.opkg, tree),
      source: opkgSource,
    },
    {
      ...emptyRequest,
      local: files,
      install: names.map(({ name, version }) =>
        version === undefined ? { name } : { name, constraint: { operator: '=', version } },
      ),
    },
  );
  if (solution.kind === 'refused') throw refusal(solution.blockers);
  const obtained = await downloadPackages(repo, solution, { transfer: conf.transfer }, env);
  const commit = await repo.withTransaction(async (txn) => {
    const commits = await importAll(repo, obtained, env);
    const packages = solution.install.flatMap((entry, at) => {
      const imported = commits[at];
      return imported === undefined ? [] : [{ commit: imported, reason: entry.reason, feed: '' }];
    });
    const layered = await assemble(
      repo,
      {
        ...{ base: base.commit, packages, remove: [], replace: [], feeds: [], scriptPolicy: 'fail' },
        requested: [...names, ...files].map(({ name }) => name).sort(),
      },
      env,
    );
    const { tree: root, meta, timestamp } = repo.loadCommit(layered.commit);
    const { metadata, subject, body } = repo.loadCommit(base.commit);
    const made = txn.writeCommit({ metadata, subject, body, timestamp, tree: root, meta });
    txn.setRef(base.branch, made);
    return made;
  });
  dropDownloads(repo);
  await dropWork(repo, before);
  return commit;
}

/** The package cache and the feed snapshot belong to routers; a repository that is published does not get them. */
async function dropWork(repo: Repository, before: ReadonlySet<string>): Promise<void> {
  const prefix = `${packageRefPrefix.split('/')[0] ?? ''}/`;
  const made = [...repo.listRefs().keys()].filter((ref) => ref.startsWith(prefix) && !before.has(ref));
  await repo.withTransaction((txn) => {
    for (const ref of made) txn.setRef(toRefName(ref), undefined);
  });
}

async function readFiles(paths: readonly string[]): Promise<AvailablePackage[]> {
  const found: AvailablePackage[] = [];
  for (const path of paths) {
    if (!exists(path)) throw new UsageError('USAGE', `there is no file ${path}`);
    try {
      const { record, sha256, size } = await inspectIpk(path);
      found.push({ ...record, origin: { kind: 'local', path }, sha256, size });
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      throw new ParseError(error.code, `${path}: ${error.message}`, { cause: error, details: error.details });
    }
  }
  return found;
}
