/** Standard input line by line, for programs that ask and wait. */

/** A reader of lines. */
export interface LineReader {
  /** The next line without its end, undefined at the end of the input or when `close` was called. */
  readonly next: () => Promise<string | undefined>;
  readonly close: () => void;
}

/** Letters of a line; what is more is cut off. */
const maxLine = 4_096;

/** Reads lines from standard input as they come. */
export function readLines(): LineReader {
  const lines: string[] = [];
  const waiting: ((line: string | undefined) => void)[] = [];
  let rest = '';
  let over = false;
  const hand = () => {
    while (waiting.length > 0 && (lines.length > 0 || over)) waiting.shift()?.(lines.shift());
  };
  const onData = (chunk: Buffer | string) => {
    const parts = (rest + chunk.toString()).split(/\r\n|\r|\n/u);
    rest = (parts.pop() ?? '').slice(0, maxLine);
    lines.push(...parts.map((line) => line.slice(0, maxLine)));
    hand();
  };
  const onEnd = () => {
    if (rest !== '') lines.push(rest);
    rest = '';
    over = true;
    hand();
  };
  const input = process.stdin;
  input.setEncoding('utf8');
  input.on('data', onData);
  input.on('end', onEnd);
  input.on('error', onEnd);
  return {
    next: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        hand();
      }),
    close: () => {
      input.off('data', onData);
      input.off('end', onEnd);
      input.off('error', onEnd);
      input.pause();
      onEnd();
    },
  };
}

/** Calls back at the first interrupt from the keyboard; returns what stops listening. */
export function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener);
  return () => process.off('SIGINT', listener);
}
