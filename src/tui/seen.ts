/** Which job's end was shown last, so that the next visit shows what ended in between. Forgotten at a restart, as jobs are. */
import { join } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import { hasEnded, type JobDocument, jobs, type Where } from '../engine/index.ts';
import { mkdirp, readTextIfExists, realpath, runFolder, writeFile } from '../sys/index.ts';

const fileName = 'tui-seen';
const maxKept = 8;

/** One line for each sysroot: its path and the job. */
function readSeen(): string[][] {
  return (readTextIfExists(join(runFolder(), fileName)) ?? '')
    .split('\n')
    .flatMap((line) => (line.includes('\t') ? [line.split('\t')] : []));
}

/** Remembers that the end of a job was shown. */
export function noteSeen(where: Where, id: string): void {
  try {
    const sysroot = realpath(where.sysroot);
    const others = readSeen().filter(([path]) => path !== sysroot);
    const lines = [...others.slice(-maxKept), [sysroot, id]].map((words) => `${words.join('\t')}\n`);
    mkdirp(runFolder(), 0o755);
    writeFile(join(runFolder(), fileName), lines.join(''), { mode: 0o600 });
  } catch (thrown) {
    // Only a convenience: a folder that cannot be written must not end the interface.
    if (!isOpkgOstreeError(thrown)) throw thrown;
  }
}

/** The job that is at work, or else the newest one if it ended since the last visit; undefined where there is no news. */
export function jobToShow(where: Where, now: number): JobDocument | undefined {
  try {
    const [newest] = jobs(where, now);
    if (newest === undefined || !hasEnded(newest)) return newest;
    const sysroot = realpath(where.sysroot);
    const seen = readSeen().find(([path]) => path === sysroot)?.[1];
    return seen === newest.id ? undefined : newest;
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return undefined;
  }
}
