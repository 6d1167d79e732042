/**
 * What a switch saw of the running `/etc`, for the shutdown hook (files/usr/lib/opkg-ostree/etc-late.sh): edits made after the
 * merge are found by it. docs/formats/etc-merge.md has the format.
 */
import { join } from 'node:path/posix';
import { equalBytes } from '../base/index.ts';
import { type EtcNode, readEtcTree } from '../state/index.ts';
import {
  lstatIfExists,
  mkdirDurable,
  readdirIfExists,
  readFile,
  removeTree,
  unlinkDurable,
  writeFile,
  writeFileDurable,
} from '../sys/index.ts';
import { type Deployment, type DeploymentItem, deploymentName } from './deployment.ts';
import { etcOf } from './etc-history.ts';

const seenName = 'ostree/opkg-ostree/etc-seen';
/** Merged by line, which takes the lines of then. */
const accountFiles = ['passwd', 'group', 'shadow', 'gshadow'];
/** Larger files are merged as if nothing of then were known. */
const maxTextBytes = 1024 * 1024;

/** The record's text: `from` and `to`, then a line for each file, symlink and folder. */
export function renderEtcSeen(
  from: Pick<DeploymentItem, 'stateroot' | 'checksum' | 'serial'>,
  to: typeof from,
  etc: string,
): string {
  const tree = readEtcTree(etc);
  const lines = [...tree.nodes].flatMap(([path, node]) => {
    const key = keyOf(node, () => tree.digest(path));
    return key === undefined ? [] : [`${key}\t./${escaped(path)}\n`];
  });
  const name = (item: typeof from) => `${item.stateroot}/deploy/${deploymentName(item)}`;
  return `format 2\nfrom ${name(from)}\nto ${name(to)}\n${lines.join('')}`;
}

function keyOf(node: EtcNode, digest: () => string): string | undefined {
  const attributes = `${modeLetters(node.mode)} ${node.uid} ${node.gid}`;
  if (node.kind === 'file') return `f ${digest()} ${attributes}`;
  if (node.kind === 'dir') return `d ${attributes}`;
  return node.kind === 'symlink' ? `l ${escaped(node.target ?? '')}` : undefined;
}

/** As `ls -l` writes permission bits: BusyBox of a router has no other program that tells them. */
function modeLetters(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'));
  for (const [bit, index, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if ((mode & bit) !== 0) letters[index] = letters[index] === 'x' ? letter : letter.toUpperCase();
  }
  return letters.join('');
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}

/** Writes the record where the merge came from the running system; elsewhere nobody edits, and an old record goes. */
export function noteEtcSeen(
  sysroot: string,
  from: Deployment | undefined,
  to: DeploymentItem & { readonly path: string },
): void {
  const path = join(sysroot, seenName);
  if (from?.booted !== true) {
    unlinkDurable(path);
    return;
  }
  mkdirDurable(join(sysroot, 'ostree/opkg-ostree'));
  noteContents(`${path}.d`, etcOf(from), etcOf(to));
  writeFileDurable(path, renderEtcSeen(from, to, etcOf(from)), { mode: 0o600 });
}

/**
 * Keeps the text of files that the hook may have to merge. No copy is waited for: the hook compares a UCI file's with the digest
 * that the record has, and a file whose copy was lost is merged whole.
 */
function noteContents(folder: string, etc: string, merged: string): void {
  removeTree(folder);
  mkdirDurable(join(folder, 'config'), 0o700);
  for (const name of accountFiles) keepText(join(etc, name), join(folder, name));
  for (const name of readdirIfExists(join(etc, 'config'))) {
    const path = `config/${name}`;
    if (!isSameText(join(etc, path), join(merged, path))) keepText(join(etc, path), join(folder, path));
  }
}

function isSameText(a: string, b: string): boolean {
  const [x, y] = [lstatIfExists(a), lstatIfExists(b)];
  if (x?.isFile() !== true || y?.isFile() !== true) return true;
  return x.size === y.size && (x.size > maxTextBytes || equalBytes(readFile(a), readFile(b)));
}

function keepText(from: string, to: string): void {
  const stats = lstatIfExists(from);
  if (stats?.isFile() === true && stats.size <= maxTextBytes) writeFile(to, readFile(from), { mode: 0o600 });
}
