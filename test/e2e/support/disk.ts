/**
 * Sysroots on disk images, made by the real ostree and `mke2fs -d`, and read back as a boot loader reads them: without replaying
 * the journal.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const kargs = ['console=ttyS0', 'root=/dev/nvme0n1', 'rootwait', 'panic=1'];

/** stdout of a command; an error with its stderr where it fails. */
export function run(command: string, args: readonly string[], cwd?: string): string {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd, maxBuffer: 64 * 1024 * 1024 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** A sysroot with a deployment for each tree; the last one is started first. `physicalInit` puts early boot outside them. */
export class TestSysroot {
  /** By the tree's position: `<stateroot>/deploy/<commit>.<serial>`. */
  readonly deployments: string[] = [];
  readonly path: string;

  constructor(
    path: string,
    options: { readonly physicalInit: boolean; readonly initramfs?: string },
    trees: readonly string[],
  ) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    run('ostree', ['admin', 'init-fs', path]);
    run('ostree', ['admin', 'os-init', `--sysroot=${path}`, 'openwrt']);
    for (const [index, tree] of trees.entries()) this.#deploy(tree, `fixture/${index}`);
    this.#skeleton(trees[0] ?? '');
    if (options.physicalInit) this.#useInit('init=/ostree/opkg-ostree/prepare-root');
    if (options.initramfs !== undefined) this.#useInit('rootfstype=ext4');
  }

  writeState(lines: Readonly<Record<string, string | number>>): void {
    writeBootState(this.path, lines);
  }

  image(file: string): string {
    return makeImage(this.path, file);
  }

  #deploy(tree: string, branch: string): void {
    const repo = join(this.path, 'ostree/repo');
    const commit = run('ostree', [
      `--repo=${repo}`,
      'commit',
      '--owner-uid=0',
      '--owner-gid=0',
      '--no-xattrs',
      '-b',
      branch,
      `--tree=dir=${tree}`,
      '-s',
      branch,
    ]).trim();
    const args = kargs.map((karg) => `--karg=${karg}`);
    run('ostree', ['admin', 'deploy', `--sysroot=${this.path}`, '--os=openwrt', '--retain', ...args, branch]);
    const dir = join(this.path, 'ostree/deploy/openwrt/deploy');
    for (const name of readdirSync(dir)) spawnSync('chattr', ['-i', join(dir, name)]);
    this.deployments.push(`openwrt/deploy/${commit}.0`);
  }

  #skeleton(tree: string): void {
    const lib = join(tree, 'usr/lib');
    mkdirSync(join(this.path, 'bin'), { recursive: true });
    mkdirSync(join(this.path, 'lib'), { recursive: true });
    mkdirSync(join(this.path, 'ostree/opkg-ostree'), { recursive: true });
    cpSync(join(tree, 'usr/bin/busybox'), join(this.path, 'bin/busybox'));
    for (const name of readdirSync(lib).filter((entry) =>
      /^(?:ld-musl-.*|libc\.so|libgcc_s\.so\.1)$/u.test(entry),
    )) {
      run('cp', ['-a', join(lib, name), join(this.path, 'lib/')]);
    }
    for (const name of ['prepare-root', 'boot.sh', 'loaders.sh', 'switch.sh', 'choose.sh', 'populate.sh']) {
      cpSync(join(lib, 'opkg-ostree', name), join(this.path, 'ostree/opkg-ostree', name));
    }
  }

  /** Sets the words in the place of libostree's init=. */
  #useInit(words: string): void {
    const entries = join(this.path, 'boot/loader/entries');
    for (const name of readdirSync(entries)) {
      const text = run('cat', [join(entries, name)]);
      writeFileSync(join(entries, name), text.replace(/init=\S+/u, words));
    }
  }
}

/** Writes the boot state as the tool does before a switch. */
export function writeBootState(sysroot: string, lines: Readonly<Record<string, string | number>>): void {
  const text = Object.entries(lines).map(([key, value]) => `${key} ${value}\n`);
  mkdirSync(join(sysroot, 'ostree/opkg-ostree'), { recursive: true });
  writeFileSync(join(sysroot, 'ostree/opkg-ostree/boot-state'), `format 1\n${text.join('')}`);
}

