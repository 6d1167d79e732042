/** What a commit's own package database says, and which part of it is a layer. */
import { type Checksum, type PackageName, textOf, toRelPath } from '../base/index.ts';
import { parseStatus } from '../ipk/index.ts';
import { type LayerMetadata, readLayerMetadata } from '../layer/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import type { InstalledPackage } from '../packages/index.ts';

const statusPath = toRelPath('usr/lib/opkg/status');
const maxStatusBytes = 32 << 20;

/** A commit as the package rooms see it. */
export interface TreeState {
  readonly commit: Checksum;
  /** The commit without its layer; the commit itself where it has none. */
  readonly base: Checksum;
  readonly layer: LayerMetadata | undefined;
  /** Every package that is really there, base and layer, by name. */
  readonly installed: ReadonlyMap<PackageName, InstalledPackage>;
}

/** Reads a commit's database and layer metadata; no packages where the tree has no database. */
export function readTreeState(repo: Repository, commit: Checksum): TreeState {
  const layer = readLayerMetadata(repo.loadCommit(commit));
  return { commit, base: layer?.base ?? commit, layer, installed: readInstalled(repo, commit) };
}

/** The packages that the commit's `usr/lib/opkg/status` calls installed, by name. */
export function readInstalled(
  repo: Repository,
  commit: Checksum,
): ReadonlyMap<PackageName, InstalledPackage> {
  const entry = MutableTree.fromCommit(repo, commit).lookup(statusPath);
  if (entry?.kind !== 'file') return new Map();
  const text = textOf(repo.loadFile(entry.checksum).readAll(maxStatusBytes));
  const present = parseStatus(text).filter(
    (record) => record.state !== 'not-installed' && record.state !== 'config-files',
  );
  return new Map(present.map((record) => [record.name, record]));
}
