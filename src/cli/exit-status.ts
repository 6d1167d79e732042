import type { ErrorKind } from '../base/index.ts';

/** What a process ends with, by the kind of its error; the contract of the command line. */
const statusByKind: Readonly<Record<ErrorKind, number>> = {
  failed: 1,
  usage: 2,
  refused: 3,
  verification: 4,
  'no-space': 5,
  busy: 6,
  network: 7,
  internal: 70,
  interrupted: 130,
};

/** The status of `upgrade --check` that found nothing to upgrade. */
export const exitUnchanged = 77;

/** The exit status for an error of this kind. */
export function exitStatusOf(kind: ErrorKind): number {
  return statusByKind[kind];
}
