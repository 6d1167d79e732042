/** How one path of a deployment's own `/etc` relates to its default. */
import { join } from 'node:path/posix';
import { equalBytes } from '../base/index.ts';
import { type Deployment, readConflicts } from '../boot/index.ts';
import { lstatIfExists, readFile, readlink, type Stats } from '../sys/index.ts';

export interface EtcState {
  /** `conflict`: a merge left both versions and nobody has settled it. */
  readonly state: 'default' | 'changed' | 'added' | 'deleted' | 'conflict' | 'none';
  /** A part of a sentence. */
  readonly text: string;
}

const texts: Readonly<Record<EtcState['state'], string>> = {
  default: 'as its default in /usr/etc',
  changed: "changed on this router ('opkg-ostree etc diff' shows how)",
  added: 'made on this router',
  deleted: 'deleted on this router',
  conflict: "changed by both sides ('opkg-ostree etc conflicts' shows how)",
  none: 'neither there nor among the defaults',
};

/** The state of `etc/...` in the deployment. Symlinks and files are compared by content, folders by being there. */
export function etcStateOf(deployment: Deployment, path: string): EtcState {
  const own = join(deployment.path, path);
  const given = join(deployment.path, 'usr', path);
  const conflicts = readConflicts(deployment).map((conflict) => conflict.path);
  const state = conflicts.includes(path.slice('etc/'.length)) ? 'conflict' : compare(own, given);
  return { state, text: texts[state] };
}

function compare(own: string, given: string): EtcState['state'] {
  const [mine, theirs] = [lstatIfExists(own), lstatIfExists(given)];
  if (mine === undefined) return theirs === undefined ? 'none' : 'deleted';
  if (theirs === undefined) return 'added';
  return same(own, mine, given, theirs) ? 'default' : 'changed';
}

function same(own: string, mine: Stats, given: string, theirs: Stats): boolean {
  if (mine.isDirectory()) return theirs.isDirectory();
  if (mine.isSymbolicLink()) return theirs.isSymbolicLink() && readlink(own) === readlink(given);
  if (!mine.isFile() || !theirs.isFile() || mine.size !== theirs.size) return false;
  return (mine.mode & 0o7777) === (theirs.mode & 0o7777) && equalBytes(readFile(own), readFile(given));
}
