/**
 * The last status that was asked for, kept beside the jobs, so that a page that asks every few seconds costs no
 * start of Node: the shim of the ubus object reads it as long as nothing that it was made from has been touched.
 */
import { join } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import { mkdirp, realpath, rename, runFolder, unlinkIfExists, utimes, writeFile } from '../sys/index.ts';
import type { Where } from './session.ts';

const name = 'status.json';

/**
 * Keeps the answer to `status` that was read from `begun` on (milliseconds since 1970). Its time is set a second
 * before that: shells compare whole seconds, and what changes within this one must count as newer.
 */
export function keepStatus(where: Where, answer: string, begun: number): void {
  ignoringOwnErrors(() => {
    const folder = runFolder();
    mkdirp(folder, 0o755);
    const time = Math.floor(begun / 1000) - 1;
    for (const [file, text] of [
      [`${name}.of`, `${realpath(where.sysroot)}\n`],
      [name, `${answer}\n`],
    ] as const) {
      const temp = join(folder, `.${file}.new`);
      unlinkIfExists(temp);
      writeFile(temp, text, { mode: 0o600 });
      utimes(temp, time, time);
      rename(temp, join(folder, file));
    }
  });
}

/** Forgets the kept status: something changes that its age may not tell. */
export function forgetStatus(): void {
  ignoringOwnErrors(() => unlinkIfExists(join(runFolder(), name)));
}

/** The kept status is a help, never a condition. */
function ignoringOwnErrors(body: () => void): void {
  try {
    body();
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
  }
}
