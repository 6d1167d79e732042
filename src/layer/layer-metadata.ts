/** What a layered commit says about itself (docs/formats/layer.md). */
import { type Checksum, compareBytes, isChecksum, ParseError, sha256Hex, utf8 } from '../base/index.ts';
import {
  type Commit,
  dictGet,
  dictString,
  dictStrings,
  type VariantDict,
  type VariantValue,
  v,
} from '../ostree/index.ts';
import type { FeedSnapshot, LayerReason, LayerSpec } from './spec.ts';

/** Raised when the same inputs would give another tree. Part of the inputs' digest. */
export const layerVersion = 1;

/** A package of a layer, as the commit names it. */
export interface LayerMember {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly feed: string;
  /** Of the ipk. */
  readonly sha256: Checksum;
  readonly reason: LayerReason;
}

export interface LayerMetadata {
  readonly version: number;
  readonly base: Checksum;
  /** By name. */
  readonly packages: readonly LayerMember[];
  readonly removed: readonly string[];
  readonly replaced: readonly string[];
  readonly feeds: readonly FeedSnapshot[];
  readonly inputs: string;
  readonly requested: readonly string[];
  /** `package script: reason` of scripts whose failure was let pass. */
  readonly scriptWarnings: readonly string[];
}

const key = {
  version: 'opkgostree.layer-version',
  base: 'opkgostree.base',
  packages: 'opkgostree.packages',
  removed: 'opkgostree.removed',
  replaced: 'opkgostree.replaced',
  feeds: 'opkgostree.feeds',
  inputs: 'opkgostree.inputs-sha256',
  requested: 'opkgostree.requested',
  warnings: 'opkgostree.script-warnings',
} as const;

/** What a layered commit takes over from its base: all of the compose's own, and what boot and status read. */
const inherited =
  /^(?:version|ostree\.(?:linux|bootable|architecture|endoflife|endoflife-rebase)|opkgostree\..+)$/u;

/** The members of the layer as the metadata lists them. */
export function layerMembers(spec: LayerSpec): LayerMember[] {
  const members = spec.packages.map(({ commit, feed, reason }) => ({
    name: commit.record.name,
    version: commit.record.version,
    architecture: commit.record.architecture,
    feed,
    sha256: commit.sha256,
    reason,
  }));
  return members.sort((a, b) => compareBytes(a.name, b.name));
}

/**
 * The SHA-256 of all that decides the layered commit. Two specs of the same digest give the same commit, so a
 * deployment whose commit carries this digest is current.
 */
export function inputsDigest(spec: LayerSpec): Checksum {
  const inputs = [
    ['layer-version', layerVersion],
    ['base', spec.base],
    [
      'packages',
      layerMembers(spec).map((m) => [m.name, m.version, m.architecture, m.feed, m.sha256, m.reason]),
    ],
    ['remove', unique(spec.remove)],
    ['replace', unique(spec.replace)],
    ['feeds', sortedFeeds(spec.feeds).map((f) => [f.name, f.url, f.digest, f.keyId])],
    ['script-policy', spec.scriptPolicy],
    ['requested', unique(spec.requested)],
  ];
  return sha256Hex(utf8(JSON.stringify(inputs)));
}

/** The commit metadata of a layer on a base with the given metadata. */
export function encodeLayerMetadata(base: VariantDict, layer: LayerMetadata): VariantDict {
  const ours = new Set<string>(Object.values(key));
  const kept = base.filter(([name]) => inherited.test(name) && !ours.has(name));
  const member = (m: LayerMember) => [m.name, m.version, m.architecture, m.feed, m.sha256, m.reason];
  return [
    ...kept,
    [key.version, v.uint32(layer.version)],
    [key.base, v.string(layer.base)],
    [key.packages, { type: 'a(ssssss)', value: layer.packages.map(member) }],
    [key.removed, v.strings(layer.removed)],
    [key.replaced, v.strings(layer.replaced)],
    [
      key.feeds,
      { type: 'a(ssss)', value: sortedFeeds(layer.feeds).map((f) => [f.name, f.url, f.digest, f.keyId]) },
    ],
    [key.inputs, v.string(layer.inputs)],
    [key.requested, v.strings(layer.requested)],
    ...(layer.scriptWarnings.length === 0 ? [] : [[key.warnings, v.strings(layer.scriptWarnings)] as const]),
  ];
}

/** The layer of a commit, or undefined where it has none. ParseError OSTREE_OBJECT_CORRUPT for a layer that cannot be read. */
export function readLayerMetadata(commit: Commit): LayerMetadata | undefined {
  const dict = commit.metadata;
  const version = dictGet(dict, key.version)?.value;
  if (version === undefined) return undefined;
  const base = dictString(dict, key.base) ?? '';
  if (typeof version !== 'number' || !isChecksum(base)) throw corruptLayer();
  return {
    version,
    base,
    packages: rows(dictGet(dict, key.packages)?.value).map(memberFrom),
    removed: dictStrings(dict, key.removed) ?? [],
    replaced: dictStrings(dict, key.replaced) ?? [],
    feeds: rows(dictGet(dict, key.feeds)?.value).map(([name = '', url = '', digest = '', keyId = '']) => ({
      name,
      url,
      digest,
      keyId,
    })),
    inputs: dictString(dict, key.inputs) ?? '',
    requested: dictStrings(dict, key.requested) ?? [],
    scriptWarnings: dictStrings(dict, key.warnings) ?? [],
  };
}

/** The strings, each once, in strcmp order. */
export function unique<T extends string>(names: readonly T[]): T[] {
  return [...new Set(names)].sort(compareBytes);
}

function sortedFeeds(feeds: readonly FeedSnapshot[]): FeedSnapshot[] {
  return [...feeds].sort((a, b) => compareBytes(a.name, b.name) || compareBytes(a.url, b.url));
}

function memberFrom(row: readonly string[]): LayerMember {
  const [name = '', version = '', architecture = '', feed = '', sha256 = '', reason = ''] = row;
  if (!isChecksum(sha256) || !(reason === 'requested' || reason === 'depends' || reason === 'recommends')) {
    throw corruptLayer();
  }
  return { name, version, architecture, feed, sha256, reason };
}

function rows(value: VariantValue | undefined): string[][] {
  if (!Array.isArray(value)) return [];
  const list: readonly VariantValue[] = value;
  return list.map((row) =>
    Array.isArray(row) ? row.map((item: VariantValue) => (typeof item === 'string' ? item : '')) : [],
  );
}

function corruptLayer(): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', 'a layered commit has broken metadata', {
    hint: "run 'opkg-ostree upgrade' to build the layer again",
  });
}
