/**
 * The summary: a repository's refs, and what is said about them, in one file `(a(s(taya{sv}))a{sv})` that can be signed
 * (docs/formats/remote.md). A commit's size is little endian, the times in the dictionaries are big endian.
 */
import {
  type Checksum,
  compareBytes,
  fromHex,
  hexOf,
  isOpkgOstreeError,
  ParseError,
  sha256Hex,
  toRefName,
} from '../base/index.ts';
import { lstat, lstatIfExists, readFile, unlinkDurable, writeFileDurable } from '../sys/index.ts';
import { deltaDirectory, deltaName, listDeltas } from './delta/index.ts';
import {
  decodeVariant,
  dictGet,
  dictString,
  encodeVariant,
  listOf,
  toDict,
  type VariantDict,
  type VariantValue,
  v,
} from './gvariant.ts';
import { swap64 } from './object-fields.ts';
import { modeText } from './repo-config.ts';
import type { Repository } from './repository.ts';

/** A ref as the summary has it. */
export interface SummaryRef {
  readonly name: string;
  readonly commit: Checksum;
  /** Bytes of the commit object. */
  readonly size: number;
  /** `ostree.commit.timestamp`, `ostree.commit.version` and what else there is. */
  readonly metadata: VariantDict;
}

export interface Summary {
  /** In strcmp order. */
  readonly refs: readonly SummaryRef[];
  readonly metadata: VariantDict;
}

/** The largest summary that is read, in bytes; libostree takes 128 MiB of any metadata. */
export const maxSummarySize = 32 << 20;
const type = '(a(s(taya{sv}))a{sv})';
const lastModified = 'ostree.summary.last-modified';

/** The summary in a file's bytes; ParseError SUMMARY_INVALID for others, refs out of order or named twice. */
export function decodeSummary(bytes: Uint8Array): Summary {
  if (bytes.byteLength > maxSummarySize) throw invalid('it is too large');
  try {
    const [refs, metadata] = listOf(decodeVariant(type, bytes));
    return { refs: decodeRefs(refs), metadata: toDict(metadata ?? null) };
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.code === 'SUMMARY_INVALID') throw error;
    throw invalid(error.message, error);
  }
}

/** The bytes of a summary; the refs are sorted here. */
export function encodeSummary(summary: Summary): Uint8Array {
  const refs = [...summary.refs].sort((a, b) => compareBytes(a.name, b.name));
  return encodeVariant(type, [
    refs.map(({ name, commit, size, metadata }) => [name, [BigInt(size), fromHex(commit), metadata]]),
    summary.metadata,
  ]);
}

/** The ref's entry, or undefined. */
export function summaryRef(summary: Summary, name: string): SummaryRef | undefined {
  return summary.refs.find((ref) => ref.name === name);
}

/** The key's time in seconds (big endian in the file), or undefined. */
export function summaryTime(dict: VariantDict, key: string): number | undefined {
  const found = dictGet(dict, key);
  if (found?.type !== 't' || typeof found.value !== 'bigint') return undefined;
  const seconds = swap64(found.value);
  return seconds > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(seconds);
}

/** When the summary says that it was made, in seconds. */
export function summaryModified(summary: Summary): number | undefined {
  return summaryTime(summary.metadata, lastModified);
}

/** The static deltas that the summary lists: `FROM-TO` or `TO` with the superblock's SHA-256. */
export function summaryDeltas(metadata: VariantDict): ReadonlyMap<string, Checksum> {
  const found = dictGet(metadata, 'ostree.static-deltas');
  const deltas = new Map<string, Checksum>();
  if (found?.type !== 'a{sv}') return deltas;
  for (const [name, { value }] of toDict(found.value)) {
    if (value instanceof Uint8Array && value.byteLength === 32) deltas.set(name, hexOf(value));
  }
  return deltas;
}

