/** The state that a page was drawn from, as one word: a request that was made on another state is refused. */
import { RefusedError, sha256Hex } from '../base/index.ts';
import { readStatus, type StatusDocument, type Where } from '../engine/index.ts';
import { readTextIfExists } from '../sys/index.ts';
import type { RpcReply } from './method.ts';

/** A word that changes whenever the deployments, their order or their marks do. */
function serialOf(status: StatusDocument): string {
  const marks = status.deployments.map((one) => `${one.id} ${one.booted} ${one.pinned} ${one.staged}`);
  return sha256Hex(Buffer.from(marks.join('\n'))).slice(0, 16);
}

/** The status with its serial, and `boot-id`, which is another one after each start of the machine. */
export function statusReply(status: StatusDocument): RpcReply {
  const bootId = readTextIfExists('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
  return { ...status, serial: serialOf(status), 'boot-id': bootId };
}

/** STALE_PLAN where the deployments are not those that the caller saw; nothing where it did not say. */
export function requireSerial(where: Where, expected: string | undefined): void {
  if (expected === undefined || serialOf(readStatus(where)) === expected) return;
  throw new RefusedError('STALE_PLAN', 'the deployments have changed since this page was loaded', {
    hint: 'look at them again, then repeat what you asked for',
  });
}
