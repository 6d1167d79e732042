/**
 * What a UCI file means: sections in order, each with its options.
 *
 * All texts of this room are byte strings: one character (U+0000 to U+00FF) for each byte of the file, so
 * that a value in any encoding, or in none, keeps its bytes. `displayText` and `byteString` convert.
 */

/** One value under a name; an `option` line makes a string, `list` lines make a list. */
export type UciValue =
  | { readonly kind: 'option'; readonly value: string }
  | { readonly kind: 'list'; readonly values: readonly string[] };

/** A named value of a section. */
export type UciOption = UciValue & { readonly name: string };

export interface UciSection {
  readonly type: string;
  /** The section's name; for an anonymous one the `cfgXXXXXX` that uci generates. */
  readonly name: string;
  readonly anonymous: boolean;
  readonly options: readonly UciOption[];
}

export interface UciPackage {
  readonly sections: readonly UciSection[];
}

/** The byte string as text for people and JSON: UTF-8, with U+FFFD for what is none. */
export function displayText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The UTF-8 bytes of a text as a byte string. */
export function byteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The bytes of a byte string. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** The section's option of that name. */
export function findOption(section: UciSection, name: string): UciOption | undefined {
  return section.options.find((option) => option.name === name);
}

/** True when both are absent, or of one kind with the same content. */
export function sameValue(a: UciValue | undefined, b: UciValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === 'option') return b.kind === 'option' && a.value === b.value;
  return b.kind === 'list' && sameItems(a.values, b.values);
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** True when both have the same options with the same values; the order of options means nothing. */
export function sameOptions(a: UciSection, b: UciSection): boolean {
  if (a.options.length !== b.options.length) return false;
  const inOrder = a.options.every((option, index) => option.name === b.options[index]?.name);
  if (inOrder) return a.options.every((option, index) => sameValue(option, b.options[index]));
  const others = new Map(b.options.map((option) => [option.name, option]));
  return a.options.every((option) => sameValue(option, others.get(option.name)));
}

/** True when type, options, and the name where it was given, are the same. */
export function sameSection(a: UciSection, b: UciSection): boolean {
  if (a.type !== b.type || a.anonymous !== b.anonymous) return false;
  return (a.anonymous || a.name === b.name) && sameOptions(a, b);
}

/** True when both mean the same: the same sections in the same order. Generated names are not compared. */
export function samePackage(a: UciPackage, b: UciPackage): boolean {
  if (a.sections.length !== b.sections.length) return false;
  return a.sections.every((section, index) => {
    const other = b.sections[index];
    return other !== undefined && sameSection(section, other);
  });
}
