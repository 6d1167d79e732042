/** An opened sysroot as an operation sees it: which stateroot, which deployment the next one follows, under which lock. */
import { RefusedError, UsageError } from '../base/index.ts';
import { type Deployment, Sysroot } from '../boot/index.ts';
import type { Environment } from './environment.ts';
import { forgetStatus } from './kept-status.ts';

/** Which sysroot and stateroot a command means. */
export interface Where {
  readonly sysroot: string;
  readonly stateroot: string | undefined;
}

export interface Session {
  readonly sysroot: Sysroot;
  readonly stateroot: string;
  /** In boot order. */
  readonly deployments: readonly Deployment[];
  /** What the next deployment follows; undefined before the first one. */
  readonly merge: Deployment | undefined;
}

/** Opens for reading, without a lock: everything that is read was made durable before it was named. */
export function openSession(where: Where): Session {
  const sysroot = Sysroot.open(where.sysroot);
  const deployments = sysroot.deployments();
  const stateroot = chooseStateroot(sysroot, deployments, where.stateroot);
  return { sysroot, stateroot, deployments, merge: sysroot.mergeDeployment(stateroot) };
}

/** Opens under the sysroot's lock and runs `body`; BusyError LOCK_HELD when another operation has it. */
export function withSession<T>(
  env: Environment,
  where: Where,
  body: (session: Session) => Promise<T> | T,
): Promise<T> {
  const sysroot = Sysroot.open(where.sysroot);
  return sysroot.withLock(async () => {
    try {
      return await body(openSession(where));
    } finally {
      forgetStatus();
    }
  }, env);
}

/** The merge deployment; DEPLOYMENT_NOT_FOUND where nothing is deployed yet. */
export function requireDeployment(session: Session): Deployment {
  if (session.merge !== undefined) return session.merge;
  throw new RefusedError('DEPLOYMENT_NOT_FOUND', `nothing is deployed in stateroot '${session.stateroot}'`, {
    hint: "deploy a base first: 'opkg-ostree deploy REF'",
  });
}

/** The one that was named, else the booted deployment's, else the only one, else `openwrt`. */
function chooseStateroot(
  sysroot: Sysroot,
  deployments: readonly Deployment[],
  named: string | undefined,
): string {
  const stateroots = sysroot.stateroots();
  if (named !== undefined) {
    if (stateroots.includes(named)) return named;
    throw new UsageError('USAGE', `there is no stateroot '${named}'`, {
      hint: `there are: ${stateroots.join(', ')}`,
    });
  }
  const booted = deployments.find((deployment) => deployment.booted);
  const only = stateroots.length === 1 ? stateroots[0] : undefined;
  return booted?.stateroot ?? only ?? 'openwrt';
}