/** An ext4 image of a sysroot; its files belong to root because the test runs as root. */
export function makeImage(sysroot: string, file: string): string {
  rmSync(file, { force: true });
  run('mke2fs', ['-q', '-t', 'ext4', '-L', 'sysroot', '-d', sysroot, file, '256M']);
  return file;
}

/** The file system as the second partition of a disk; its PARTUUID. */
export function makeDisk(filesystem: string, file: string, label: 'gpt' | 'dos'): string {
  rmSync(file, { force: true });
  run('truncate', ['-s', '262M', file]);
  const first = label === 'gpt' ? '' : ', type=83';
  const script = `label: ${label}\nstart=2048, size=2048${first}\nstart=4096, size=524288\n`;
  const result = spawnSync('sfdisk', ['-q', file], { input: script, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`sfdisk: ${result.stderr}`);
  run('dd', [`if=${filesystem}`, `of=${file}`, 'bs=1M', 'seek=2', 'conv=notrunc,sparse', 'status=none']);
  if (label === 'gpt') return run('sfdisk', ['--part-uuid', file, '2']).trim().toLowerCase();
  const id = /0x([0-9a-f]{8})/u.exec(run('sfdisk', ['--disk-id', file]))?.[1] ?? '';
  return `${id}-02`;
}

function debugfs(image: string, command: string): string {
  return spawnSync('debugfs', ['-R', command, image], { encoding: 'utf8' }).stdout;
}

/** The content of a file of the image, as it is on disk without the journal; empty where there is none. */
export function readImageFile(image: string, path: string): string {
  return debugfs(image, `cat ${path}`);
}

/** The options of the entries below boot/loader, in boot order: what a boot loader shows in its menu. */
export function entryOptions(image: string): string[] {
  const link = /Fast link dest: "(.*)"/u.exec(debugfs(image, 'stat /boot/loader'))?.[1];
  const names = debugfs(image, `ls -p /boot/${link}/entries`)
    .split('\n')
    .map((line) => line.split('/')[5] ?? '')
    .filter((name) => name.endsWith('.conf'));
  const entries = names.map((name) => readImageFile(image, `/boot/${link}/entries/${name}`));
  const version = (text: string) => Number(/^version (\d+)$/mu.exec(text)?.[1] ?? 0);
  entries.sort((a, b) => version(b) - version(a));
  return entries.map((text) => /^options (.*)$/mu.exec(text)?.[1] ?? '');
}

/** What a boot loader starts by itself. */
export function firstEntryOptions(image: string): string {
  return entryOptions(image)[0] ?? '';
}

/** The image's file system replayed and checked; the checker's words where it finds a fault. */
export function checkImage(image: string): string | undefined {
  spawnSync('e2fsck', ['-p', image]);
  const result = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
  return result.status === 0 ? undefined : result.stdout;
}

/** The sysroot of an image copied out, so that the real ostree can look at it. */
export function extractImage(image: string, dir: string): string {
  mkdirSync(dir, { recursive: true });
  run('debugfs', ['-R', `rdump / ${dir}`, image]);
  return dir;
}

/** Why a partition of an image cannot be mounted here; undefined where it can. */
export function mountObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return spawnSync('losetup', ['-f']).status === 0 ? undefined : 'no loop device';
}

/** Mounts the last partition of a disk, the sysroot, for as long as `body` runs. */
export async function withMounted<T>(disk: string, body: (path: string) => Promise<T>): Promise<T> {
  const starts = run('sfdisk', ['-d', disk]).match(/start= *\d+/gu) ?? [];
  const sector = Number(/\d+/u.exec(starts.at(-1) ?? '')?.[0]);
  return await withMountedAt(disk, sector * 512, body);
}

/** Mounts the file system at an offset of a file for as long as `body` runs. */
export async function withMountedAt<T>(
  disk: string,
  offset: number,
  body: (path: string) => Promise<T>,
): Promise<T> {
  const path = `${disk}.mounted`;
  mkdirSync(path, { recursive: true });
  run('mount', ['-o', `loop,offset=${offset}`, disk, path]);
  try {
    return await body(path);
  } finally {
    run('umount', [path]);
    rmSync(path, { recursive: true });
  }
}
