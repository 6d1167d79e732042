/**
 * The kernel of a tree, where libostree looks for it:
 *
 * ```
 * usr/lib/modules/<release>/vmlinuz        the kernel, whatever its format
 *                          /initramfs.img  or `initramfs`; optional
 *                          /devicetree     a file, or dtb/, a folder; optional
 * ```
 * The boot checksum is the SHA-256 of the contents in this order, dtb/ in byte order of its names, without framing.
 */
import { join } from 'node:path/posix';
import { type Checksum, compareBytes, hexOf, RefusedError, sha256, toRelPath } from '../base/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { lstatIfExists, readdir, readdirIfExists, readFile } from '../sys/index.ts';

/** A file that goes to `/boot/ostree/<stateroot>-<bootcsum>/`. */
export interface KernelFile {
  readonly role: 'linux' | 'initrd' | 'devicetree' | 'dtb';
  /** Relative to the tree. */
  readonly source: string;
  /** Relative to the folder in /boot. */
  readonly name: string;
  readonly size: number;
}

export interface KernelLayout {
  readonly release: string;
  readonly files: readonly KernelFile[];
  readonly bytes: number;
  readonly hasInitramfs: boolean;
}

/** What the search needs of a tree: a directory on disk or a commit. Symlinks are `other` and not followed. */
export interface KernelTree {
  /** Names in byte order; none where there is no such directory. */
  list(path: string): readonly string[];
  kind(path: string): 'file' | 'dir' | 'other' | undefined;
  size(path: string): number;
  read(path: string): Uint8Array;
}

const maxDevicetreeDepth = 8;

/** The tree's kernel. RefusedError NOT_BOOTABLE where there is none, or more than one. */
export function findKernel(tree: KernelTree): KernelLayout {
  const found = tree
    .list('usr/lib/modules')
    .filter((name) => tree.kind(`usr/lib/modules/${name}/vmlinuz`) === 'file');
  const release = found[0];
  if (release === undefined || found.length > 1) {
    const what = release === undefined ? 'no kernel' : `several kernels (${found.join(', ')})`;
    throw new RefusedError('NOT_BOOTABLE', `the tree has ${what} at usr/lib/modules/<release>/vmlinuz`, {
      hint: "compose the base with '--kernel FILE'",
    });
  }
  const folder = `usr/lib/modules/${release}`;
  const file = (role: KernelFile['role'], from: string, name: string): KernelFile => ({
    role,
    source: `${folder}/${from}`,
    name,
    size: tree.size(`${folder}/${from}`),
  });
  const files = [file('linux', 'vmlinuz', `vmlinuz-${release}`)];
  const initramfs = ['initramfs.img', 'initramfs'].find((name) => tree.kind(`${folder}/${name}`) === 'file');
  if (initramfs !== undefined) files.push(file('initrd', initramfs, `initramfs-${release}.img`));
  if (tree.kind(`${folder}/devicetree`) === 'file') {
    files.push(file('devicetree', 'devicetree', `devicetree-${release}`));
  } else if (tree.kind(`${folder}/dtb`) === 'dir') {
    files.push(...devicetrees(tree, folder, 'dtb', 0));
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { release, files, bytes, hasInitramfs: initramfs !== undefined };
}

/** The boot checksum of a kernel that `findKernel` found in the same tree. */
export function bootChecksum(tree: KernelTree, layout: KernelLayout): Checksum {
  const hash = sha256();
  for (const { source } of layout.files) hash.update(tree.read(source));
  return hexOf(hash.digest());
}

/** A deployment's folder as a KernelTree. */
export function directoryTree(root: string): KernelTree {
  return {
    list: (path) => readdirIfExists(join(root, path)).sort(compareBytes),
    kind(path) {
      const stats = lstatIfExists(join(root, path));
      if (stats === undefined) return undefined;
      return stats.isFile() ? 'file' : stats.isDirectory() ? 'dir' : 'other';
    },
    size: (path) => lstatIfExists(join(root, path))?.size ?? 0,
    read: (path) => readFile(join(root, path)),
  };
}

/** A commit as a KernelTree. */
export function commitTree(repo: Repository, commit: Checksum): KernelTree {
  const tree = MutableTree.fromCommit(repo, commit);
  const fileAt = (path: string) => {
    const found = tree.lookup(toRelPath(path));
    return found?.kind === 'file' ? repo.loadFile(found.checksum) : undefined;
  };
  const isDirectory = (path: string) => tree.lookup(toRelPath(path))?.kind === 'dir';
  return {
    list: (path) =>
      isDirectory(path)
        ? tree
            .list(toRelPath(path))
            .map(({ name }) => name)
            .sort(compareBytes)
        : [],
    kind(path) {
      if (isDirectory(path)) return 'dir';
      const file = fileAt(path);
      if (file === undefined) return undefined;
      return file.target === undefined ? 'file' : 'other';
    },
    size: (path) => fileAt(path)?.size ?? 0,
    read: (path) => fileAt(path)?.readAll() ?? new Uint8Array(),
  };
}

/** The kernel's folder in /boot, relative to /boot. */
export function kernelFolder(stateroot: string, checksum: string): string {
  return `ostree/${stateroot}-${checksum}`;
}

/** The folders of /boot/ostree with the boot checksum in their names. */
export function listKernelFolders(boot: string): { readonly name: string; readonly checksum: string }[] {
  if (lstatIfExists(join(boot, 'ostree')) === undefined) return [];
  return readdir(join(boot, 'ostree')).flatMap((name) => {
    const match = /^.+-([0-9a-f]{64})$/u.exec(name);
    return match?.[1] === undefined ? [] : [{ name, checksum: match[1] }];
  });
}

function devicetrees(tree: KernelTree, folder: string, path: string, depth: number): KernelFile[] {
  if (depth > maxDevicetreeDepth) return [];
  return tree.list(`${folder}/${path}`).flatMap((name) => {
    const at = `${path}/${name}`;
    const source = `${folder}/${at}`;
    const kind = tree.kind(source);
    if (kind === 'dir') return devicetrees(tree, folder, at, depth + 1);
    return kind === 'file' ? [{ role: 'dtb' as const, source, name: at, size: tree.size(source) }] : [];
  });
}
