import { type Checksum, hexOf, ParseError, sha256, sha256Hex } from '../base/index.ts';
import { encodeFileHeader } from './file-header.ts';
import { type FileObject, fileChunks } from './file-object.ts';
import { decodeDict } from './gvariant.ts';
import { isSymlink } from './object-fields.ts';
import { decodeCommit, decodeDirmeta, decodeDirtree, type ObjectType } from './objects.ts';
import type { Repository } from './repository.ts';

const wholeLimit = 1 << 20;

/** Hashes and decodes a metadata object; ParseError OSTREE_OBJECT_CORRUPT when either disagrees with its name. */
export function verifyMetadata(repo: Repository, type: ObjectType, checksum: Checksum): void {
  if (type === 'file') throw new TypeError('a file object is no metadata');
  // Tombstones and detached metadata are named after a commit, not after their content.
  if (type === 'tombstone-commit') return;
  const bytes = repo.loadMetadata(type, checksum);
  if (type === 'commitmeta') {
    if (bytes.byteLength > 0) decodeDict(bytes);
    return;
  }
  const actual = sha256Hex(bytes);
  if (actual !== checksum) throw wrongHash(type, checksum, actual);
  if (type === 'commit') decodeCommit(bytes);
  else if (type === 'dirtree') decodeDirtree(bytes);
  else decodeDirmeta(bytes);
}

/** Hashes a file object; ParseError OSTREE_OBJECT_CORRUPT. A promise only where its content has to be inflated in pieces. */
export function verifyFile(repo: Repository, object: FileObject): Promise<void> | undefined {
  const { attributes, checksum, target } = object;
  if ((target !== undefined) !== isSymlink(attributes)) {
    throw new ParseError('OSTREE_OBJECT_CORRUPT', `file ${checksum}: its mode and its kind disagree`);
  }
  const hash = sha256().update(encodeFileHeader(attributes, target ?? ''));
  if (target === undefined) {
    if (object.size <= wholeLimit) hash.update(object.readAll(wholeLimit));
    else if (repo.mode === 'archive') return verifyStream(object);
    else for (const chunk of fileChunks(object.path)) hash.update(chunk);
  }
  const actual = hexOf(hash.digest());
  if (actual !== checksum) throw wrongHash('file', checksum, actual);
  return undefined;
}

async function verifyStream(object: FileObject): Promise<void> {
  const hash = sha256().update(encodeFileHeader(object.attributes));
  for await (const chunk of object.stream()) if (chunk instanceof Uint8Array) hash.update(chunk);
  const actual = hexOf(hash.digest());
  if (actual !== object.checksum) throw wrongHash('file', object.checksum, actual);
}

function wrongHash(type: ObjectType, checksum: Checksum, actual: Checksum): ParseError {
  return new ParseError(
    'OSTREE_OBJECT_CORRUPT',
    `the ${type} object ${checksum} has the content of ${actual}`,
    {
      details: { type, checksum, actual },
    },
  );
}
