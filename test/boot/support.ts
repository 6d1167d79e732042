/** Trees, commits and sysroots for the tests of src/boot; what must be made by libostree is made by the real `ostree`. */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type Checksum, silentContext, toChecksum } from '../../src/base/index.ts';
import {
  carryOrigin,
  type FinishOptions,
  type FinishReport,
  finishDeployment,
  newOrigin,
  type StageRequest,
  Sysroot,
  stageDeployment,
} from '../../src/boot/index.ts';

export const hasOstree = spawnSync('ostree', ['--version']).status === 0;
export const isRoot = process.geteuid?.() === 0;

/** path -> content; `-> x` a symlink. Parents are made. */
export type Files = Readonly<Record<string, string>>;

/** Runs the real ostree; its output. The deployments' immutable flag would keep test folders from being removed. */
export function ostree(args: readonly string[]): string {
  const env = { ...process.env, OSTREE_SYSROOT_DEBUG: 'mutable-deployments', LC_ALL: 'C' };
  return execFileSync('ostree', [...args], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Writes files below a directory. */
export function writeTree(dir: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const at = join(dir, path);
    fs.mkdirSync(dirname(at), { recursive: true });
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), at);
    else fs.writeFileSync(at, content);
  }
}

/** The tree that docs/formats/boot.md takes its vectors from. */
export const vectorTree: Files = {
  'usr/lib/modules/6.6.1/vmlinuz': 'KERNEL',
  'usr/lib/modules/6.6.1/initramfs.img': 'INITRD',
  'usr/lib/os-release': 'PRETTY_NAME="OpenWrt 23.05"\n',
  'usr/etc/conf': 'default\n',
};

/** Commits a tree with the real ostree; same input, same checksum. */
export function commitTree(
  scratch: string,
  repo: string,
  {
    ref,
    files,
    binaries = {},
    version = '23.05.1',
    metadata = {},
  }: {
    ref: string;
    files: Files;
    /** path -> content, over the files. */
    binaries?: Readonly<Record<string, Uint8Array>>;
    version?: string;
    metadata?: Readonly<Record<string, string>>;
  },
): Checksum {
  const dir = fs.mkdtempSync(join(scratch, 'tree-'));
  fs.chmodSync(dir, 0o755);
  writeTree(dir, files);
  for (const [path, bytes] of Object.entries(binaries)) fs.writeFileSync(join(dir, path), bytes);
  for (const name of ['var', 'sysroot', 'etc']) fs.mkdirSync(join(dir, name));
  fs.rmdirSync(join(dir, 'etc'));
  const out = ostree([
    `--repo=${repo}`,
    'commit',
    '-b',
    ref,
    '--owner-uid=0',
    '--owner-gid=0',
    '--no-xattrs',
    '--timestamp=2024-01-02T03:04:05Z',
    `--add-metadata-string=version=${version}`,
    ...Object.entries(metadata).map(([key, value]) => `--add-metadata-string=${key}=${value}`),
    `--tree=dir=${dir}`,
  ]);
  return toChecksum(out.trim());
}

/** What `deploy` of ours does, with the merge deployment that `ostree admin deploy` would choose. */
export async function deploy(
  sysroot: Sysroot,
  commit: Checksum,
  options: {
    ref?: string;
    kargs?: string[];
    stateroot?: string;
    noMerge?: boolean;
    finish?: FinishOptions;
  } = {},
): Promise<FinishReport> {
  const stateroot = options.stateroot ?? 'openwrt';
  const mergeFrom = options.noMerge === true ? undefined : sysroot.mergeDeployment(stateroot);
  const origin =
    mergeFrom === undefined ? newOrigin(options.ref ?? 'openwrt/x86') : carryOrigin(mergeFrom.origin);
  const request: StageRequest = {
    commit,
    origin,
    stateroot,
    mergeFrom,
    ...(options.kargs === undefined ? {} : { kargs: options.kargs }),
  };
  const staged = await stageDeployment(sysroot, request, silentContext);
  return finishDeployment(sysroot, staged, silentContext, options.finish);
}

/** Everything below the paths: links with their targets, files with their content; folders end in `/`. */
export function snapshot(root: string, paths: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: string) => {
    const at = join(root, path);
    const stats = fs.lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (stats.isSymbolicLink()) found[path] = `-> ${fs.readlinkSync(at)}`;
    else if (stats.isFile()) found[path] = fs.readFileSync(at, 'utf8');
    else {
      found[`${path}/`] = (stats.mode & 0o7777).toString(8);
      for (const name of fs.readdirSync(at)) visit(`${path}/${name}`);
    }
  };
  for (const path of paths) visit(path);
  return found;
}

/** What boots and what resolves it: the part of a sysroot that the real tool and ours must agree on. */
export function bootState(root: string): Record<string, string> {
  const versions = ['boot.0', 'boot.0.0', 'boot.0.1', 'boot.1', 'boot.1.0', 'boot.1.1'].map(
    (name) => `ostree/${name}`,
  );
  return snapshot(root, ['boot', ...versions]);
}

export { Sysroot };
