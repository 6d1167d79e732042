/** The services of a deployment, and the package that brings each. */
import { join } from 'node:path/posix';
import { toRelPath } from '../base/index.ts';
import type { Deployment } from '../boot/index.ts';
import { parseFileList } from '../ipk/index.ts';
import { serviceLinkNames } from '../state/index.ts';
import { readdirIfExists, readTextIfExists } from '../sys/index.ts';

export interface PresentServices {
  /** Every init script that is there, switched on or not. */
  readonly present: ReadonlySet<string>;
  /** The services of an installed package that are switched on. */
  enabledBy(name: string): readonly string[];
}

const initFolder = /^\/?etc\/init\.d\/([^/]+)$/u;

/** Those of the deployment; none where there is no deployment yet. */
export function presentServices(deployment: Deployment | undefined): PresentServices {
  if (deployment === undefined) return { present: new Set(), enabledBy: () => [] };
  const links = readdirIfExists(join(deployment.path, 'etc/rc.d')).filter((name) => name.startsWith('S'));
  return {
    present: new Set(readdirIfExists(join(deployment.path, 'etc/init.d'))),
    enabledBy: (name) =>
      listedBy(deployment, name).flatMap((path) => {
        const service = initFolder.exec(path)?.[1];
        return service !== undefined && serviceLinkNames(links, service).length > 0 ? [service] : [];
      }),
  };
}

function listedBy(deployment: Deployment, name: string): string[] {
  const list = join(deployment.path, toRelPath(`usr/lib/opkg/info/${name}.list`));
  return parseFileList(readTextIfExists(list) ?? '');
}
