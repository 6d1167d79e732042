/** Ten thousand packages as feeds: real indices where there are some, with renamed copies; else a world of the same shape. */
import { type FeedText, openwrtIndices, paragraphsOf, readFeedTexts } from '../../test/support/real-opkg.ts';

export const architecture = 'arm_cortex-a9_vfpv3-d16';
export const base = [
  { name: 'libc', version: '1.2.4-4' },
  { name: 'kernel', version: '5.15.137-1-40d241266c049468fd1eeac34d3457e0' },
] as const;

export interface World {
  readonly feeds: readonly FeedText[];
  /** A package with many dependencies. */
  readonly deep: string;
}

/** Feeds of `entries` packages or a few more. */
export function openWorld(entries: number): World {
  const indices = openwrtIndices();
  if (indices === undefined) return { feeds: [{ name: 'made', text: made(entries) }], deep: 'made-deep' };
  const real = readFeedTexts(`${indices}/arm_cortex-a9-23.05`);
  const all = real.flatMap(({ text }) => paragraphsOf(text));
  const own = new Set(all.map(nameOf));
  const more: string[] = [];
  for (let copy = 2; all.length + more.length < entries; copy++) {
    const room = entries - all.length - more.length;
    more.push(...all.slice(0, room).map((paragraph) => renamed(paragraph, own, copy)));
  }
  return { feeds: [...real, { name: 'more', text: more.map((one) => `${one}\n\n`).join('') }], deep: 'luci' };
}

function nameOf(paragraph: string): string {
  return /^Package: *(\S+)/mu.exec(paragraph)?.[1] ?? '';
}

/** The paragraph with each name of a feed's package made that of its copy. */
function renamed(paragraph: string, own: ReadonlySet<string>, copy: number): string {
  return paragraph.replace(
    /^(Package|Depends|Provides|Conflicts):(.*)$/gmu,
    (_, field: string, value: string) => {
      const names = value.replace(/[a-zA-Z0-9_.+-]+(?![^(]*\))/gu, (name) =>
        own.has(name) ? `${name}-copy${copy}` : name,
      );
      return `${field}:${names}`;
    },
  );
}

function made(entries: number): string {
  const one = (name: string, depends: readonly string[], at: number) =>
    `Package: ${name}\nVersion: 1.${at}-1\nDepends: ${['libc', ...depends].join(', ')}\nSection: made\nArchitecture: all\n` +
    `Installed-Size: ${1000 + at}\nFilename: ${name}_1.${at}-1_all.ipk\nSize: ${500 + at}\n` +
    `SHA256sum: ${String(at).padStart(64, '0')}\nDescription:  What number ${at} is good for, in a line or\n two of text.\n\n`;
  const texts = [
    one(
      'made-deep',
      Array.from({ length: 12 }, (_, n) => `made-${entries - 2 - n}`),
      0,
    ),
  ];
  for (let at = 1; at < entries; at++) {
    const needs =
      at < 4
        ? []
        : [...new Set([Math.floor(at / 2), Math.floor(at / 3), at - 3 - (at % 5)].filter((n) => n > 0))];
    texts.push(
      one(
        `made-${at}`,
        needs.filter((n) => n < at).map((n) => `made-${n}`),
        at,
      ),
    );
  }
  return texts.join('');
}
