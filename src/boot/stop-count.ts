/** What a good verdict tells the loaders that count (docs/formats/boot-state.md); in sh it is `stop_grub_count` of switch.sh. */
import { join } from 'node:path/posix';
import { exists, lstatIfExists, readText, writeFileDurable } from '../sys/index.ts';
import { flushFileSystems } from './flush.ts';
import { type EnvironmentOwner, setStoredCount } from './fw-setenv.ts';
import { stopGrubCount } from './grub-env.ts';

/** Lines of uEnv.txt that are there for the length of a trial (src/boot/loaders/boot-script.ts). */
const trialLine = /^(?:opkg_ostree_tr.*|[a-z_]*_back=.*)$/u;

/** Ends the count of each loader: that deployment is good. COMMAND_FAILED where U-Boot's environment does not take it. */
export function stopCount(sysroot: EnvironmentOwner & { readonly path: string }, deployment: string): void {
  stopGrubCount(sysroot.path, deployment);
  stopScriptCount(sysroot.path);
  // Loaders read the disk without its journal; GRUB would write into a block of the old file that is free by now.
  flushFileSystems([join(sysroot.path, 'boot')]);
  setStoredCount(sysroot, false);
}

function stopScriptCount(sysroot: string): void {
  const path = join(sysroot, 'boot/loader/uEnv.txt');
  if (!exists(join(sysroot, 'boot/boot.scr')) || lstatIfExists(path)?.isFile() !== true) return;
  const lines = readText(path).split('\n');
  const kept = lines.filter((line) => !trialLine.test(line));
  if (kept.length < lines.length) writeFileDurable(path, kept.join('\n'));
}
