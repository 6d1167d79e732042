/** From the bytes of a keyboard to keys. Pure: time is the caller's, who says when an ESC stands alone. */

/** A key: a printable letter as itself, everything else by name. */
export type Key = string;

export interface Decoded {
  readonly keys: readonly Key[];
  /** The beginning of a sequence whose rest has not come yet. */
  readonly rest: string;
}

const finals: Readonly<Record<string, Key>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  Z: 'backtab',
};
/** `CSI n ~` of VT220 and the Linux console. */
const numbered: Readonly<Record<string, Key>> = {
  '1': 'home',
  '7': 'home',
  '4': 'end',
  '8': 'end',
  '3': 'delete',
  '5': 'pageup',
  '6': 'pagedown',
};
const controls: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0003': 'ctrl-c',
  '\u0004': 'ctrl-d',
  '\u000c': 'ctrl-l',
  '\u0015': 'ctrl-u',
  '\u001a': 'ctrl-z',
  ' ': 'space',
};

/** The keys in a text from the terminal. A sequence that nobody knows, such as a late report of the cursor, is no key. */
export function decodeKeys(text: string): Decoded {
  const keys: Key[] = [];
  let at = 0;
  while (at < text.length) {
    const left = text.slice(at);
    if (left.startsWith('\u001b')) {
      const sequence = takeSequence(left);
      if (sequence === undefined) return { keys, rest: left };
      if (sequence.key !== undefined) keys.push(sequence.key);
      at += sequence.length;
      continue;
    }
    const letter = String.fromCodePoint(left.codePointAt(0) ?? 0);
    at += letter.length;
    const named = controls[letter];
    if (named !== undefined) keys.push(named);
    else if (!/^[\p{Cc}\p{Cs}]$/u.test(letter)) keys.push(letter);
  }
  return { keys, rest: '' };
}

/** What an unfinished sequence was after all, when nothing followed it in time. */
export function flushKeys(rest: string): readonly Key[] {
  return rest === '' ? [] : ['escape'];
}

interface Sequence {
  readonly key: Key | undefined;
  readonly length: number;
}

/** The sequence at the beginning of a text; undefined while it is not whole. */
function takeSequence(text: string): Sequence | undefined {
  if (text.length === 1) return undefined;
  // Two ESC: the first one stood alone.
  if (text[1] === '\u001b') return { key: 'escape', length: 1 };
  if (text[1] === 'O') {
    const final = text[2];
    return final === undefined ? undefined : { key: finals[final], length: 3 };
  }
  if (text[1] !== '[') return { key: 'escape', length: 1 };
  const whole = /^\u001b\[([0-?]*)[ -/]*([@-~])/u.exec(text);
  if (whole === null)
    return text.length > 32 || /[^ -?]/u.test(text.slice(2)) ? { key: undefined, length: 2 } : undefined;
  const [all, parameters = '', final = ''] = whole;
  const number = parameters.split(';')[0] ?? '';
  // A report of the cursor or a function key has a letter, too: only what has no parameters is an arrow.
  const key = final === '~' ? numbered[number] : isArrow(parameters) ? finals[final] : undefined;
  return { key, length: all.length };
}

/** `CSI A`, or with a modifier `CSI 1;5A`. */
function isArrow(parameters: string): boolean {
  return parameters === '' || /^1;\d$/u.test(parameters);
}
