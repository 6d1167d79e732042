/** Whether a command line is opkg's. */
import { basename } from 'node:path/posix';

/** opkg's words, and the sysroot that was named before them. */
export interface OpkgWords {
  readonly argv: readonly string[];
  readonly sysroot: string | undefined;
}

/**
 * The words for opkg where the program was called by its name, or as `opkg-ostree [--sysroot DIR] opkg ...`; undefined for any
 * other command line. `argv` is the whole one, interpreter and program included.
 */
export function opkgWords(argv: readonly string[]): OpkgWords | undefined {
  const [, program = '', ...words] = argv;
  if (basename(program) === 'opkg') return { argv: words, sysroot: undefined };
  const [first = '', second, third] = words;
  if (first === 'opkg') return { argv: words.slice(1), sysroot: undefined };
  if (first === '--sysroot' && third === 'opkg') return { argv: words.slice(3), sysroot: second };
  if (first.startsWith('--sysroot=') && second === 'opkg')
    return { argv: words.slice(2), sysroot: first.slice('--sysroot='.length) };
  return undefined;
}
