/** An OpenWrt root file system as a bootable commit: scan, plan, write. docs/formats/tree.md describes the result. */
import {
  type Checksum,
  ConfigError,
  type OperationContext,
  ParseError,
  type RefName,
  RefusedError,
  throwIfAborted,
} from '../base/index.ts';
import { type Repository, type Transaction, type VariantDict, v } from '../ostree/index.ts';
import { readFile, statIfExists } from '../sys/index.ts';
import type { BootFiles } from './boot-files.ts';
import { appendInit, findPrepareRoot } from './cpio.ts';
import { type DirectoryRules, directorySource } from './directory-source.ts';
import { type ComposePlan, planTree } from './plan.ts';
import type { RootSource } from './source.ts';
import { tarSource } from './tar-source.ts';
import type { ContentSource } from './tree.ts';
import { writeTree } from './write.ts';

/** An OpenWrt root; an archive's compression is told from its bytes. */
type ComposeSource =
  | { readonly kind: 'directory'; readonly path: string; readonly rules?: DirectoryRules }
  | { readonly kind: 'tar'; readonly path: string };

export interface ComposeRequest {
  readonly source: ComposeSource;
  readonly branch: RefName;
  /** Files on disk; any bytes. */
  readonly kernel?: string | undefined;
  readonly dtb?: string | undefined;
  /** A cpio, compressed or not; early boot becomes its `/init`. */
  readonly initramfs?: string | undefined;
  readonly kernelRelease?: string | undefined;
  /** Unix seconds: when the root was built, where its files are no witness because it was run since. Absent: the newest file's. */
  readonly timestamp?: number | undefined;
  readonly version?: string | undefined;
  /** The board family, kept in the commit as `opkgostree.target`. */
  readonly target?: string | undefined;
  /** What a base needs to boot and judge itself, by path as a package would ship it. */
  readonly bootFiles: BootFiles;
  /** The product's version: that of package `opkg-ostree-boot`. */
  readonly productVersion: string;
  /** True: every file becomes root's; false: owners stay; absent: only an unprivileged packer's become root's. */
  readonly squashOwner?: boolean | undefined;
}

export interface ComposeResult {
  readonly commit: Checksum;
  readonly warnings: readonly string[];
  readonly version: string | undefined;
  /** Undefined where the commit has no kernel. */
  readonly kernelRelease: string | undefined;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** Bytes of an initramfs: it is read whole. */
const maxInitramfs = 256 * 2 ** 20;

/**
 * Commits the root and sets the branch, in one transaction. The same input and branch give the same checksum: no
 * parent, no clock, and neither the order of an archive's members nor the kind of source matters.
 * ParseError ROOTFS_INVALID, RefusedError ROOTFS_CLASH or NOT_BOOTABLE where the root cannot become a commit.
 */
export async function composeRootfs(
  repo: Repository,
  request: ComposeRequest,
  ctx: OperationContext,
): Promise<ComposeResult> {
  const source = openSource(request.source);
  const scanned = await source.scan(ctx);
  const plan = planTree(scanned, {
    kernel: diskContent(request.kernel, 'kernel'),
    dtb: diskContent(request.dtb, 'dtb'),
    initramfs: initramfsContent(request),
    release: request.kernelRelease,
    timestamp: request.timestamp,
    bootFiles: request.bootFiles,
    productVersion: request.productVersion,
    version: request.version,
    squashOwner: request.squashOwner,
  });
  throwIfAborted(ctx.signal);
  const commit = await repo.withTransaction((txn) => writeCommit(txn, plan, source, request, ctx));
  const { warnings, version, kernelRelease, timestamp } = plan;
  return { commit, warnings, version, kernelRelease, timestamp };
}

function openSource(source: ComposeSource): RootSource {
  return source.kind === 'directory' ? directorySource(source.path, source.rules) : tarSource(source.path);
}

async function writeCommit(
  txn: Transaction,
  plan: ComposePlan,
  source: RootSource,
  request: ComposeRequest,
  ctx: OperationContext,
): Promise<Checksum> {
  const root = await writeTree(txn, plan.tree, source, ctx);
  const commit = txn.writeCommit({
    metadata: commitMetadata(plan, request),
    subject: titleOf(plan),
    body: '',
    timestamp: plan.timestamp,
    ...root,
  });
  txn.setRef(request.branch, commit);
  return commit;
}

/** In the order of the ostree command: texts, then typed values, the binding last (ostree-formats.md A.6). */
function commitMetadata(plan: ComposePlan, request: ComposeRequest): VariantDict {
  const metadata: [string, VariantDict[number][1]][] = [];
  if (plan.version !== undefined) metadata.push(['version', v.string(plan.version)]);
  if (request.target !== undefined) metadata.push(['opkgostree.target', v.string(request.target)]);
  if (plan.kernelRelease !== undefined) {
    metadata.push(['ostree.linux', v.string(plan.kernelRelease)], ['ostree.bootable', v.bool(true)]);
  }
  metadata.push(['ostree.ref-binding', v.strings([request.branch])]);
  return metadata;
}

function titleOf({ title, version }: ComposePlan): string {
  return version === undefined || title.includes(version) ? title : `${title} ${version}`;
}

function diskContent(path: string | undefined, option: string): ContentSource | undefined {
  if (path === undefined) return undefined;
  checkFile(path, option);
  return { kind: 'disk', path };
}

function initramfsContent(request: ComposeRequest): ContentSource | undefined {
  const { initramfs, bootFiles } = request;
  if (initramfs === undefined) return undefined;
  if (checkFile(initramfs, 'initramfs') > maxInitramfs) {
    throw new ParseError('ROOTFS_INVALID', `${initramfs} is larger than ${maxInitramfs} bytes`);
  }
  const path = findPrepareRoot(bootFiles.keys());
  const init = path === undefined ? undefined : bootFiles.get(path);
  if (init === undefined) throw new ConfigError('CONFIG_INVALID', 'the boot files hold no prepare-root');
  return { kind: 'bytes', bytes: appendInit(readFile(initramfs), init.content) };
}

/** The file's size; RefusedError NOT_BOOTABLE for what is no file or empty. */
function checkFile(path: string, option: string): number {
  const stats = statIfExists(path);
  if (stats?.isFile() === true && stats.size > 0) return stats.size;
  const what = stats === undefined ? 'is not there' : stats.isFile() ? 'is empty' : 'is no file';
  throw new RefusedError('NOT_BOOTABLE', `${path} ${what}`, { hint: `see --${option}` });
}
