/**
 * What the physical root needs where the kernel starts prepare-root itself, without an initramfs (boot-time facts in
 * docs/formats/boot.md): the shell with its libraries, and empty directories to mount on. Only what is absent is made.
 *
 * ```
 * <sysroot>/bin/busybox  lib/ld-musl-<arch>.so.1 -> libc.so  lib/libc.so  lib/libgcc_s.so.1  proc sys dev tmp
 * ```
 */
import { basename, dirname, join } from 'node:path/posix';
import {
  chmod,
  copyFile,
  exists,
  fsyncDirectory,
  lstatIfExists,
  mkdir,
  readFile,
  readlink,
  rename,
  symlink,
  tempNameFor,
} from '../sys/index.ts';
import { readElfNeeds } from './elf.ts';

const emptyDirectories = ['proc', 'sys', 'dev', 'tmp'];
const libraryFolders = ['lib', 'usr/lib', 'lib64'];
const maxHops = 40;
const maxLibraries = 64;

/** What was done: the paths made, and why the root cannot boot without an initramfs where it cannot. */
export interface SkeletonReport {
  readonly made: readonly string[];
  readonly problem: string | undefined;
}

/** Completes the physical root from a deployment's own files. Never replaces anything, never writes through a symlink. */
export function installSkeleton(sysroot: string, deployment: string): SkeletonReport {
  const made: string[] = [];
  for (const name of emptyDirectories) makeDirectory(sysroot, name, made);
  const shell = resolveInside(deployment, 'bin/busybox');
  if (shell === undefined) return { made, problem: 'the deployment has no bin/busybox' };
  const placed = place(sysroot, { from: shell, to: 'bin/busybox' }, made);
  if (!placed) return { made, problem: `${join(sysroot, 'bin')} is not a directory of its own` };
  const missing = installLibraries(sysroot, deployment, shell, made);
  return { made, problem: missing === undefined ? undefined : `the deployment has no ${missing}` };
}

/**
 * The absolute path that a path leads to inside a tree, its symlinks resolved as if the tree were the root; undefined
 * where nothing is there or links go round.
 */
export function resolveInside(root: string, path: string): string | undefined {
  let todo = path.split('/');
  let at: string[] = [];
  let hops = 0;
  while (todo.length > 0) {
    const [part = '', ...rest] = todo;
    todo = rest;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = at.slice(0, -1);
      continue;
    }
    const here = join(root, ...at, part);
    const stats = lstatIfExists(here);
    if (stats === undefined) return undefined;
    if (!stats.isSymbolicLink()) {
      at = [...at, part];
      continue;
    }
    if (++hops > maxHops) return undefined;
    const target = readlink(here);
    if (target.startsWith('/')) at = [];
    todo = [...target.split('/'), ...todo];
  }
  return join(root, ...at);
}

/**
 * The files of a physical root that its own shell runs on, by the names under which they are looked for; undefined where
 * one of them is not to be found.
 */
export function skeletonFiles(root: string): string[] | undefined {
  const files = new Set(['bin/busybox']);
  const shell = resolveInside(root, 'bin/busybox');
  if (shell === undefined) return undefined;
  const needs = readElfNeeds(readFile(shell));
  const wanted = [...(needs?.libraries ?? [])];
  if (needs?.interpreter !== undefined) {
    if (resolveInside(root, needs.interpreter) === undefined) return undefined;
    files.add(needs.interpreter.replace(/^\/+/u, ''));
  }
  const seen = new Set<string>();
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (seen.has(name) || seen.size > maxLibraries) continue;
    seen.add(name);
    const path = libraryFolders.map((folder) => `${folder}/${name}`).find((at) => resolveInside(root, at));
    const found = path === undefined || name.includes('/') ? undefined : resolveInside(root, path);
    if (path === undefined || found === undefined) return undefined;
    files.add(path);
    wanted.push(...(readElfNeeds(readFile(found))?.libraries ?? []));
  }
  return [...files];
}

/** The first library that is missing, or undefined when all are in place. */
function installLibraries(
  sysroot: string,
  deployment: string,
  program: string,
  made: string[],
): string | undefined {
  const needs = readElfNeeds(readFile(program));
  if (needs === undefined) return undefined;
  const wanted = [...needs.libraries];
  if (needs.interpreter !== undefined) {
    const from = resolveInside(deployment, needs.interpreter);
    if (from === undefined) return needs.interpreter;
    const folder = dirname(needs.interpreter).replace(/^\/+/u, '');
    placeLibrary(sysroot, { from, folder, name: basename(needs.interpreter) }, made);
  }
  const seen = new Set<string>();
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (seen.has(name) || name.includes('/') || seen.size > maxLibraries) continue;
    seen.add(name);
    const from = libraryFolders
      .map((f) => resolveInside(deployment, `${f}/${name}`))
      .find((p) => p !== undefined);
    if (from === undefined) return name;
    placeLibrary(sysroot, { from, folder: 'lib', name }, made);
    wanted.push(...(readElfNeeds(readFile(from))?.libraries ?? []));
  }
  return undefined;
}

interface Placement {
  readonly from: string;
  readonly folder: string;
  readonly name: string;
}

/** The file under its real name, and the name that is asked for as a link to it, as the tree has them. */
function placeLibrary(sysroot: string, { from, folder, name }: Placement, made: string[]): void {
  const real = basename(from);
  if (!place(sysroot, { from, to: `${folder}/${real}` }, made) || real === name) return;
  const link = join(sysroot, folder, name);
  if (exists(link)) return;
  symlink(real, link);
  made.push(`${folder}/${name}`);
}

/** True when the file is there afterwards. */
function place(sysroot: string, { from, to }: { from: string; to: string }, made: string[]): boolean {
  const path = join(sysroot, to);
  if (!makeDirectory(sysroot, dirname(to), made)) return false;
  if (exists(path)) return true;
  const temp = tempNameFor(path);
  copyFile(from, temp);
  chmod(temp, 0o755);
  rename(temp, path);
  fsyncDirectory(dirname(path));
  made.push(to);
  return true;
}

/** True when the directory, each of its parents a real one, is there afterwards. */
function makeDirectory(sysroot: string, path: string, made: string[]): boolean {
  let at = '';
  for (const part of path.split('/')) {
    at = at === '' ? part : `${at}/${part}`;
    const stats = lstatIfExists(join(sysroot, at));
    if (stats === undefined) {
      mkdir(join(sysroot, at));
      if (at === 'tmp') chmod(join(sysroot, at), 0o1777);
      made.push(at);
    } else if (!stats.isDirectory()) {
      return false;
    }
  }
  return true;
}
