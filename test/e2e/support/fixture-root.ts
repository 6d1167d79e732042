/** A root that starts in seconds: Debian's static busybox, a tiny init, and the product's own files as `compose` places them. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

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
  cpSync(join(repository, 'files/usr'), join(dir, 'usr'), { recursive: true });
  cpSync(join(repository, 'files/etc'), join(dir, 'usr/etc'), { recursive: true });
  cpSync(join(repository, 'test/e2e/fixture/init.sh'), join(dir, 'usr/sbin/init'));
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
