import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** More lines than these hide what a failed comparison has to say. */
const MAX_CHANGES = 20;

/** One line per entry of a tree (path, type, mode, owner, content's digest or target), but for paths that `except` matches. */
export function listTree(folder: string, except?: RegExp): string[] {
  return walk(folder, '').filter((line) => except?.test(line.slice(0, line.indexOf(' '))) !== true);
}

function walk(root: string, path: string): string[] {
  const full = join(root, path);
  const found = lstatSync(full);
  const facts = `${path === '' ? '.' : path} ${found.mode.toString(8)} ${found.uid}:${found.gid}`;
  if (found.isSymbolicLink()) return [`${facts} -> ${readlinkSync(full)}`];
  if (!found.isDirectory())
    return [`${facts} ${createHash('sha256').update(readFileSync(full)).digest('hex')}`];
  return [
    facts,
    ...readdirSync(full)
      .sort()
      .flatMap((name) => walk(root, path === '' ? name : `${path}/${name}`)),
  ];
}

/** The first lines that only one of two listings has, `-` before those of the first, `+` before those of the second. */
export function treeChanges(before: readonly string[], after: readonly string[]): string[] {
  const [old, current] = [new Set(before), new Set(after)];
  const changes = [
    ...before.filter((line) => !current.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ];
  return changes.slice(0, MAX_CHANGES);
}
