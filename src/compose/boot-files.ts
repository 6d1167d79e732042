/** The early-boot edits of a base (openwrt-platform.md A.3, boot-facts.md 4.1), made on the tree as a value. */
import { compareBytes, ParseError, type RelPath, textOf, toRelPath } from '../base/index.ts';
import { enableLinks, mapPath, parseInitScript, type ServiceLink } from '../state/index.ts';
import { putNode, rootFile, rootSymlink, runtimeOfTree, type Tree } from './tree.ts';

/** A file of ours. It becomes 0755 or 0644, by whether `mode` lets anybody run it: a umask must not reach the commit. */
export interface BootFile {
  readonly mode: number;
  readonly content: Uint8Array;
}

/** By path as a package would ship it, or as the tree has it. */
export type BootFiles = ReadonlyMap<RelPath, BootFile>;

/**
 * Steps of OpenWrt's early boot that would harm a deployment: one mounts partition 1 over /boot, the other writes a
 * boot loader to the disk.
 */
const harmfulPreinit = /^usr\/lib\/preinit\/\d+_(?:move_config|upgrade_bootloader)$/u;

/**
 * A file of base-files that is given other content. It stays base-files': opkg lets no package take over another's file, and what
 * is registered here must be installable by it as the package `opkg-ostree-boot`.
 */
const changedInPlace: ReadonlySet<RelPath> = new Set([toRelPath('usr/etc/rc.button/reset')]);

/** A file of ours on its way into the tree; `listed` is its path as the package's file list names it. */
export interface MappedBootFile extends BootFile {
  readonly listed: RelPath;
}

/** The boot files by their path in the tree; ParseError ROOTFS_INVALID for a path that no tree may hold. */
export function mapBootFiles(bootFiles: BootFiles): Map<RelPath, MappedBootFile> {
  const mapped = new Map<RelPath, MappedBootFile>();
  for (const [path, file] of [...bootFiles].sort(([a], [b]) => compareBytes(a, b))) {
    const place = mapPath(path);
    if (place.kind !== 'tree') throw new ParseError('ROOTFS_INVALID', `a boot file cannot be at '${path}'`);
    mapped.set(place.path, { ...file, listed: runtimeOfTree(path) });
  }
  return mapped;
}

/** Those of the mapped files that are registered as ours. */
export function ownBootFiles(files: ReadonlyMap<RelPath, MappedBootFile>): Map<RelPath, MappedBootFile> {
  return new Map([...files].filter(([path]) => !changedInPlace.has(path)));
}

/** Puts our files into the tree and takes the harmful ones out; the tree paths that changed hands. */
export function applyBootFiles(tree: Tree, bootFiles: ReadonlyMap<RelPath, BootFile>): Set<RelPath> {
  const replaced = new Set<RelPath>();
  for (const path of [...tree.keys()]) {
    if (harmfulPreinit.test(path)) {
      tree.delete(path);
      replaced.add(path);
    }
  }
  for (const [path, file] of bootFiles) {
    if (tree.get(path)?.type === 'directory') {
      throw new ParseError('ROOTFS_INVALID', `not an OpenWrt root: '${path}' is a directory`);
    }
    putNode(tree, path, rootFile(file.content, (file.mode & 0o111) === 0 ? 0o644 : 0o755));
    if (!changedInPlace.has(path)) replaced.add(path);
    for (const { path: link, target } of serviceLinks(path, file)) {
      putNode(tree, toRelPath(`usr/etc/${link}`), rootSymlink(target));
    }
  }
  return replaced;
}

/** The links by which rc.d starts and stops an init script of ours. */
function serviceLinks(path: RelPath, file: BootFile): readonly ServiceLink[] {
  const name = /^usr\/etc\/init\.d\/([^/]+)$/u.exec(path)?.[1];
  if (name === undefined) return [];
  const script = parseInitScript(textOf(file.content));
  return script === 'computed' ? [] : enableLinks(name, script);
}
