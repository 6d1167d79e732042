import type { Checksum, RefName } from '../base/index.ts';
import { pull } from '../ostree/index.ts';
import type { Environment } from './environment.ts';
import type { Session } from './session.ts';

/** The newest commit of a branch: a local ref as it is, a remote's after pulling it. OSTREE_REF_NOT_FOUND. */
export async function newestCommit(session: Session, refspec: RefName, env: Environment): Promise<Checksum> {
  const { repo } = session.sysroot;
  const separator = refspec.indexOf(':');
  if (separator < 0) return repo.resolveRev(refspec);
  const remote = refspec.slice(0, separator);
  const branch = refspec.slice(separator + 1);
  await pull(repo, remote, { refs: [branch] }, env);
  return repo.resolveRev(refspec);
}
