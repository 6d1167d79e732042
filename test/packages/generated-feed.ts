/** Indices made from a seed, of the shape that OpenWrt's have: few libraries that much depends on, ABI suffixes, kmods, virtual names, holes. */

/** A stream of whole numbers below `bound`, the same for the same seed. */
export function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const kernel = '5.15.137-1-40d241266c049468fd1eeac34d3457e0';
/** The base that the index is made for. */
export const generatedBase = ['libc 1.2.4-4', `kernel ${kernel}`];
/** A name that nothing has: about one package in a hundred depends on it. */
export const absentName = 'absent-firmware';

/** The text of `Packages` with so many entries; some packages come in two versions. */
export function generateIndex(seed: number, entries: number): string {
  const number = numbersFrom(seed);
  const names: string[] = [];
  /** What others depend on: mostly the old, the low-level ones. */
  const anEarlier = () => names[Math.floor(number(names.length) ** 2 / Math.max(1, names.length))] ?? 'libc';
  const texts: string[] = [];
  for (let at = 0; at < entries; at++) {
    const kind = number(100);
    const abi = `${20_200_000 + number(40_000)}`;
    const name = kind < 12 ? `libgen${at}-${abi}` : kind < 30 ? `kmod-gen${at}` : `gen-${at}`;
    const depends = ['libc', ...Array.from({ length: names.length === 0 ? 0 : number(5) }, anEarlier)];
    if (name.startsWith('kmod-')) depends.push(`kernel (=${number(200) === 0 ? '5.15.1-1-other' : kernel})`);
    if (number(100) === 0) depends.push(absentName);
    if (number(12) === 0) depends.push(`role-${number(20)}`);
    if (number(25) === 0 && names.length > 0) depends.push(`${anEarlier()} | ${anEarlier()}`);
    if (number(25) === 0 && names.length > 0) depends.push(`${anEarlier()} (>= 1.${number(60)})`);
    const provides = [
      ...(name.startsWith('libgen') ? [`libgen${at}`] : []),
      ...(number(10) === 0 ? [`role-${number(20)}`] : []),
    ];
    const conflicts = number(30) === 0 && names.length > 0 ? [anEarlier()] : [];
    const replaces = conflicts.length > 0 && number(3) === 0 ? conflicts : [];
    for (let copy = number(20) === 0 ? 2 : 1; copy > 0; copy--) {
      texts.push(
        paragraph({ name, version: `1.${number(100)}-${copy}`, depends, provides, conflicts, replaces, at }),
      );
    }
    names.push(name);
  }
  return texts.join('');
}

function paragraph(entry: {
  readonly name: string;
  readonly version: string;
  readonly depends: readonly string[];
  readonly provides: readonly string[];
  readonly conflicts: readonly string[];
  readonly replaces: readonly string[];
  readonly at: number;
}): string {
  const list = (field: string, items: readonly string[]) =>
    items.length === 0 ? '' : `${field}: ${items.join(', ')}\n`;
  return (
    `Package: ${entry.name}\nVersion: ${entry.version}\n${list('Depends', entry.depends)}${list('Provides', entry.provides)}` +
    `${list('Conflicts', entry.conflicts)}${list('Replaces', entry.replaces)}Section: made\nArchitecture: all\nInstalled-Size: ${entry.at}\n` +
    `Filename: ${entry.name}_${entry.version}_all.ipk\nSize: ${1000 + entry.at}\nSHA256sum: ${String(entry.at).padStart(64, '0')}\n` +
    `Description:  Number ${entry.at}\n of a made feed.\n\n`
  );
}
