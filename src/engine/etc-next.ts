/** The defaults that a deployment of another base would have, before there is one. */
import { join } from 'node:path/posix';
import { type Checksum, sha256Hex, textOf } from '../base/index.ts';
import { commitEtcTree, type Deployment } from '../boot/index.ts';
import { readLayerMetadata } from '../layer/index.ts';
import { type EtcNode, type EtcTree, mergeAccountFile, readEtcTree, sameEtcNode } from '../state/index.ts';
import type { Session } from './session.ts';

/** The base of a deployment: its own commit where nothing is layered. */
export function baseOf(session: Session, { checksum }: Deployment): Checksum {
  return readLayerMetadata(session.sysroot.repo.loadCommit(checksum))?.base ?? checksum;
}

const accountFiles: ReadonlySet<string> = new Set(['passwd', 'group', 'shadow', 'gshadow']);

/**
 * The defaults of another base with what the layered packages made of those of today's: their files, their accounts, and files
 * of the base that they changed and the other base did not.
 */
export function nextDefaults(session: Session, merge: Deployment, base: Checksum): EtcTree {
  const { repo } = session.sysroot;
  const target = commitEtcTree(repo, base);
  const own = baseOf(session, merge);
  if (own === merge.checksum || !repo.hasObject('commit', own)) return target;
  const before = commitEtcTree(repo, own);
  const layered = readEtcTree(join(merge.path, 'usr/etc'));
  const nodes = new Map<string, EtcNode>(target.nodes);
  const made = new Map<string, Uint8Array>();
  const fromLayer = new Set<string>();
  for (const [path, node] of layered.nodes) {
    const [was, next] = [before.nodes.get(path), target.nodes.get(path)];
    if (was === undefined ? next !== undefined : next === undefined || sameEtcNode(before, layered, path))
      continue;
    const isText = [was, node, next].every((side) => side === undefined || side.kind === 'file');
    if (was === undefined || sameEtcNode(before, target, path)) {
      nodes.set(path, node);
      fromLayer.add(path);
    } else if (accountFiles.has(path) && isText) {
      const bytes = accounts(path, before, layered, target);
      made.set(path, bytes);
      if (next !== undefined) nodes.set(path, { ...next, size: bytes.length });
    }
  }
  const read = (path: string) => made.get(path) ?? (fromLayer.has(path) ? layered : target).read(path);
  return { nodes, notes: [], read, digest: (path) => sha256Hex(read(path)) };
}

/** The new base's accounts with those that packages have added. */
function accounts(path: string, before: EtcTree, layered: EtcTree, target: EtcTree): Uint8Array {
  const text = (tree: EtcTree) => textOf(tree.read(path));
  const sides = { base: text(before), live: text(layered), target: text(target) };
  const none = { users: new Map<number, number>(), groups: new Map<number, number>() };
  return Buffer.from(mergeAccountFile(path, sides, none).text);
}
