import { equalBytes, hexOf, sha256 } from '../base/index.ts';
import {
  close,
  fchmod,
  fchown,
  open,
  readlink,
  readXattrs,
  type Stats,
  unlinkIfExists,
  writeAll,
  xattrCapability,
} from '../sys/index.ts';
import { encodeFileHeader } from './file-header.ts';
import { type FileObject, fileChunks } from './file-object.ts';
import type { Attributes, Xattr } from './object-fields.ts';

const wholeLimit = 1 << 20;

/** Writes a regular file's copy with its owner and mode; a promise where it is too large to be held in memory. */
export function writeCopy(object: FileObject, dest: string, userMode: boolean): Promise<void> | undefined {
  const fd = open(dest, 'wx', 0o600);
  if (object.size > wholeLimit) return streamCopy(object, fd, dest, userMode);
  try {
    writeAll(fd, object.readAll(wholeLimit));
    setAttributes(fd, object.attributes, userMode);
  } catch (error) {
    unlinkIfExists(dest);
    throw error;
  } finally {
    close(fd);
  }
  return undefined;
}

async function streamCopy(object: FileObject, fd: number, dest: string, userMode: boolean): Promise<void> {
  try {
    for await (const chunk of object.stream()) {
      if (chunk instanceof Uint8Array) writeAll(fd, chunk);
    }
    setAttributes(fd, object.attributes, userMode);
  } catch (error) {
    unlinkIfExists(dest);
    throw error;
  } finally {
    close(fd);
  }
}

/** chown clears setuid, so the mode comes after it. A user's copy is never setuid, and its owner can read it. */
function setAttributes(fd: number, a: Attributes, userMode: boolean): void {
  if (!userMode) fchown(fd, a.uid, a.gid);
  fchmod(fd, userMode ? (a.mode & 0o1777) | 0o400 : a.mode & 0o7777);
}

/** True when what is at `dest` is the object: kind, content and, but for user mode, owner, mode and attributes. */
export function isIdentical(object: FileObject, dest: string, found: Stats, userMode: boolean): boolean {
  const a = object.attributes;
  if (object.target !== undefined) {
    if (!found.isSymbolicLink() || readlink(dest) !== object.target) return false;
  } else {
    const mask = userMode ? 0o777 : 0o7777;
    if (!found.isFile() || found.size !== object.size) return false;
    if ((found.mode & mask) !== (a.mode & mask) || !sameContent(object, dest)) return false;
  }
  if (userMode) return true;
  if (found.uid !== a.uid || found.gid !== a.gid) return false;
  const present = xattrCapability().read ? (readXattrs([dest]).get(dest) ?? []) : [];
  return sameXattrs(present, a.xattrs);
}

/** True when both lists, each sorted by name, hold the same. */
export function sameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return (
    a.length === b.length &&
    a.every((x, i) => {
      const other = b[i];
      return other !== undefined && other.name === x.name && equalBytes(other.value, x.value);
    })
  );
}

/** The file's content under the object's own header must hash to the object's name. */
function sameContent(object: FileObject, dest: string): boolean {
  const hash = sha256().update(encodeFileHeader(object.attributes));
  for (const chunk of fileChunks(dest)) hash.update(chunk);
  return hexOf(hash.digest()) === object.checksum;
}
