/** A root that starts in seconds: Debian's static busybox, a tiny init, and the product's own files as `compose` places them. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bundlePath } from '../../support/world/bundle.ts';
import { repoRoot } from '../../support/world/repo-root.ts';

/** The static busybox of Debian's package busybox-static; undefined where it is missing or dynamic. */
export function staticBusybox(): string | undefined {
  const path = ['/bin/busybox', '/usr/bin/busybox'].find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  return spawnSync('ldd', [path], { encoding: 'utf8' }).status === 0 ? undefined : path;
}

export interface FixtureOptions {
  /** Printed at each start. */
  readonly name: string;
  /** A kernel for usr/lib/modules; a text in its place where the machine is started with one of its own. */
  readonly kernel?: string;
  /** A static busybox of another architecture. */
  readonly busybox?: string;
  /** sh that init runs before anything else: what breaks this deployment. */
  readonly broken?: string;
  /** More files by path; an executable where the content begins with `#!`. */
  readonly files?: Readonly<Record<string, string>>;
  /** More symlinks: path -> target. */
  readonly links?: Readonly<Record<string, string>>;
  /** Paths to leave out. */
  readonly without?: readonly string[];
  /** Programs of this machine, with their libraries. */
  readonly programs?: readonly string[];
  /** With Node and the bundle, so that the tool changes the machine from inside. */
  readonly node?: boolean;
}

/** Copies a program of this machine, with the libraries that it names, to where the tree's own loader looks for them. */
export function installProgram(program: string, bin: string, lib: string): void {
  // It may be there as a link to busybox.
  rmSync(join(bin, basename(program)), { force: true });
  cpSync(program, join(bin, basename(program)), { dereference: true });
  const named = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (named.status !== 0) throw new Error(`ldd ${program}: ${named.stderr}`);
  for (const line of named.stdout.split('\n')) {
    const path = /(?:=> )?(\/\S+) \(0x/u.exec(line)?.[1];
    if (path !== undefined) cpSync(path, join(lib, basename(path)), { dereference: true });
  }
}

function installTool(dir: string): void {
  const bin = join(dir, 'usr/bin');
  // OpenWrt's busybox has flock as an applet, Debian's has not.
  for (const program of [process.execPath, '/usr/bin/flock'])
    installProgram(program, bin, join(dir, 'usr/lib'));
  installBundle(join(dir, 'usr/lib/opkg-ostree'));
}

/** Copies the bundle, in however many files it is, into a folder. */
export function installBundle(folder: string): void {
  const from = dirname(bundlePath);
  for (const name of readdirSync(from)) {
    if (/^opkg-ostree[^/]*\.mjs$/u.test(name)) cpSync(join(from, name), join(folder, name));
  }
}

/** Writes the tree, in the form of a commit: /etc is at usr/etc. */
export function writeFixtureRoot(dir: string, options: FixtureOptions): void {
  for (const name of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/etc',
    'usr/share/fixture',
    'usr/lib/modules/fixture',
    ...emptyFolders,
  ]) {
    mkdirSync(join(dir, name), { recursive: true });
  }
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(dir, path));
  const busybox = staticBusybox() ?? '';
  cpSync(options.busybox ?? busybox, join(dir, 'usr/bin/busybox'));
  const applets = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  for (const applet of applets) {
    // The product brings its own; /sbin/init is the fixture's.
    if (applet === 'busybox' || applet === 'init' || applet === 'reboot') continue;
    symlinkSync('busybox', join(dir, 'usr/bin', applet));
  }
  cpSync(join(repoRoot, 'files/usr'), join(dir, 'usr'), { recursive: true });
  cpSync(join(repoRoot, 'files/etc'), join(dir, 'usr/etc'), { recursive: true });
  cpSync(join(repoRoot, 'test/e2e/fixture/init.sh'), join(dir, 'usr/sbin/init'));
  chmodSync(join(dir, 'usr/sbin/init'), 0o755);
  const files: Record<string, string> = {
    'usr/sbin/reboot': '#!/bin/sh\nsync\nexec busybox reboot -f\n',
    'usr/lib/os-release': 'ID=fixture\nPRETTY_NAME="Fixture"\n',
    'usr/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'usr/etc/hosts': '127.0.0.1 localhost\n',
    'usr/lib/modules/fixture/vmlinuz': 'not read: the machine is started with a kernel of its own\n',
    'usr/share/fixture/name': `${options.name}\n`,
    'usr/share/factory/var/lib/fixture/seed': 'seed\n',
    ...(options.broken === undefined ? {} : { 'usr/share/fixture/broken': `${options.broken}\n` }),
    ...options.files,
  };
  for (const [path, content] of Object.entries(files)) {
    if (options.without?.includes(path)) continue;
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
    if (content.startsWith('#!')) chmodSync(join(dir, path), 0o755);
  }
  for (const [path, target] of Object.entries(options.links ?? {})) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    symlinkSync(target, join(dir, path));
  }
  for (const program of options.programs ?? []) {
    installProgram(program, join(dir, 'usr/bin'), join(dir, 'usr/lib'));
  }
  if (options.node === true) installTool(dir);
  if (options.kernel !== undefined) cpSync(options.kernel, join(dir, 'usr/lib/modules/fixture/vmlinuz'));
  for (const path of options.without ?? []) spawnSync('rm', ['-rf', join(dir, path)]);
}

const emptyFolders = ['boot', 'dev', 'overlay', 'proc', 'rom', 'sys', 'sysroot', 'tmp', 'var'];

const links: Readonly<Record<string, string>> = {
  bin: 'usr/bin',
  home: 'var/home',
  lib: 'usr/lib',
  lib64: 'usr/lib',
  mnt: 'var/mnt',
  opt: 'var/opt',
  ostree: 'sysroot/ostree',
  root: 'var/roothome',
  run: 'tmp/run',
  sbin: 'usr/sbin',
  srv: 'var/srv',
};
