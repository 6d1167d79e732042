import { type Checksum, isChecksum, ParseError, RefusedError } from '../base/index.ts';
import { readdirIfExists } from '../sys/index.ts';
import type { Commit } from './objects.ts';

/** What resolving a revision needs of a repository. */
export interface RevisionSource {
  readRef(ref: string): Checksum | undefined;
  listCommits(prefix: string): Checksum[];
  loadCommit(checksum: Checksum): Commit;
}

const minPrefixLength = 4;

/** The commit that `rev` names; see Repository.resolveRev. */
export function resolveRevision(repo: RevisionSource, rev: string): Checksum {
  const base = rev.replace(/\^+$/u, '');
  let commit = resolveBase(repo, base);
  for (let step = base.length; step < rev.length; step++) {
    const { parent } = repo.loadCommit(commit);
    if (parent === undefined) {
      throw new RefusedError('OSTREE_REF_NOT_FOUND', `the commit ${commit} has no parent`, {
        details: { rev },
      });
    }
    commit = parent;
  }
  return commit;
}

/** Checksums of the commits in the repository at the path whose hex begins with `prefix`. */
export function listCommits(repoPath: string, prefix: string): Checksum[] {
  const found: Checksum[] = [];
  for (const folder of readdirIfExists(`${repoPath}/objects`)) {
    if (!folder.startsWith(prefix.slice(0, 2))) continue;
    for (const name of readdirIfExists(`${repoPath}/objects/${folder}`)) {
      const checksum = folder + name.slice(0, -'.commit'.length);
      if (name.endsWith('.commit') && checksum.startsWith(prefix) && isChecksum(checksum))
        found.push(checksum);
    }
  }
  return found.sort();
}

function resolveBase(repo: RevisionSource, rev: string): Checksum {
  if (isChecksum(rev)) return rev;
  if (rev === '' || /[^\w\-./:]/u.test(rev)) {
    throw new ParseError('OSTREE_REF_INVALID', `not a revision: '${rev.slice(0, 200)}'`);
  }
  const ref = repo.readRef(rev);
  if (ref !== undefined) return ref;
  const isPrefix = rev.length >= minPrefixLength && /^[0-9a-f]+$/u.test(rev);
  const [only, ...others] = isPrefix ? repo.listCommits(rev) : [];
  if (others.length > 0) {
    throw new RefusedError('OSTREE_REV_AMBIGUOUS', `'${rev}' is the beginning of several commits`, {
      hint: 'give more digits',
    });
  }
  if (only !== undefined) return only;
  throw new RefusedError('OSTREE_REF_NOT_FOUND', `there is no ref or commit '${rev}'`, {
    hint: "list them with 'opkg-ostree repo refs'",
    details: { rev },
  });
}
