/** Conflicts of `/etc`, settled after a merge or ahead of the next one; and the way back to the defaults. */
import { dirname, join } from 'node:path/posix';
import { RefusedError } from '../base/index.ts';
import { mergesWholeFiles, readConflicts, recordEtc } from '../boot/index.ts';
import {
  conflictsFile,
  type EtcConflict,
  type EtcTree,
  etcDifference,
  mergeLines,
  parseEtcRules,
  pathToken,
  readEtcTree,
  renderConflicts,
  renderEtcRule,
  settledFile,
} from '../state/index.ts';
import {
  fsyncDirectory,
  mkdirDurable,
  readTextIfExists,
  removeTree,
  rename,
  unlinkDurable,
  writeFileDurable,
} from '../sys/index.ts';
import { mergeUci } from '../uci/index.ts';
import type { Environment } from './environment.ts';
import { etcPath, liveEtc, requireRealParents, restorePath } from './etc-files.ts';
import { requireDeployment, type Session, type Where, withSession } from './session.ts';

/** `accept` the new default, `keep` the admin's, or `merge` both by line. */
export type EtcDecision = 'accept' | 'keep' | 'merge';

export interface EtcSettled {
  readonly path: string;
  readonly decision: EtcDecision;
  /** `now`: a conflict that was there is settled; `next`: noted for the next merge. */
  readonly when: 'now' | 'next';
}

/** Settles a conflict of the last merge, or decides ahead how the next one treats a file that is as it is now. */
export function settleEtc(
  env: Environment,
  where: Where,
  decision: EtcDecision,
  file: string,
): Promise<EtcSettled> {
  const path = etcPath(file);
  return withSession(env, where, async (session): Promise<EtcSettled> => {
    const etc = liveEtc(session);
    const conflicts = readConflicts(requireDeployment(session));
    const found = conflicts.find((conflict) => conflict.path === path);
    if (found === undefined) {
      if (mergesWholeFiles(session.sysroot)) throw noDecisions();
      settleAhead(etc, decision, path);
      return { path: `/etc/${path}`, decision, when: 'next' };
    }
    await recordNow(session, `before '${env.command}'`);
    settleNow(session, etc, decision, found);
    const left = conflicts.filter((conflict) => conflict !== found);
    const record = join(etc, conflictsFile);
    if (left.length === 0) unlinkDurable(record);
    else writeFileDurable(record, renderConflicts(left), { mode: 0o600 });
    return { path: `/etc/${path}`, decision, when: 'now' };
  });
}

/** Back to `/usr/etc`: one file (or folder), or everything. The paths that changed come back. */
export function resetEtc(env: Environment, where: Where, file: string | undefined): Promise<string[]> {
  const only = file === undefined ? undefined : etcPath(file);
  return withSession(env, where, async (session) => {
    const etc = liveEtc(session);
    const defaults = readEtcTree(join(requireDeployment(session).path, 'usr/etc'));
    const { added, modified, removed } = etcDifference(defaults, readEtcTree(etc));
    const wanted = (path: string) => only === undefined || path === only || path.startsWith(`${only}/`);
    // A folder that was deleted is one item of the difference.
    const gone = [...defaults.nodes.keys()].filter((path) =>
      [...removed, ...modified].some((top) => path === top || path.startsWith(`${top}/`)),
    );
    const paths = [...new Set([...added.filter(wanted).reverse(), ...gone.filter(wanted)])];
    if (only !== undefined && paths.length === 0) {
      if (defaults.nodes.has(only)) return [];
      throw new RefusedError('OSTREE_PATH_NOT_FOUND', `/usr/etc has no ${only}, and neither has /etc`);
    }
    await recordNow(session, `before '${env.command}'`);
    for (const path of paths) restorePath(etc, path, defaults);
    return paths.map((path) => `/etc/${path}`).sort();
  });
}

/** Records `/etc` before a command changes it. */
export async function recordNow(session: Session, subject: string): Promise<void> {
  const deployment = requireDeployment(session);
  await recordEtc(session.sysroot.repo, {
    stateroot: deployment.stateroot,
    etc: liveEtc(session),
    subject,
    deployment: deployment.id,
  });
}

function settleAhead(etc: string, decision: EtcDecision, path: string): void {
  const live = readEtcTree(etc);
  const file = join(etc, settledFile);
  // Lines of other days hold no longer once their file changed.
  const old = (readTextIfExists(file) ?? '')
    .split('\n')
    .filter((line) =>
      parseEtcRules(line, settledFile).some(
        (rule) => rule.pattern !== path && rule.token === pathToken(live, rule.pattern),
      ),
    );
  const lines = [...old, renderEtcRule(decision, path, pathToken(live, path))];
  mkdirDurable(join(etc, 'opkg-ostree'));
  mkdirDurable(join(etc, 'opkg-ostree/merge.d'));
  writeFileDurable(file, lines.map((line) => `${line}\n`).join(''));
}

