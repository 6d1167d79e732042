/** `doctor`: looks at everything that the next change, the next boot or the way back depends on. Changes nothing. */
import { isOpkgOstreeError } from '../../base/index.ts';
import { openSession, type Where } from '../session.ts';
import { checkDeployments, checkHealthWiring, checkLoader, checkWayBack } from './boot-checks.ts';
import { type Finding, problem } from './finding.ts';
import { checkEtc, checkJobs, checkPending } from './state-checks.ts';
import { checkFeeds, checkHelpers, checkSpace } from './supply-checks.ts';

export type { Finding } from './finding.ts';

/** What was found, in a fixed order. A check that cannot be made is a problem of its own and stops no other. */
export async function examine(where: Where, now: number): Promise<Finding[]> {
  const session = openSession(where);
  const checks: readonly (readonly [string, () => Promise<Finding[]> | Finding[] | Finding])[] = [
    ['space', () => checkSpace(session)],
    ['loader', () => checkLoader(session)],
    ['deployments', () => checkDeployments(session)],
    ['way-back', () => checkWayBack(session)],
    ['health', () => checkHealthWiring(session)],
    ['feeds', () => checkFeeds(session, now)],
    ['lock', () => checkHelpers(session)],
    ['etc', () => checkEtc(session)],
    ['pending', () => checkPending(session)],
    ['jobs', () => checkJobs(where, now)],
  ];
  const found: Finding[] = [];
  for (const [name, check] of checks) {
    try {
      found.push(...[await check()].flat());
    } catch (thrown) {
      if (!isOpkgOstreeError(thrown)) throw thrown;
      found.push(problem(name, thrown.message, thrown.hint ?? "look at it with '--debug'"));
    }
  }
  return found;
}
