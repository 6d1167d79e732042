/** What `self` tells: which version runs, and which deployment carries which. */
import { type PackageName, toPackageName } from '../base/index.ts';
import { productVersion } from '../sys/index.ts';
import type { ChangeOptions, ChangeResult } from './change.ts';
import type { Environment } from './environment.ts';
import { updateFeeds } from './feeds.ts';
import { install } from './install.ts';
import { readInstalled } from './installed.ts';
import { openSession, type Where } from './session.ts';

const own = toPackageName('opkg-ostree');
const bootPackage = toPackageName('opkg-ostree-boot');

export interface SelfDeployment {
  readonly id: string;
  readonly booted: boolean;
  /** Of the package opkg-ostree there; null where the deployment has none. */
  readonly version: string | null;
  /** Of the package opkg-ostree-boot. */
  readonly 'boot-version': string | null;
  /** Whether it is asked for by name. */
  readonly requested: boolean;
}

export interface SelfDocument {
  /** Of the program that runs. */
  readonly version: string;
  readonly deployments: readonly SelfDeployment[];
}

/** The program's own version, and that of each deployment. */
export function readSelf(where: Where): SelfDocument {
  const { sysroot, deployments: all } = openSession(where);
  const deployments = all.map(({ id, checksum, origin, booted }) => {
    const installed = readInstalled(sysroot.repo, checksum);
    const version = (name: PackageName) => installed.get(name)?.version ?? null;
    return {
      id,
      booted,
      version: version(own),
      'boot-version': version(bootPackage),
      requested: origin.requested.some((text) => text === own || text.startsWith(`${own}=`)),
    };
  });
  return { version: productVersion(), deployments };
}

/** Layers the newest opkg-ostree of the feeds; unchanged where it is there already. */
export async function upgradeSelf(
  env: Environment,
  where: Where,
  options: ChangeOptions,
): Promise<ChangeResult> {
  if (options.cacheOnly !== true) await updateFeeds(env, where, { allowOlder: false });
  const request = { uninstall: [], idempotent: true, allowUnsigned: false };
  return install(env, where, { ...options, ...request, requests: [own] });
}
