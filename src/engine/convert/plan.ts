/** What a conversion will do, and whether it can: the document of `convert --plan`. */
import { join } from 'node:path/posix';
import { NoSpaceError, type OperationContext } from '../../base/index.ts';
import { exists, fileSystemSpace, lstatIfExists, stat } from '../../sys/index.ts';
import { type ChangedConffile, findDefaults } from './defaults.ts';
import { requireOneKernel } from './kernel-release.ts';
import { type Measured, measureRoot, treeBytes } from './measure.ts';
import { type AddedPackage, readStockPackages } from './packages.ts';
import { stateFolders, type TakeRules } from './rules.ts';
import type { StockSystem } from './system.ts';

/** docs/schema/convert.json. Sizes are bytes. */
export interface ConversionDocument {
  readonly api: 1;
  readonly target: string;
  readonly branch: string;
  readonly root: { readonly filesystem: string | null; readonly name: string };
  readonly kernel: { readonly file: string; readonly release: string | null; readonly bytes: number };
  readonly kargs: readonly string[];
  readonly packages: {
    readonly installed: number;
    readonly added: readonly {
      readonly name: string;
      readonly version: string;
      readonly requested: boolean;
    }[];
  };
  readonly etc: {
    readonly files: number;
    /** Files that no package owns: only the deployment's /etc has them. */
    readonly local: number;
    readonly changed: readonly ChangedConffile[];
  };
  readonly state: readonly {
    readonly from: string;
    readonly to: string;
    readonly files: number;
    readonly bytes: number;
  }[];
  readonly 'needed-bytes': number;
  readonly 'free-bytes': number;
  readonly 'missing-bytes': number;
  /** Of the boot partition, which keeps the old menu beside the new one. */
  readonly 'boot-free-bytes': number;
  /** Of the boot partition: both menus, and a kernel where GRUB reads nothing else. */
  readonly 'boot-needed-bytes': number;
  readonly space: {
    readonly objects: number;
    readonly checkout: number;
    readonly etc: number;
    readonly state: number;
    readonly reserve: number;
  };
  /** True where an earlier run has begun: it goes on. */
  readonly resumes: boolean;
  readonly steps: readonly string[];
  readonly notes: readonly string[];
}

/** The document with what the conversion needs besides. */
export interface ConversionPlan {
  readonly document: ConversionDocument;
  readonly rules: TakeRules;
  readonly content: ReturnType<typeof findDefaults>['content'];
  readonly added: readonly AddedPackage[];
  /** When the image was built: the base is as old as that, so that the next release is newer. */
  readonly built: number | undefined;
}

/** What must stay free: the repository's own minimum, and room for the first package. */
const reserve = 64 * 2 ** 20;
/** For both menus, each written beside the old one. */
const bootReserve = 64 * 1024;
/** On FAT: what publishing entries keeps free, clusters of 32 KiB at most. */
const fatReserve = 1 << 20;
/** What directory objects and folders of a checkout take for each folder: three blocks, one of each and its metadata. */
const folderBlocks = 3 * 4096;

