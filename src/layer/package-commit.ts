/**
 * A package in the object store (docs/formats/layer.md). Each ipk, once unpacked, is a small commit of its own:
 *
 * ```
 * opkg-ostree/pkg/<name>/<version>.<arch>-<first 16 of the ipk's sha256>
 *   payload/   the package's files, at their paths in a commit (usr/bin/..., usr/etc/...)
 *   info/      <name>.control, .list, .conffiles and scripts, as opkg puts them into usr/lib/opkg/info
 * ```
 */
import {
  type Checksum,
  isChecksum,
  type PackageName,
  ParseError,
  type RefName,
  toRefName,
  toRelPath,
} from '../base/index.ts';
import { parseControl, parseRecord } from '../ipk/index.ts';
import {
  type Commit,
  dictGet,
  dictString,
  type Repository,
  type VariantDict,
  type VariantValue,
  v,
} from '../ostree/index.ts';
import type { Conffile, PackageRecord } from '../packages/index.ts';

/** Raised when the same ipk would be unpacked into another tree; a cached commit of another version is not used. */
export const unpackVersion = 1;

/** Below it each package commit has its ref. */
export const packageRefPrefix = 'opkg-ostree/pkg';

export const payloadPath = toRelPath('payload');
export const infoPath = toRelPath('info');

/** A package that is unpacked in the repository. */
export interface PackageCommit {
  readonly commit: Checksum;
  readonly ref: RefName;
  readonly record: PackageRecord;
  readonly controlText: string;
  /** Of the ipk file. */
  readonly sha256: Checksum;
  /** Of the ipk file, bytes. */
  readonly size: number;
  /** With the SHA-256 of the package's own version of each. */
  readonly conffiles: readonly Conffile[];
  /** Control members besides `control` and `conffiles`, by name. */
  readonly scripts: ReadonlyMap<string, Uint8Array>;
  /** The feed that it was first imported from; '' for a local file. */
  readonly feed: string;
  /** Seconds; the newest file of the package. */
  readonly timestamp: number;
}

/** What the commit's metadata holds. */
export type PackageMetadata = Pick<
  PackageCommit,
  'controlText' | 'sha256' | 'size' | 'conffiles' | 'scripts' | 'feed'
>;

/** The ref of a package: every byte but letters, digits, `.` and `-` is `_` and two hex digits. */
export function packageRef(name: string, version: string, architecture: string, sha256: Checksum): RefName {
  const last = `${escapePart(version)}.${escapePart(architecture)}-${sha256.slice(0, 16)}`;
  return toRefName(`${packageRefPrefix}/${escapePart(name)}/${last}`);
}

/** The commit metadata, in the order in which it is hashed. */
export function encodePackageMetadata(m: PackageMetadata): VariantDict {
  return [
    ['opkgostree.unpack-version', v.uint32(unpackVersion)],
    ['opkgostree.control', v.string(m.controlText)],
    ['opkgostree.conffiles', { type: 'a(ss)', value: m.conffiles.map((c) => [c.path, c.hash]) }],
    ['opkgostree.scripts', { type: 'a(say)', value: [...m.scripts].map(([name, bytes]) => [name, bytes]) }],
    ['opkgostree.ipk-sha256', v.string(m.sha256)],
    ['opkgostree.ipk-size', v.uint64(BigInt(m.size))],
    ['opkgostree.feed', v.string(m.feed)],
  ];
}

/** The package in a commit, or undefined where the commit is of another unpack version or is no package. */
export function decodePackageCommit(commit: Commit, checksum: Checksum): PackageCommit | undefined {
  const dict = commit.metadata;
  if (dictGet(dict, 'opkgostree.unpack-version')?.value !== unpackVersion) return undefined;
  const controlText = dictString(dict, 'opkgostree.control') ?? '';
  const record = parseRecord(parseControl(controlText));
  const sha256 = dictString(dict, 'opkgostree.ipk-sha256') ?? '';
  const size = dictGet(dict, 'opkgostree.ipk-size')?.value;
  if (!isChecksum(sha256) || typeof size !== 'bigint') throw corruptPackage(record.name);
  return {
    commit: checksum,
    ref: packageRef(record.name, record.version, record.architecture, sha256),
    record,
    controlText,
    sha256,
    size: Number(size),
    conffiles: pairs(dictGet(dict, 'opkgostree.conffiles')?.value).map(([path, hash]) => ({
      path: text(path),
      hash: text(hash),
    })),
    scripts: new Map(
      pairs(dictGet(dict, 'opkgostree.scripts')?.value).map(([name, bytes]) => [text(name), asBytes(bytes)]),
    ),
    feed: dictString(dict, 'opkgostree.feed') ?? '',
    timestamp: commit.timestamp,
  };
}

/** The cached commit of exactly this ipk, or undefined where it has to be imported. */
export function findPackageCommit(
  repo: Repository,
  name: PackageName,
  version: string,
  architecture: string,
  sha256: Checksum,
): PackageCommit | undefined {
  const checksum = repo.readRef(packageRef(name, version, architecture, sha256));
  if (checksum === undefined || !repo.hasObject('commit', checksum)) return undefined;
  const found = decodePackageCommit(repo.loadCommit(checksum), checksum);
  return found?.sha256 === sha256 ? found : undefined;
}

function escapePart(part: string): string {
  const hex = (byte: number) => `_${byte.toString(16).padStart(2, '0')}`;
  const plain = /^[A-Za-z0-9.-]$/u;
  const escaped = [...Buffer.from(part)].map((byte) => {
    const char = String.fromCharCode(byte);
    return plain.test(char) ? char : hex(byte);
  });
  const first = escaped[0];
  // A part of a ref begins with a letter, a digit or `_`.
  if (first === '.' || first === '-') escaped[0] = hex(first.charCodeAt(0));
  return escaped.join('');
}

function pairs(value: VariantValue | undefined): [VariantValue, VariantValue][] {
  if (!Array.isArray(value)) return [];
  const list: readonly VariantValue[] = value;
  return list.map((entry) => {
    const [a, b] = Array.isArray(entry) ? (entry as readonly VariantValue[]) : [];
    return [a ?? '', b ?? ''];
  });
}

function text(value: VariantValue): string {
  return typeof value === 'string' ? value : '';
}

function asBytes(value: VariantValue): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

function corruptPackage(name: string): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', `the cached commit of package ${name} has broken metadata`, {
    hint: "run 'opkg-ostree cleanup', then the command again",
  });
}
