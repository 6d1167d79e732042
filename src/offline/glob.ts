/** fnmatch(3) without flags but case folding, on text of bytes. */

/** Whether the whole text fits the pattern: `*`, `?`, `[...]`, `\`; a slash or a leading dot is like any other character. */
export function matchesGlob(pattern: string, text: string, ignoreCase = false): boolean {
  const tokens = tokensOf(ignoreCase ? pattern.toLowerCase() : pattern);
  const word = ignoreCase ? text.toLowerCase() : text;
  let token = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  // Only the last star is ever tried again, so the time is bounded by the product of both lengths.
  while (at < word.length) {
    const wanted = tokens[token];
    if (wanted === '*') {
      star = token++;
      resume = at;
    } else if (wanted?.(word.charAt(at)) === true) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  while (tokens[token] === '*') token++;
  return token === tokens.length;
}

type Token = '*' | ((character: string) => boolean);

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === '*') {
      if (tokens.at(-1) !== '*') tokens.push('*');
    } else if (character === '?') tokens.push(() => true);
    else if (character === '\\' && at + 1 < pattern.length) tokens.push(literal(pattern.charAt(++at)));
    else {
      const set = character === '[' ? bracket(pattern, at) : undefined;
      tokens.push(set?.token ?? literal(character));
      at = set?.end ?? at;
    }
  }
  return tokens;
}

function literal(wanted: string): Token {
  return (character) => character === wanted;
}

const classes: Readonly<Partial<Record<string, RegExp>>> = {
  alnum: /[A-Za-z0-9]/u,
  alpha: /[A-Za-z]/u,
  digit: /[0-9]/u,
  lower: /[a-z]/u,
  punct: /[!-/:-@[-`{-~]/u,
  space: /\s/u,
  upper: /[A-Z]/u,
  xdigit: /[A-Fa-f0-9]/u,
};

/** A bracket expression from `at`; undefined where it does not end, and then `[` stands for itself. */
function bracket(pattern: string, at: number): { token: Token; end: number } | undefined {
  const tests: ((character: string) => boolean)[] = [];
  let here = at + 1;
  const negated = pattern.charAt(here) === '!' || pattern.charAt(here) === '^';
  if (negated) here++;
  const first = here;
  for (; here < pattern.length; here++) {
    const character = pattern.charAt(here);
    if (character === ']' && here > first) {
      const token = (c: string) => tests.some((test) => test(c)) !== negated;
      return { token, end: here };
    }
    const named = /^\[:([a-z]+):\]/u.exec(pattern.slice(here, here + 12));
    if (named !== null) {
      const known = classes[named[1] ?? ''];
      tests.push((c) => known?.test(c) === true);
      here += named[0].length - 1;
      continue;
    }
    const low = character === '\\' ? pattern.charAt(++here) : character;
    const isRange = pattern.charAt(here + 1) === '-' && !['', ']'].includes(pattern.charAt(here + 2));
    const high = isRange ? pattern.charAt(here + 2) : low;
    if (isRange) here += 2;
    tests.push((c) => c >= low && c <= high);
  }
  return undefined;
}
