/**
 * GRUB's environment block: where GRUB counts how often it has started the deployment on trial, so that a kernel that panics
 * before early boot is given up too (docs/formats/boot-state.md).
 *
 * The block is a file of 1024 bytes (GRUB manual, "Environment block"): a line of header, `name=value` lines, `#` up to the end.
 * GRUB overwrites its two sectors in place; what it changes lies in the first. We replace the file by a rename.
 */
import { dirname, join } from 'node:path/posix';
import { lstatIfExists, readTextIfExists, writeFileDurable } from '../sys/index.ts';

const blockBytes = 1024;
const header = '# GRUB Environment Block\n';
const ours = /^opkg_ostree_/u;

/** Below `boot/`. */
const grubEnvironment = 'grub/grubenv';

/** Forgets what GRUB counted, before a trial begins. Nothing on a sysroot that GRUB does not start. */
export function resetGrubCount(sysroot: string): void {
  writeGrubEnv(sysroot, []);
}

/** Tells GRUB that the deployment was found good and need not be counted any longer; nothing where it never counted. */
export function stopGrubCount(sysroot: string, deployment: string): void {
  if (lstatIfExists(join(sysroot, 'boot', grubEnvironment)) === undefined) return;
  writeGrubEnv(sysroot, [`opkg_ostree_good=${deployment}`]);
}

/** The block with these lines in the place of ours; the admin's own variables stay as far as they fit. */
export function renderGrubEnv(before: string, lines: readonly string[]): string {
  const foreign = before
    .split('\n')
    .filter((line) => /^[A-Za-z_][A-Za-z0-9_]*=/u.test(line) && !ours.test(line));
  let text = header;
  for (const line of [...lines, ...foreign]) {
    if (Buffer.byteLength(`${text}${line}\n`) <= blockBytes) text += `${line}\n`;
  }
  return text + '#'.repeat(blockBytes - Buffer.byteLength(text));
}

function writeGrubEnv(sysroot: string, lines: readonly string[]): void {
  const path = join(sysroot, 'boot', grubEnvironment);
  if (lstatIfExists(dirname(path))?.isDirectory() !== true) return;
  const stats = lstatIfExists(path);
  const before = stats?.isFile() === true && stats.size <= blockBytes ? readTextIfExists(path) : undefined;
  const text = renderGrubEnv(before ?? '', lines);
  if (text !== before) writeFileDurable(path, text);
}
