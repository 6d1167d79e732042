/** What waits for the admin: conflicts, a restart, jobs that broke off. */

import { countConflicts } from '../etc-view.ts';
import { hasEnded, jobs } from '../jobs/index.ts';
import type { Session, Where } from '../session.ts';
import { statusOf } from '../status.ts';
import { type Finding, fine, warning } from './finding.ts';

/** Settings that were changed on both sides. */
export function checkEtc({ merge }: Session): Finding {
  const count = merge === undefined ? 0 : countConflicts(merge);
  return count === 0
    ? fine('etc', 'no open conflicts in /etc')
    : warning(
        'etc',
        `${count} settings were changed by you and by the base: yours are in force`,
        "'opkg-ostree etc merge --preview' shows them, 'opkg-ostree etc accept|keep FILE' settles one",
      );
}

/** A deployment that waits for its first start. */
export function checkPending(session: Session): Finding {
  const status = statusOf(session);
  return status['reboot-required']
    ? warning('pending', `${status.next} starts at the next boot`, "'reboot' when it suits")
    : fine('pending', 'the running system is the one that starts next');
}

/** Jobs of this start of the machine that nobody ended. */
export function checkJobs(where: Where, now: number): Finding {
  const lost = jobs(where, now).filter(({ state }) => state === 'interrupted');
  const running = jobs(where, now).filter((job) => !hasEnded(job));
  if (lost[0] !== undefined) {
    return warning(
      'jobs',
      `'${lost[0].command}' broke off`,
      "nothing was switched by it, or the switch was whole: 'opkg-ostree status' shows which; run it again",
    );
  }
  return fine('jobs', running[0] === undefined ? 'nothing is at work' : `at work: ${running[0].command}`);
}
