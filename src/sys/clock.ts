/** The wall clock in milliseconds since 1970. Nothing that enters a commit may come from it. */
export function now(): number {
  return Date.now();
}
