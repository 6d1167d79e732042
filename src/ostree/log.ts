import type { Checksum } from '../base/index.ts';
import type { Commit } from './objects.ts';
import type { Repository } from './repository.ts';
import { walkHistory } from './traverse.ts';

export interface LogEntry {
  readonly checksum: Checksum;
  readonly commit: Commit;
}

/** The commit and its ancestors, newest first, as far as they are here; `limit` commits at most. */
export function* log(
  repo: Repository,
  commit: Checksum,
  limit = Number.POSITIVE_INFINITY,
): Generator<LogEntry> {
  // The first one has to be there: its absence is an error, a missing parent is the end.
  let left = limit;
  const start = repo.loadCommit(commit);
  if (left-- <= 0) return;
  yield { checksum: commit, commit: start };
  if (start.parent === undefined) return;
  for (const checksum of walkHistory(repo, start.parent)) {
    if (left-- <= 0) return;
    yield { checksum, commit: repo.loadCommit(checksum) };
  }
}
