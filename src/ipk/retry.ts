import { InterruptedError, NetworkError, throwIfAborted } from '../base/index.ts';
import { isTransientNetworkError } from '../sys/index.ts';

/** How often and after how long a failed download is tried again. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled before each further one. */
  readonly firstDelay: number;
  readonly maxDelay: number;
}

export const defaultRetry: RetryPolicy = { attempts: 4, firstDelay: 500, maxDelay: 30_000 };

/**
 * What `attempt` returns. Errors that another try may cure (`isTransientNetworkError`) are followed by a wait and another
 * try; every other one, and the last, is thrown.
 */
export async function withRetry<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    throwIfAborted(signal);
    try {
      return await attempt();
    } catch (error) {
      if (tried >= policy.attempts || !isTransientNetworkError(error)) throw error;
      await pause(retryDelay(policy, tried, error, Math.random()), signal);
    }
  }
}

/**
 * Milliseconds to wait after the `tried`-th failure: the full delay, doubled each time, cut by up to half so that routers
 * that failed together do not come back together. What the server asked for (`Retry-After`) counts up to the longest delay.
 */
export function retryDelay(policy: RetryPolicy, tried: number, error: unknown, random: number): number {
  const asked = error instanceof NetworkError ? error.details['retryAfter'] : undefined;
  const doubled = policy.firstDelay * 2 ** (tried - 1);
  const jittered = doubled * (1 - random / 2);
  return Math.min(Math.max(jittered, typeof asked === 'number' ? asked * 1000 : 0), policy.maxDelay);
}

/**
 * What `work` makes of each item, in the items' order, with at most `limit` at work at a time. After a failure nothing new
 * is begun, and what is under way for later items is told by its signal; earlier ones end as they will. The failure of the
 * earliest item is thrown, so that the same faults always lead to the same error.
 */
export async function limitConcurrency<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const stops = items.map(() => new AbortController());
  const failures = new Map<number, unknown>();
  const queue = items.entries();
  const worker = async () => {
    // One iterator for all workers: each takes the next item that none has taken.
    for (const [index, item] of queue) {
      const { signal } = stops[index] ?? new AbortController();
      if (failures.size > 0) return;
      try {
        results[index] = await work(item, signal);
      } catch (error) {
        failures.set(index, error);
        for (const stop of stops.slice(index + 1)) stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
  return results;
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    const onAbort = () => {
      clearTimeout(timer);
      reject(new InterruptedError());
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
