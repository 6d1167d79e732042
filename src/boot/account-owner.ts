/** Which package makes an account: the one whose `Require-User` asks for it. */
import { join } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import { parseRequireUser, type RequiredAccount } from '../state/index.ts';
import { lstatIfExists, readdirIfExists, readText } from '../sys/index.ts';

const databaseInfo = 'usr/lib/opkg/info';
/** A larger control file is no package's. */
const maxControlBytes = 1024 * 1024;

/** Finds the package of a user or group among those installed in a deployment; read only when it is asked. */
export function accountOwner(
  deployment: string,
): (file: 'passwd' | 'group', name: string) => string | undefined {
  let owners: Map<string, string> | undefined;
  return (file, name) => {
    owners ??= readOwners(join(deployment, databaseInfo));
    return owners.get(`${file} ${name}`);
  };
}

function readOwners(info: string): Map<string, string> {
  const owners = new Map<string, string>();
  for (const file of readdirIfExists(info).sort()) {
    const path = join(info, file);
    const stats = lstatIfExists(path);
    if (!file.endsWith('.control') || stats?.isFile() !== true || stats.size > maxControlBytes) continue;
    const name = file.slice(0, -'.control'.length);
    for (const account of accountsOf(readText(path))) {
      const groups = [...(account.group === undefined ? [] : [account.group]), ...account.extra];
      const keys = [
        ...(account.user === undefined ? [] : [`passwd ${account.user.name}`]),
        ...groups.map((group) => `group ${group.name}`),
      ];
      for (const key of keys) if (!owners.has(key)) owners.set(key, name);
    }
  }
  return owners;
}

/** What the control file asks for; nothing where the field cannot be read. */
function accountsOf(control: string): RequiredAccount[] {
  try {
    return parseRequireUser(/^Require-User:(.*)$/mu.exec(control)?.[1] ?? '');
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    return [];
  }
}
