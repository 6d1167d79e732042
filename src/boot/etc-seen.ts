/**
 * What a switch saw of the running `/etc`, for the shutdown hook (files/usr/lib/opkg-ostree/etc-late.sh): edits made after the
 * merge are found by it. docs/formats/etc-merge.md has the format.
 */
import { join } from 'node:path/posix';
import { readEtcTree } from '../state/index.ts';
import { mkdirDurable, unlinkDurable, writeFileDurable } from '../sys/index.ts';
import { type Deployment, type DeploymentItem, deploymentName } from './deployment.ts';
import { etcOf } from './etc-history.ts';

const seenName = 'ostree/opkg-ostree/etc-seen';

/** The record's text: `from` and `to`, then a line for each file and symlink. Names that would break a line are left out. */
export function renderEtcSeen(
  from: Pick<DeploymentItem, 'stateroot' | 'checksum' | 'serial'>,
  to: typeof from,
  etc: string,
): string {
  const tree = readEtcTree(etc);
  const lines = [...tree.nodes].flatMap(([path, node]) => {
    if (/[\t\n\\]/u.test(path + (node.target ?? ''))) return [];
    if (node.kind === 'file') return [`${tree.digest(path)}\t./${path}\n`];
    return node.kind === 'symlink' ? [`-> ${node.target ?? ''}\t./${path}\n`] : [];
  });
  const name = (item: typeof from) => `${item.stateroot}/deploy/${deploymentName(item)}`;
  return `format 1\nfrom ${name(from)}\nto ${name(to)}\n${lines.join('')}`;
}

/** Writes the record where the merge came from the running system; elsewhere nobody edits, and an old record goes. */
export function noteEtcSeen(sysroot: string, from: Deployment | undefined, to: DeploymentItem): void {
  const path = join(sysroot, seenName);
  if (from?.booted !== true) {
    unlinkDurable(path);
    return;
  }
  mkdirDurable(join(sysroot, 'ostree/opkg-ostree'));
  writeFileDurable(path, renderEtcSeen(from, to, etcOf(from)), { mode: 0o600 });
}
