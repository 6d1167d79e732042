/**
 * The "newc" cpio format of an initramfs (kernel: Documentation/driver-api/early-userspace/buffer-format.rst): a 110
 * byte ASCII header with thirteen 8-digit hex fields, the name with its NUL padded so that header and name fill
 * 4-byte units, the data padded likewise; the member `TRAILER!!!` ends an archive. An initramfs may be several
 * archives, compressed or not, one after the other; the next one starts at a multiple of 4.
 */
import { compareBytes, concat, type RelPath, utf8 } from '../base/index.ts';

/** A member of an archive; `mode` includes the file type, a symlink's content is its target. */
export interface CpioMember {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const unit = 4;
const trailer = 'TRAILER!!!';

/** The members as a newc archive, owned by root, mtime 0, so that equal input gives equal bytes. */
export function renderCpio(members: readonly CpioMember[]): Uint8Array {
  const parts = members.map((member, index) => renderMember(member, index + 1));
  return concat([...parts, renderMember({ path: trailer, mode: 0, content: new Uint8Array() }, 0)]);
}

/**
 * The initramfs with an archive behind it that makes `/init` the given program. The kernel unpacks archives in order
 * and a later member replaces an earlier one. `/init` comes twice: first as a symlink, because the kernel truncates a
 * regular file in place, and in many an initramfs `/init` is one more hard link of busybox.
 */
export function appendInit(initramfs: Uint8Array, init: Uint8Array): Uint8Array {
  const empty = new Uint8Array();
  const folders = ['dev', 'mnt', 'new', 'proc', 'sys', 'tmp'];
  const members: CpioMember[] = [
    ...folders.map((path) => ({ path, mode: 0o40755, content: empty })),
    { path: 'init', mode: 0o120777, content: utf8('bin/sh') },
    { path: 'init', mode: 0o100755, content: init },
  ];
  return concat([initramfs, padding(initramfs.byteLength), renderCpio(members)]);
}

/** The file that becomes `/init` of an initramfs: prepare-root itself before what only carries libostree's name for it. */
export function findPrepareRoot(paths: Iterable<RelPath>): RelPath | undefined {
  const sorted = [...paths].sort(compareBytes);
  const named = (name: string) => sorted.find((path) => `/${path}`.endsWith(`/${name}`));
  return named('prepare-root') ?? named('ostree-prepare-root');
}

function renderMember(member: CpioMember, inode: number): Uint8Array {
  const name = utf8(`${member.path}\0`);
  const links = inode === 0 ? 1 : (member.mode & 0o170000) === 0o40000 ? 2 : 1;
  const fields = [
    inode,
    member.mode,
    0,
    0,
    links,
    0,
    member.content.byteLength,
    0,
    0,
    0,
    0,
    name.byteLength,
    0,
  ];
  const header = utf8(`070701${fields.map((n) => n.toString(16).toUpperCase().padStart(8, '0')).join('')}`);
  const headSize = header.byteLength + name.byteLength;
  return concat([header, name, padding(headSize), member.content, padding(member.content.byteLength)]);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((unit - (length % unit)) % unit);
}
