/** A root file system in a directory. */
import { join } from 'node:path/posix';
import { type OperationContext, ParseError, type RelPath, throwIfAborted } from '../base/index.ts';
import type { Xattr } from '../ostree/index.ts';
import {
  effectiveUser,
  lstat,
  lstatIfExists,
  readdirIfExists,
  readFile,
  readlink,
  readXattrs,
  realpath,
  type Stats,
  statIfExists,
  xattrCapability,
} from '../sys/index.ts';
import {
  EntryCollector,
  isCaptured,
  isIgnoredContent,
  type RawEntry,
  rootLimits,
  type ScannedRoot,
} from './entries.ts';
import type { RootSource } from './source.ts';

/** File capabilities are part of what a program may do; every other attribute is the host's (SELinux labels ...). */
const capability = 'security.capability';
const replacement = '\ufffd';

/** What of a directory is taken, and as what: for a system that is composed while it runs. */
export interface DirectoryRules {
  /** True for a path that is left out with all that is below it. */
  readonly omit?: (path: RelPath, stats: Stats) => boolean;
  /** Bytes that take the place of a regular file's own. */
  readonly content?: ReadonlyMap<RelPath, Uint8Array>;
}

/**
 * Reads the directory; ParseError ROOTFS_INVALID where it is none, and with the path as `changed` in its details where a file
 * is not the one that was scanned any more: whoever composes a running system tries again.
 */
export function directorySource(path: string, rules: DirectoryRules = {}): RootSource {
  const seen = new Map<RelPath, string>();
  return {
    scan: async (ctx) => scanDirectory(path, rules, seen, ctx),
    readFiles: async (wanted, sink, ctx) => {
      for (const [file, size] of wanted) {
        throwIfAborted(ctx.signal);
        const bytes = rules.content?.get(file);
        if (bytes !== undefined) {
          await sink(file, { kind: 'stream', size: bytes.byteLength, chunks: oneChunk(bytes) });
          continue;
        }
        const onDisk = join(path, file);
        const unchanged = () => {
          const stats = lstatIfExists(onDisk);
          return stats?.isFile() === true && stats.size === size && identityOf(stats) === seen.get(file);
        };
        if (!unchanged()) throw changed(file);
        await sink(file, { kind: 'disk', path: onDisk });
        if (!unchanged()) throw changed(file);
      }
    },
  };
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What tells one content of a file from the next: a rename brings another inode, a write another time. */
function identityOf(stats: Stats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.mode}`;
}

function changed(file: RelPath): ParseError {
  return new ParseError('ROOTFS_INVALID', `root directory: '${file}' changed while it was read`, {
    hint: 'let nothing write there, then run the command again',
    details: { changed: file },
  });
}

function scanDirectory(
  given: string,
  rules: DirectoryRules,
  seen: Map<RelPath, string>,
  ctx: OperationContext,
): ScannedRoot {
  if (statIfExists(given)?.isDirectory() !== true) throw invalid(`${given} is no directory`);
  const root = realpath(given);
  const capabilities = new Map<string, readonly Xattr[]>();
  const warnings: string[] = [];
  const paths = [...walk(root, rules, warnings, ctx)];
  if (effectiveUser() === 0 && xattrCapability().read) {
    const files = paths.filter(({ stats }) => stats.isFile()).map(({ path }) => join(root, path));
    for (const [path, list] of readXattrs(files, capability)) capabilities.set(path, list);
  }
  const collector = new EntryCollector(root);
  const captured = new Map<RelPath, Uint8Array>();
  for (const { path, stats } of paths) {
    const onDisk = path === '' ? root : join(root, path);
    const bytes = rules.content?.get(path as RelPath);
    const raw = rawEntry(onDisk, path, stats, capabilities.get(onDisk) ?? []);
    const clean = collector.add(bytes === undefined ? raw : { ...raw, size: bytes.byteLength });
    if (clean === undefined || !stats.isFile()) continue;
    seen.set(clean, identityOf(stats));
    if (!isCaptured(clean)) continue;
    if (stats.size > rootLimits.capturedFile) throw invalid(`'${path}' is too large`);
    captured.set(clean, readFile(onDisk));
  }
  return { entries: collector.finish(), captured, warnings };
}

function* walk(
  root: string,
  { omit }: DirectoryRules,
  warnings: string[],
  ctx: OperationContext,
): Generator<{ path: string; stats: Stats }> {
  const device = lstat(root).dev;
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    throwIfAborted(ctx.signal);
    const onDisk = path === '' ? root : join(root, path);
    const stats = lstatIfExists(onDisk);
    // It may go between the listing of its folder and now, on a running system.
    if (stats === undefined) continue;
    if (path !== '' && omit?.(path as RelPath, stats) === true) continue;
    yield { path, stats };
    if (!stats.isDirectory()) continue;
    if (stats.dev !== device) {
      // A disk below /mnt of a running router is not part of its root.
      warnings.push(`/${path} is a file system of its own: what it holds is left out`);
      continue;
    }
    for (const name of readdirIfExists(onDisk)) {
      const child = path === '' ? name : `${path}/${name}`;
      if (name.includes(replacement)) throw invalid(`a name in '/${path}' is not UTF-8`);
      // What is there at run time (/proc, /dev, /tmp) is neither looked at nor refused.
      if (!isIgnoredContent(child as RelPath)) pending.push(child);
    }
  }
}

function rawEntry(onDisk: string, path: string, stats: Stats, xattrs: readonly Xattr[]): RawEntry {
  const type = typeOf(stats);
  return {
    path,
    type,
    uid: stats.uid,
    gid: stats.gid,
    mode: stats.mode & 0o7777,
    mtime: Math.floor(stats.mtimeMs / 1000),
    size: type === 'file' ? stats.size : 0,
    target: type === 'symlink' ? readlink(onDisk) : '',
    xattrs,
  };
}

function typeOf(stats: Stats): RawEntry['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  return stats.isSocket() ? 'socket' : 'device';
}

function invalid(message: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `root directory: ${message}`);
}