/** What the repository's refs and deltas are now. `time` in seconds; never before that of the summary it replaces. */
export function makeSummary(repo: Repository, time: number): Summary {
  const before = readSummary(repo);
  const previous = before === undefined ? 0 : (summaryModified(before) ?? 0);
  const refs = [...repo.listRefs()]
    .filter(([name]) => !name.includes(':'))
    .map(([name, commit]) => refEntry(repo, name, commit));
  const deltas = deltaEntries(repo);
  const collection = repo.config.get('core', 'collection-id');
  const metadata: VariantDict = [
    ['ostree.summary.mode', v.string(modeText(repo.mode))],
    [lastModified, v.uint64(swap64(BigInt(Math.max(time, previous))))],
    ['ostree.summary.tombstone-commits', v.bool(repo.settings.tombstones)],
    ['ostree.static-deltas', v.dict(deltas)],
    ...(collection === undefined ? [] : [['ostree.summary.collection-id', v.string(collection)] as const]),
  ];
  return { refs, metadata };
}

/** Writes the summary of the repository as it is now, durably; a signature of an older one is removed first. */
export function writeSummary(repo: Repository, time: number): Summary {
  const summary = makeSummary(repo, time);
  unlinkDurable(`${repo.path}/summary.sig`);
  writeFileDurable(`${repo.path}/summary`, encodeSummary(summary));
  return summary;
}

/** The repository's summary, or undefined where it has none; ParseError SUMMARY_INVALID. */
export function readSummary(repo: Repository): Summary | undefined {
  const path = `${repo.path}/summary`;
  return lstatIfExists(path) === undefined ? undefined : decodeSummary(readFile(path));
}

/** When the summary expires, in seconds; undefined where it never does. */
export function summaryExpiry(summary: Summary): number | undefined {
  return summaryTime(summary.metadata, 'ostree.summary.expires');
}

/** The mode of the repository as its summary tells it. */
export function summaryMode(summary: Summary): string | undefined {
  return dictString(summary.metadata, 'ostree.summary.mode');
}

function decodeRefs(value: VariantValue | undefined): SummaryRef[] {
  let previous: string | undefined;
  return listOf(value).map((entry) => {
    const [name, content] = listOf(entry);
    const [size, commit, metadata] = listOf(content);
    if (typeof name !== 'string') throw invalid('a ref has no name');
    toRefName(name);
    if (name.includes(':')) throw invalid(`it lists the ref '${name}' of another remote`);
    if (previous !== undefined && compareBytes(previous, name) >= 0)
      throw invalid(`its refs are not sorted at '${name}'`);
    previous = name;
    if (!(commit instanceof Uint8Array) || commit.byteLength !== 32 || typeof size !== 'bigint')
      throw invalid(`the ref '${name}' has no commit`);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`the ref '${name}' has an impossible size`);
    return { name, commit: hexOf(commit), size: Number(size), metadata: toDict(metadata ?? null) };
  });
}

function refEntry(repo: Repository, name: string, commit: Checksum): SummaryRef {
  const { timestamp, metadata } = repo.loadCommit(commit);
  const version = dictString(metadata, 'version');
  const size = lstat(repo.findObject('commit', commit) ?? repo.objectPath('commit', commit)).size;
  return {
    name,
    commit,
    size,
    metadata: [
      ['ostree.commit.timestamp', v.uint64(swap64(BigInt(timestamp)))],
      ...(version === undefined ? [] : [['ostree.commit.version', v.string(version)] as const]),
    ],
  };
}

function deltaEntries(repo: Repository): VariantDict {
  return listDeltas(repo).map((id) => {
    const superblock = readFile(`${repo.path}/${deltaDirectory(id)}/superblock`);
    return [deltaName(id), v.bytes(fromHex(sha256Hex(superblock)))] as const;
  });
}

function invalid(what: string, cause?: unknown): ParseError {
  return new ParseError('SUMMARY_INVALID', `the summary cannot be used: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'have it made again: ostree summary -u',
  });
}
