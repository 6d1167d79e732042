/** A package of a tree, taken out of it again: what `hold` keeps when a newer base no longer has it. */
import {
  type Checksum,
  compareBytes,
  type PackageName,
  RefusedError,
  sha256Hex,
  toRelPath,
  utf8,
} from '../base/index.ts';
import { parseControl, parseRecord } from '../ipk/index.ts';
import { type Attributes, MutableTree, type Repository } from '../ostree/index.ts';
import { BaseDatabase } from './database.ts';
import {
  decodePackageCommit,
  encodePackageMetadata,
  infoPath,
  type PackageCommit,
  packageRef,
  payloadPath,
} from './package-commit.ts';
import { ensureParents, listNames, readTreeFile } from './tree-files.ts';

const infoFolder = toRelPath('usr/lib/opkg/info');
const folder: Attributes = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
const generated: ReadonlySet<string> = new Set(['control', 'list', 'conffiles']);

/**
 * Puts an installed package of a commit into the cache, as if its ipk had been imported: the same objects, nothing is copied.
 * Its digest is that of its files and control data, since the ipk is not at hand. RefusedError PACKAGE_UNKNOWN.
 */
export function importInstalled(repo: Repository, from: Checksum, name: PackageName): Promise<PackageCommit> {
  return repo.withTransaction((txn) => {
    const source = MutableTree.fromCommit(repo, from);
    const database = new BaseDatabase(repo, source);
    const entry = database.entries.get(name);
    if (entry === undefined) throw unknown(name);
    const files = database.listOf(name).flatMap(({ path }) => {
      const found = source.lookup(path);
      return found?.kind === 'file' ? [{ path, checksum: found.checksum }] : [];
    });
    const members = memberFiles(repo, source, name);
    const control = members.get('control')?.bytes;
    if (control === undefined) throw unknown(name);
    const controlText = Buffer.from(control).toString('utf8');
    const record = parseRecord(parseControl(controlText));
    const tree = MutableTree.empty(repo, folder);
    for (const top of [payloadPath, infoPath]) tree.ensureDirectory(top, folder);
    for (const { path, checksum } of files) {
      const place = toRelPath(`${payloadPath}/${path}`);
      ensureParents(tree, place);
      tree.putFile(place, checksum);
    }
    for (const [member, { checksum }] of members) {
      tree.putFile(toRelPath(`${infoPath}/${name}.${member}`), checksum);
    }
    const sha256 = contentDigest(files, members);
    const scripts = [...members].filter(([member]) => !generated.has(member));
    const commit = {
      metadata: encodePackageMetadata({
        ...{ controlText, sha256, size: 0, conffiles: entry.conffiles, feed: '' },
        scripts: new Map(scripts.map(([member, { bytes }]) => [member, bytes])),
      }),
      subject: `${name} ${record.version}`,
      body: '',
      timestamp: repo.loadCommit(from).timestamp,
      ...tree.write(txn),
    };
    const checksum = txn.writeCommit(commit);
    txn.setRef(packageRef(name, record.version, record.architecture, sha256), checksum);
    const decoded = decodePackageCommit(commit, checksum);
    if (decoded === undefined) throw unknown(name);
    return decoded;
  });
}

interface MemberFile {
  readonly checksum: Checksum;
  readonly bytes: Uint8Array;
}

/** opkg's files of the package by member name, sorted. A dot in the rest would make it another package's. */
function memberFiles(repo: Repository, tree: MutableTree, name: PackageName): Map<string, MemberFile> {
  const found = new Map<string, MemberFile>();
  for (const file of listNames(tree, infoFolder)) {
    const member = file.slice(name.length + 1);
    if (!file.startsWith(`${name}.`) || member.includes('.')) continue;
    const path = toRelPath(`${infoFolder}/${file}`);
    const entry = tree.lookup(path);
    const content = readTreeFile(repo, tree, path);
    if (entry?.kind === 'file' && content !== undefined)
      found.set(member, { checksum: entry.checksum, bytes: content.bytes });
  }
  return found;
}

function contentDigest(
  files: readonly { readonly path: string; readonly checksum: Checksum }[],
  members: ReadonlyMap<string, MemberFile>,
): Checksum {
  const listed = files.map(({ path, checksum }) => `payload/${path} ${checksum}`);
  const info = [...members].map(([member, { checksum }]) => `info/${member} ${checksum}`);
  return sha256Hex(utf8([...listed, ...info].sort(compareBytes).join('\n')));
}

function unknown(name: PackageName): RefusedError {
  return new RefusedError(
    'PACKAGE_UNKNOWN',
    `the tree has no package '${name}' that can be taken out of it`,
    {
      hint: "'opkg-ostree list --installed' shows the packages",
    },
  );
}