function settleNow(session: Session, etc: string, decision: EtcDecision, conflict: EtcConflict): void {
  const { path, kind, beside } = conflict;
  const live = withLoser(session, readEtcTree(etc), conflict);
  if (live.nodes.get(beside)?.kind === 'dir') {
    settleFolder(etc, decision, conflict);
    return;
  }
  // For a file of the release it is the admin's version that lies beside.
  const takesBeside = kind === 'release' ? decision === 'keep' : decision === 'accept';
  if (decision === 'merge') {
    restorePath(etc, path, replaced(live, mergedBytes(session, live, conflict)));
  } else if (takesBeside) {
    restorePath(etc, path, aliased(live, path, beside));
  }
  unlinkDurable(join(etc, beside));
}

/** A folder of the new defaults that gave way to what the admin has. */
function settleFolder(etc: string, decision: EtcDecision, { path, beside }: EtcConflict): void {
  if (decision === 'merge') throw cannotMerge(path, 'only two files can be merged');
  if (decision === 'keep') removeTree(join(etc, beside));
  else {
    requireRealParents(etc, path);
    removeTree(join(etc, path));
    rename(join(etc, beside), join(etc, path));
    fsyncDirectory(dirname(join(etc, path)));
  }
  fsyncDirectory(dirname(join(etc, beside)));
}

function noDecisions(): RefusedError {
  return new RefusedError(
    'ETC_CONFLICT',
    'this sysroot merges /etc by whole files, without decisions ahead',
    {
      hint: "'etc-merge' in the group 'opkg-ostree' of the repository's config says so, or a sysroot that another tool made",
    },
  );
}

/** The tree with the side that lost beside the file, should somebody have removed it: a new default is in /usr/etc too. */
function withLoser(session: Session, live: EtcTree, { path, kind, beside }: EtcConflict): EtcTree {
  if (kind === 'release' || live.nodes.has(beside)) return live;
  const defaults = readEtcTree(join(requireDeployment(session).path, 'usr/etc'));
  const node = defaults.nodes.get(path);
  if (node === undefined) return live;
  return {
    ...live,
    nodes: new Map([...live.nodes, [beside, node]]),
    read: (wanted) => (wanted === beside ? defaults.read(path) : live.read(wanted)),
  };
}

/** Both versions merged over the default that the previous deployment had. */
function mergedBytes(session: Session, live: EtcTree, { path, kind, beside }: EtcConflict): Uint8Array {
  const [ours, theirs] = kind === 'release' ? [beside, path] : [path, beside];
  if (live.nodes.get(ours)?.kind !== 'file' || live.nodes.get(theirs)?.kind !== 'file')
    throw cannotMerge(path, 'only two files can be merged');
  const base = oldDefault(session, path);
  if (path.startsWith('config/')) {
    const name = path.slice('config/'.length);
    const merged = mergeUci(base, live.read(ours), live.read(theirs), { package: name });
    // What the merge of the upgrade could not settle is no more settled by merging again.
    const open = merged.conflicts.map((conflict) => conflict.path);
    if (open.length > 0) throw cannotMerge(path, `both changed ${open.join(', ')}`);
    return merged.bytes;
  }
  if (base === undefined) throw cannotMerge(path, 'the default that both began with is not known');
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  const merged = mergeLines(text(base), text(live.read(ours)), text(live.read(theirs)));
  if (merged === undefined) throw cannotMerge(path, 'both changed the same lines');
  return Buffer.from(merged, 'latin1');
}

/** From the deployment that was followed: it stands behind the one that followed it. */
function oldDefault(session: Session, path: string): Uint8Array | undefined {
  const current = requireDeployment(session);
  const place = session.deployments.findIndex(({ id }) => id === current.id);
  const { deployments } = session;
  const others = [...deployments.slice(place + 1), ...deployments.slice(0, Math.max(0, place))];
  const previous = others.find(({ stateroot }) => stateroot === current.stateroot);
  if (previous === undefined) return undefined;
  const tree = readEtcTree(join(previous.path, 'usr/etc'));
  return tree.nodes.get(path)?.kind === 'file' ? tree.read(path) : undefined;
}

function cannotMerge(path: string, why: string): RefusedError {
  return new RefusedError('ETC_CONFLICT', `/etc/${path}: ${why}`, {
    hint: `edit /etc/${path}, then run 'opkg-ostree etc keep /etc/${path}'; 'etc accept' takes the new default whole`,
  });
}

/** The tree with the file `path` as `other` is, owner and mode as they are. */
function aliased(tree: EtcTree, path: string, other: string): EtcTree {
  const node = tree.nodes.get(other);
  const mine = tree.nodes.get(path);
  if (node === undefined) {
    throw new RefusedError(
      'OSTREE_PATH_NOT_FOUND',
      `the other version of /etc/${path} is gone: /etc/${other}`,
      {
        hint: "'opkg-ostree etc log' lists the recorded states of /etc; 'etc revert' takes a file from one",
      },
    );
  }
  const merged = mine?.kind === 'file' && node.kind === 'file' ? { ...mine, size: node.size } : node;
  return { ...tree, nodes: new Map([...tree.nodes, [path, merged]]), read: () => tree.read(other) };
}

function replaced(tree: EtcTree, bytes: Uint8Array): EtcTree {
  return { ...tree, read: () => bytes };
}
