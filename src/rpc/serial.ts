/** The state that a page was drawn from, as one word: a request that was made on another state is refused. */
import { RefusedError, sha256Hex } from '../base/index.ts';
import { readStatus, type StatusDocument, type Where } from '../engine/index.ts';
import type { RpcReply } from './method.ts';

/** A word that changes whenever the deployments, their order or their marks do. */
function serialOf(status: StatusDocument): string {
  const marks = status.deployments.map((one) => `${one.id} ${one.booted} ${one.pinned} ${one.staged}`);
  return sha256Hex(Buffer.from(marks.join('\n'))).slice(0, 16);
}

/** The status with its serial. */
export function statusReply(status: StatusDocument): RpcReply {
  return { ...status, serial: serialOf(status) };
}

/** STALE_PLAN where the deployments are not those that the caller saw; nothing where it did not say. */
export function requireSerial(where: Where, expected: string | undefined): void {
  if (expected === undefined || serialOf(readStatus(where)) === expected) return;
  throw new RefusedError('STALE_PLAN', 'the deployments have changed since this page was loaded', {
    hint: 'look at them again, then repeat what you asked for',
  });
}
