import { type Checksum, type RefName, RefusedError } from '../base/index.ts';
import { pullLocal, Repository } from '../ostree/index.ts';
import type { Environment } from './environment.ts';
import type { Session } from './session.ts';

/** The newest commit of a branch: a local ref as it is, a remote's after pulling it. OSTREE_REF_NOT_FOUND. */
export async function newestCommit(session: Session, refspec: RefName, env: Environment): Promise<Checksum> {
  const { repo } = session.sysroot;
  const separator = refspec.indexOf(':');
  if (separator < 0) return repo.resolveRev(refspec);
  const remote = refspec.slice(0, separator);
  const branch = refspec.slice(separator + 1);
  await pullLocal(repo, Repository.open(remotePath(repo, remote)), [branch], { remote }, env);
  return repo.resolveRev(refspec);
}

/** The folder of a `file://` remote. */
function remotePath(repo: Repository, remote: string): string {
  const url = repo.config.get(`remote "${remote}"`, 'url');
  if (url === undefined) {
    throw new RefusedError('CONFIG_INVALID', `the repository has no remote '${remote}'`, {
      hint: `add it: opkg-ostree repo remote add ${remote} URL`,
    });
  }
  if (url.startsWith('file:///')) return decodeURIComponent(url.slice('file://'.length));
  throw new RefusedError(
    'CONFIG_INVALID',
    `remote '${remote}' is at ${url}, and only file:// remotes can be pulled from`,
    {
      hint: `fetch the branch with another tool, as in 'ostree pull ${remote} BRANCH', and deploy ${remote}:BRANCH again`,
    },
  );
}
