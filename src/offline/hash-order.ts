/** Buckets of opkg's tables: what it lists comes in the order of this hash, and within one in the order of entry. */
const buckets = 1024;

/** The items in the order in which opkg's table of them is walked; `items` in the order in which they were entered. */
export function inHashOrder<T>(items: Iterable<T>, keyOf: (item: T) => string): T[] {
  return [...items]
    .map((item) => [bucketOf(keyOf(item)), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** djb2 modulo the number of buckets. */
function bucketOf(key: string): number {
  let hash = 5381;
  for (let at = 0; at < key.length; at++) hash = (hash * 33 + key.charCodeAt(at)) % 0x1_0000_0000;
  return hash % buckets;
}
