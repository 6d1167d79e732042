/** Which kernel a commit carries, and under which release (ostree-formats.md B.5: exactly one `vmlinuz`). */
import { compareBytes, ParseError, RefusedError, type RelPath, toRelPath } from '../base/index.ts';
import type { RootEntry } from './entries.ts';
import type { ContentSource, Tree } from './tree.ts';

export interface KernelRequest {
  /** `--kernel`, `--dtb` and the finished initramfs, as they lie on disk or in memory. */
  readonly kernel: ContentSource | undefined;
  readonly dtb: ContentSource | undefined;
  readonly initramfs: ContentSource | undefined;
  readonly release: string | undefined;
}

export interface KernelPlan {
  readonly release: string;
  readonly files: ReadonlyMap<RelPath, ContentSource>;
}

const modules = 'usr/lib/modules' as RelPath;
const releasePattern = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$/u;

/**
 * The kernel's files by tree path, or undefined where there is no kernel at all. Found in this order: the one asked
 * for, the only one in /boot of the source, one that the tree has already.
 */
export function planKernel(
  tree: Tree,
  inBoot: readonly RootEntry[],
  request: KernelRequest,
): KernelPlan | undefined {
  const kernel = request.kernel ?? kernelOfBoot(inBoot);
  const present = [...tree].filter(([path, node]) => isKernelPath(path) && node.type === 'file');
  if (kernel === undefined && present.length === 0) {
    if (request.dtb === undefined && request.initramfs === undefined) return undefined;
    throw new RefusedError('NOT_BOOTABLE', 'a device tree or initramfs needs a kernel to go with', {
      hint: 'add --kernel FILE',
    });
  }
  if (kernel === undefined && present.length > 1) throw severalReleases(present.map(([path]) => path));
  const ready = kernel === undefined ? present[0]?.[0].split('/')[3] : undefined;
  const release = ready ?? request.release ?? onlyRelease(tree);
  if (!releasePattern.test(release)) {
    throw new ParseError('ROOTFS_INVALID', `'${release}' is no kernel release`, {
      hint: 'see --kernel-release',
    });
  }
  const files = new Map<RelPath, ContentSource>();
  const put = (name: string, content: ContentSource | undefined) => {
    if (content !== undefined) files.set(toRelPath(`${modules}/${release}/${name}`), content);
  };
  put('vmlinuz', kernel);
  put('devicetree', request.dtb);
  put('initramfs.img', request.initramfs);
  return { release, files };
}

/** True for the place of a kernel image in a tree. */
export function isKernelPath(path: RelPath): boolean {
  return /^usr\/lib\/modules\/[^/]+\/vmlinuz$/u.test(path);
}

function kernelOfBoot(inBoot: readonly RootEntry[]): ContentSource | undefined {
  const found = inBoot.filter((entry) => entry.type === 'file');
  const [only] = found;
  if (found.length > 1) {
    const names = found.map((entry) => `/${entry.path}`).sort(compareBytes);
    throw new RefusedError('NOT_BOOTABLE', `several kernels in /boot: ${names.join(', ')}`, {
      hint: 'name the one to use with --kernel FILE',
    });
  }
  return only === undefined ? undefined : { kind: 'source', path: only.content, size: only.size };
}

function onlyRelease(tree: Tree): string {
  const releases = [...tree]
    .filter(([path, node]) => node.type === 'directory' && /^usr\/lib\/modules\/[^/]+$/u.test(path))
    .map(([path]) => path.slice(modules.length + 1));
  const [only] = releases;
  if (only === undefined || releases.length > 1) throw severalReleases(releases);
  return only;
}

function severalReleases(found: readonly string[]): RefusedError {
  const what = found.length === 0 ? 'none' : [...found].sort(compareBytes).join(', ');
  return new RefusedError('NOT_BOOTABLE', `the kernel's release cannot be told from /lib/modules: ${what}`, {
    hint: 'name it with --kernel-release RELEASE',
  });
}
