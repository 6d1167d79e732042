/** Files of a deployment's `/usr` that belong to an account whose id is another one on this machine. */
import { join } from 'node:path/posix';
import type { OwnerMap } from '../state/index.ts';
import { lstatIfExists, readdirIfExists } from '../sys/index.ts';

const shown = 5;

/**
 * A note that names them, as `/usr` cannot change; undefined where there are none. `owners` are from an id of the commit to that
 * of this machine. Nothing is read where no id differs.
 */
export function foreignOwners(deployment: string, { users, groups }: OwnerMap): string | undefined {
  if (users.size === 0 && groups.size === 0) return undefined;
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const name of readdirIfExists(join(deployment, folder)).sort()) {
      const path = `${folder}/${name}`;
      // What is in these is copied, with the owners of this machine.
      if (path === 'usr/etc' || path === 'usr/share/factory') continue;
      const stats = lstatIfExists(join(deployment, path));
      if (stats === undefined) continue;
      if (users.has(stats.uid) || groups.has(stats.gid)) found.push(`/${path}`);
      if (stats.isDirectory()) visit(path);
    }
  };
  visit('usr');
  if (found.length === 0) return undefined;
  const more = found.length > shown ? ` and ${found.length - shown} more` : '';
  return `${found.slice(0, shown).join(', ')}${more}: the account that owns it has another id on this machine, and /usr is as the commit has it`;
}