/** Looks at the system; changes nothing. */
export function planConversion(system: StockSystem, branch: string, ctx: OperationContext): ConversionPlan {
  ctx.onProgress({ phase: 'resolve', message: 'looking at the running system' });
  const lists = [join(system.root, 'usr/lib/opkg/lists'), ...(system.live ? ['/var/opkg-lists'] : [])];
  requireOneKernel(system);
  const packages = readStockPackages(system.root, lists);
  const defaults = findDefaults(system.root, packages.installed);
  const rules: TakeRules = { owned: packages.owned, edited: defaults.edited };
  const measured = measureRoot(system.root, rules, ctx);
  const kernelBytes = stat(system.kernel).size;
  const space = {
    objects: measured.commit.bytes + kernelBytes,
    checkout: measured.folders * folderBlocks,
    etc: measured.etc.bytes,
    state: [...measured.state.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    reserve,
  };
  const needed = Object.values(space).reduce((sum, bytes) => sum + bytes, 0);
  const repo = join(system.root, 'ostree/repo');
  const free = fileSystemSpace(system.root).free + (exists(repo) ? treeBytes(join(repo, 'objects')) : 0);
  const document: ConversionDocument = {
    api: 1,
    target: system.target.id,
    branch,
    root: { filesystem: system.filesystem, name: rootName(system) },
    kernel: {
      file: system.kernel.slice(system.boot.path.length),
      release: system.kernelRelease ?? null,
      bytes: kernelBytes,
    },
    kargs: system.kargs,
    packages: {
      installed: packages.installed.length,
      added: packages.added.map(({ name, version, available }) => ({
        name,
        version,
        requested: isRequest(available),
      })),
    },
    etc: { files: measured.etc.files, local: measured.etc.local, changed: defaults.changed },
    state: [...measured.state].map(([top, { files, bytes }]) => ({
      from: `/${top}`,
      to: top === 'var' ? '/var' : `/var/${stateFolders.get(top) ?? top}`,
      files,
      bytes,
    })),
    'needed-bytes': needed,
    'free-bytes': free,
    'missing-bytes': Math.max(0, needed - free),
    'boot-free-bytes': fileSystemSpace(system.boot.path).free,
    'boot-needed-bytes': system.place === undefined ? kernelBytes + fatReserve : bootReserve,
    space,
    resumes: exists(repo),
    steps: stepsOf(system, branch),
    notes: [...system.notes, ...notesOf(system, measured, packages.owned, packages.added)],
  };
  return { document, rules, content: defaults.content, added: packages.added, built: packages.built };
}

/** NO_SPACE with the figures where the disk cannot hold both systems, BOOT_SPACE where the boot partition is full. */
export function requireRoom({ document }: ConversionPlan): void {
  const { 'boot-free-bytes': bootFree, 'boot-needed-bytes': bootNeeded } = document;
  // A run that goes on has its kernel there already; staging looks again.
  if (bootFree < (document.resumes ? bootReserve : bootNeeded)) {
    const figures = { needed: bootNeeded, free: bootFree, missing: bootNeeded - bootFree };
    throw new NoSpaceError(
      'BOOT_SPACE',
      `the boot partition needs ${bootNeeded} bytes and has ${bootFree}: ${figures.missing} bytes are missing`,
      { hint: 'remove from it what no boot menu names', details: figures },
    );
  }
  const { 'needed-bytes': needed, 'free-bytes': free, 'missing-bytes': missing, space } = document;
  if (missing === 0) return;
  throw new NoSpaceError(
    'NO_SPACE',
    `the root needs ${mib(needed)} MiB of free space to hold the old and the converted system and has ${mib(free)} MiB: ${mib(missing)} MiB are missing`,
    {
      hint: 'a stock image has a root of 104 MiB: make the partition and the file system larger (1 GiB serves), or remove what is not needed',
      details: { needed, free, missing, space },
    },
  );
}

/** Whether an added package becomes a request. One that no feed has would stop every upgrade. */
export function isRequest(available: boolean | undefined): boolean {
  return available !== false;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function rootName({ kargs }: StockSystem): string {
  return kargs.find((word) => word.startsWith('root='))?.slice('root='.length) ?? '';
}

function stepsOf({ root, boot, target, kernel, place }: StockSystem, branch: string): string[] {
  const at = root === '/' ? '' : root;
  const menu =
    place === undefined ? 'ostree/converted.cfg on the boot partition' : `${at}/boot/grub/converted.cfg`;
  return [
    `make a sysroot for ${target.id} beside the running system: ${at}/ostree, ${at}/boot`,
    `commit the running system with the kernel ${kernel.slice(boot.path.length)} to ${branch}`,
    'copy /root, /home, /opt, /srv, /mnt and what /var keeps to the /var of the stateroot',
    'check the commit out as a deployment, with /etc as it is now',
    `keep ${boot.config} of the boot partition as stock.cfg, and let it lead to the new menu where that is ready`,
    `write ${menu}: from here on the deployment starts, on trial, and the old system is the last entry of the menu`,
  ];
}

function notesOf(
  { root }: StockSystem,
  { odd, left }: Measured,
  owned: ReadonlySet<string> | undefined,
  added: readonly AddedPackage[],
): string[] {
  const unknown = added.filter(({ available }) => available === undefined).map(({ name }) => name);
  const gone = added.filter(({ available }) => available === false).map(({ name }) => name);
  return [
    ...(owned === undefined ? ['there is no package database: all of /etc becomes the default'] : []),
    ...(unknown.length === 0
      ? []
      : [
          `no list of a feed is there, so the next upgrade shows whether a feed has these added packages: ${unknown.join(' ')} ('opkg update' first tells now)`,
        ]),
    ...(gone.length === 0
      ? []
      : [
          `in no feed, hence plain parts of the base, which a later base need not have: ${gone.join(' ')} (install their files again after an upgrade)`,
        ]),
    ...(odd.length === 0 ? [] : [`becomes a read-only part of the base: ${odd.join(' ')}`]),
    ...(left.length === 0 ? [] : [`stays in the old system only: ${left.join(' ')}`]),
    ...(lstatIfExists(join(root, 'etc/config/fstab')) === undefined
      ? []
      : ['/etc/config/fstab must not mount anything on / or /overlay: look at it before the reboot']),
  ];
}
