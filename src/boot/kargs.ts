/**
 * Kernel arguments as an ordered list of words. Double quotes protect spaces, as in the kernel's own parser
 * (Documentation/admin-guide/kernel-parameters) and in libostree's kernel-args.
 */
import { ParseError, UsageError } from '../base/index.ts';

/** Linux's COMMAND_LINE_SIZE on the boards in question (x86 and arm64: 2048). */
export const maxCommandLine = 2048;

/** What `init=` names on a sysroot that early boot was copied to. */
const sysrootInit = 'init=/ostree/opkg-ostree/prepare-root';
const deploymentInit =
  /^init=\/ostree\/boot\.[01]\/[^/\s]+\/[0-9a-f]+\/[0-9]+\/usr\/lib\/ostree\/ostree-prepare-root$/u;

/**
 * Where early boot comes from: the initramfs; the sysroot, which outlives every deployment; or, where nothing was copied there,
 * libostree's place in the deployment.
 */
export type InitPlace = 'initramfs' | 'sysroot' | 'deployment';

/** The words of a kernel command line, quotes kept; BOOT_ENTRY_INVALID for an open quote or a control byte. */
export function parseKargs(text: string): string[] {
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/u.test(text)) {
    throw new ParseError('BOOT_ENTRY_INVALID', 'a control character in kernel arguments');
  }
  const words: string[] = [];
  let word = '';
  let quoted = false;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    if (!quoted && (char === ' ' || char === '\t')) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      word += char;
    }
  }
  if (quoted) throw new ParseError('BOOT_ENTRY_INVALID', `an open quote in kernel arguments: '${text}'`);
  if (word !== '') words.push(word);
  return words;
}

/** The words as one command line. */
export function renderKargs(kargs: readonly string[]): string {
  return kargs.join(' ');
}

/** The part before `=`, or the whole word. */
export function kargKey(karg: string): string {
  const equals = karg.indexOf('=');
  return equals < 0 ? karg : karg.slice(0, equals);
}

/** The value of the first `key=value`, or undefined; a word without `=` has the value ''. */
export function findKarg(kargs: readonly string[], key: string): string | undefined {
  const found = kargs.find((karg) => kargKey(karg) === key);
  return found?.slice(key.length + 1);
}

/** True for `ostree=` and for the `init=` of early boot: words that each switch writes anew. */
export function isManagedKarg(karg: string): boolean {
  return kargKey(karg) === 'ostree' || isManagedInit(karg);
}

/** True for the `init=` that starts early boot from the sysroot. */
export function isSysrootInit(karg: string): boolean {
  return karg === sysrootInit;
}

/** True for each `init=` that starts early boot. */
export function isManagedInit(karg: string): boolean {
  return isSysrootInit(karg) || deploymentInit.test(karg);
}

/** The words that the admin and the target chose: without `ostree=` and our `init=`. */
export function withoutManagedKargs(kargs: readonly string[]): string[] {
  return kargs.filter((karg) => !isManagedKarg(karg));
}

/**
 * The options of a boot entry: `ostree=` set in place or appended; without an initramfs also the `init=` of early boot before
 * it, where libostree puts its own. A stale `init=` of ours goes when there is an initramfs (libostree forgets it).
 */
export function bootOptions(kargs: readonly string[], bootLink: string, place: InitPlace): string[] {
  const init = place === 'sysroot' ? sysrootInit : `init=${bootLink}/usr/lib/ostree/ostree-prepare-root`;
  const withInit =
    place === 'initramfs'
      ? kargs.filter((karg) => !isManagedInit(karg))
      : replaceOrAppend(kargs, isManagedInit, init);
  return replaceOrAppend(withInit, (karg) => kargKey(karg) === 'ostree', `ostree=${bootLink}`);
}

export interface KargChanges {
  readonly append?: readonly string[];
  readonly delete?: readonly string[];
  readonly replace?: readonly string[];
}

/**
 * The arguments after the changes, in the order delete, replace, append. `delete` takes `K=V` or `K` where K has
 * one value; `replace` takes `K=V` and sets the only value of K in its place, or appends. USAGE for a word that is not there, has
 * several values, or is ours.
 */
export function changeKargs(kargs: readonly string[], changes: KargChanges): string[] {
  let result = [...kargs];
  for (const word of changes.delete ?? []) result = deleteKarg(result, checkedWord(word));
  for (const word of changes.replace ?? []) result = replaceKarg(result, checkedWord(word));
  for (const word of changes.append ?? []) result.push(checkedWord(word));
  const length = Buffer.byteLength(renderKargs(result));
  if (length > maxCommandLine) {
    throw new UsageError(
      'USAGE',
      `the kernel arguments are ${length} bytes long; the kernel takes ${maxCommandLine}`,
    );
  }
  return result;
}

function deleteKarg(kargs: readonly string[], word: string): string[] {
  const exact = kargs.indexOf(word);
  if (exact >= 0) return kargs.filter((_, index) => index !== exact);
  const same = kargs.filter((karg) => kargKey(karg) === word);
  if (same.length === 1) return kargs.filter((karg) => kargKey(karg) !== word);
  if (same.length > 1) {
    throw new UsageError(
      'USAGE',
      `the kernel argument '${word}' has ${same.length} values: ${same.join(' ')}`,
      {
        hint: `name one of them, as in --delete ${same[0] ?? word}`,
      },
    );
  }
  throw new UsageError('USAGE', `no kernel argument '${word}'`, { hint: `there are: ${renderKargs(kargs)}` });
}

function replaceKarg(kargs: readonly string[], word: string): string[] {
  const key = kargKey(word);
  const same = kargs.filter((karg) => kargKey(karg) === key);
  if (same.length > 1) {
    throw new UsageError(
      'USAGE',
      `the kernel argument '${key}' has ${same.length} values: ${same.join(' ')}`,
      {
        hint: 'delete the one that should go and append the new one',
      },
    );
  }
  return replaceOrAppend(kargs, (karg) => kargKey(karg) === key, word);
}

function checkedWord(word: string): string {
  const words = parseKargs(word);
  if (words.length !== 1 || words[0] === undefined) {
    throw new UsageError('USAGE', `not one kernel argument: '${word}'`, {
      hint: 'put a value with spaces in double quotes',
    });
  }
  if (isManagedKarg(words[0])) {
    throw new UsageError('USAGE', `'${kargKey(word)}=' is written by opkg-ostree itself`);
  }
  return words[0];
}

function replaceOrAppend(
  kargs: readonly string[],
  matches: (karg: string) => boolean,
  word: string,
): string[] {
  const at = kargs.findIndex(matches);
  if (at < 0) return [...kargs, word];
  return kargs
    .filter((karg, index) => index <= at || !matches(karg))
    .map((karg, index) => (index === at ? word : karg));
}
