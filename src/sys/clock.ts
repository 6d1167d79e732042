/** The wall clock in milliseconds since 1970. Nothing that enters a commit may come from it. */
export function now(): number {
  return fixed ?? Date.now();
}

let fixed: number | undefined;

/** Runs `body` while the clock shows that one time, for what is to be the same whenever it is made. One such run at a time. */
export async function atTime<T>(milliseconds: number, body: () => Promise<T>): Promise<T> {
  fixed = milliseconds;
  try {
    return await body();
  } finally {
    fixed = undefined;
  }
}
