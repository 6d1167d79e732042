/** True for a name of a section or an option: letters, digits, `_`. */
export function isUciName(text: string): boolean {
  return /^[A-Za-z0-9_]+$/u.test(text);
}

/** True for a section's type: any printable ASCII but the blank. */
export function isUciType(text: string): boolean {
  return /^[\x21-\x7e]+$/u.test(text);
}

/** True for what a `package` line may name: letters, digits, `_`, `-`. */
export function isUciPackageWord(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/u.test(text);
}

/**
 * The name that uci gives an anonymous section while it loads a file: `cfg`, the section's running number
 * (from 1, named ones count) in hex, and 16 bits of the djb hash of its type. Options are not read yet at
 * that point and so are not in the hash; `uci add` on the command line gives the same name.
 */
export function generatedName(number: number, type: string): string {
  let hash = 5381;
  // One character of a byte string is one byte.
  for (let i = 0; i < type.length; i++) hash = (Math.imul(hash, 33) + type.charCodeAt(i)) >>> 0;
  return `cfg${hex(number, 2)}${hex(hash & 0xffff, 4)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
