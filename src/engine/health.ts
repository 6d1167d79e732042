/** What early boot and the health check found out about a deployment, and the admin's word on it (docs/formats/boot-state.md). */

import { RefusedError } from '../base/index.ts';
import {
  addVerdict,
  type Deployment,
  readBootState,
  stateName,
  stopCount,
  verdictOf,
  writeBootState,
} from '../boot/index.ts';
import { readTextIfExists } from '../sys/index.ts';
import type { HealthDocument } from './documents.ts';
import type { Environment } from './environment.ts';
import { openSession, type Where, withSession } from './session.ts';

const checksFile = '/run/opkg-ostree/checks';

/** The health of a deployment: its last verdict, or the trial that is in progress. Files that do not parse count as absent. */
export function healthOf(sysroot: string, deployment: Deployment): HealthDocument {
  const name = stateName(deployment);
  const { pending, bad, good, tries } = readBootState(sysroot);
  const checks = deployment.booted ? readChecks() : [];
  if (pending === name)
    return { state: deployment.booted ? 'trying' : 'untried', 'tries-left': tries ?? null, checks };
  const verdict = verdictOf(sysroot, name)?.verdict;
  const known = bad === name ? 'bad' : good === name ? 'good' : verdict;
  return { state: known ?? 'untried', 'tries-left': null, checks };
}

/** The health of the running deployment, or of the one that boots next where this system is not one of the sysroot's. */
export function readHealth(where: Where): HealthDocument | undefined {
  const { sysroot, deployments } = openSession(where);
  const deployment = deployments.find(({ booted }) => booted) ?? deployments[0];
  return deployment === undefined ? undefined : healthOf(sysroot.path, deployment);
}

/**
 * Ends the trial of the running deployment: it stays. False where it is not on trial; DEPLOYMENT_NOT_FOUND where this system
 * was not started from a deployment.
 */
export function keepRunning(env: Environment, where: Where, reason: string): Promise<boolean> {
  return withSession(env, where, ({ sysroot, deployments }) => {
    const booted = deployments.find((deployment) => deployment.booted);
    if (booted === undefined) {
      throw new RefusedError('DEPLOYMENT_NOT_FOUND', 'this system was not started from a deployment', {
        hint: "run it on the router, or see 'opkg-ostree status'",
      });
    }
    const name = stateName(booted);
    if (readBootState(sysroot.path).pending !== name) return false;
    writeBootState(sysroot.path, { good: name });
    addVerdict(sysroot.path, { deployment: name, verdict: 'good', reason });
    stopCount(sysroot, name);
    return true;
  });
}

/** Lines of `<ok|failed> <name> <detail>`, written by the health check. */
function readChecks(): HealthDocument['checks'] {
  return (readTextIfExists(checksFile) ?? '').split('\n').flatMap((line) => {
    const match = /^(ok|failed) (\S+) ?(.*)$/u.exec(line);
    if (match?.[2] === undefined) return [];
    return [{ name: match[2], ok: match[1] === 'ok', detail: match[3] ?? '' }];
  });
}
