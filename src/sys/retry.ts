/** Trying again what a busy server, a weak link or a name server may refuse only for a moment. */
import { InterruptedError, NetworkError, throwIfAborted } from '../base/index.ts';
import { isTransientNetworkError } from './http-errors.ts';

/** How often and after how long a failed request is tried again. */
export interface RetrySchedule {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled before each further one. */
  readonly firstDelay: number;
  readonly maxDelay: number;
}

/**
 * What `attempt` returns. Errors that another try may cure are followed by a wait and another try; every other one, and
 * the last, is thrown. `attempt` gets the number of tries before it.
 */
export async function retrying<T>(
  schedule: RetrySchedule,
  signal: AbortSignal | undefined,
  attempt: (tried: number) => Promise<T>,
): Promise<T> {
  for (let tried = 0; ; tried++) {
    throwIfAborted(signal);
    try {
      return await attempt(tried);
    } catch (error) {
      if (tried + 1 >= schedule.attempts || !isTransientNetworkError(error)) throw error;
      await sleep(delayAfter(schedule, tried, error), signal);
    }
  }
}

/** Waits; InterruptedError as soon as the signal fires. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const onAbort = () => {
      clearTimeout(timer);
      reject(new InterruptedError());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Cut by up to half, so that routers that failed together do not come back together; `Retry-After` counts. */
function delayAfter(schedule: RetrySchedule, tried: number, error: unknown): number {
  const asked = error instanceof NetworkError ? error.details['retryAfter'] : undefined;
  const jittered = schedule.firstDelay * 2 ** tried * (1 - Math.random() / 2);
  return Math.min(Math.max(jittered, typeof asked === 'number' ? asked * 1000 : 0), schedule.maxDelay);
}
