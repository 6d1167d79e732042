/** What `/etc/config/opkg-ostree` of the merge deployment asks of the engine. */
import { join } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import { lstatIfExists, readFile } from '../sys/index.ts';
import { findOption, parseUci } from '../uci/index.ts';
import type { Session } from './session.ts';

/** Deployments of a stateroot that are kept where nothing else is asked for: the new one and the way back. */
const usualRetention = 2;
const mostRetention = 16;
const maxBytes = 64 * 1024;

/** How many deployments stay after a change, the new one among them: `core.retention`, from 2 up. */
export function retentionOf({ merge }: Session): number {
  const text = coreOption(merge?.path, 'retention');
  if (text === undefined || !/^\d{1,3}$/u.test(text)) return usualRetention;
  return Math.min(mostRetention, Math.max(usualRetention, Number(text)));
}

/** A value of the section `core`; undefined where there is none. A file that does not parse asks for nothing. */
function coreOption(deployment: string | undefined, name: string): string | undefined {
  if (deployment === undefined) return undefined;
  const path = join(deployment, 'etc/config/opkg-ostree');
  const stats = lstatIfExists(path);
  if (stats?.isFile() !== true || stats.size > maxBytes) return undefined;
  try {
    const section = parseUci(readFile(path)).package.sections.find((found) => found.name === 'core');
    const option = section === undefined ? undefined : findOption(section, name);
    return option?.kind === 'option' ? option.value : undefined;
  } catch (thrown) {
    if (isOpkgOstreeError(thrown)) return undefined;
    throw thrown;
  }
}
