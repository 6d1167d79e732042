/** What a terminal tells of itself: size, device, and what it answers when it is asked. */
import { readlinkSync } from 'node:fs';
import { writeOutput } from './terminal.ts';

/** Size of a terminal in letters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** True when a program may draw on this terminal and read its keys. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** The device behind standard input, as `/dev/ttyS0`; undefined where nobody tells. */
export function inputDevice(): string | undefined {
  try {
    return readlinkSync('/proc/self/fd/0');
  } catch {
    return undefined;
  }
}

/** The size that the kernel knows; undefined where it does not, as on a serial line. */
export function reportedSize(): TerminalSize | undefined {
  const [columns, rows] = process.stdout.isTTY === true ? process.stdout.getWindowSize() : [0, 0];
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** The report of the cursor's place (ECMA-48 8.3.14): `CSI row ; column R`. */
const report = /\u001b\[(\d{1,5});(\d{1,5})R/u;

/**
 * Writes `question`, which ends in a request for the cursor's place (`CSI 6n`), and waits so many milliseconds for the answer.
 * Keys that were pressed meanwhile are not lost: whoever reads the keyboard already gets them, and the report.
 */
export async function askCursor(
  question: string,
  limit: number,
): Promise<{ readonly row: number; readonly column: number } | undefined> {
  const input = process.stdin;
  const shared = input.readableFlowing === true;
  const before = input.isRaw;
  input.setRawMode(true);
  let seen = '';
  const answer = await new Promise<RegExpExecArray | undefined>((resolve) => {
    const end = (found: RegExpExecArray | undefined) => {
      clearTimeout(timer);
      input.off('data', onData);
      if (!shared) input.pause();
      resolve(found);
    };
    const onData = (chunk: Buffer | string) => {
      seen += chunk.toString();
      const found = report.exec(seen);
      if (found !== null || seen.length > 4_096) end(found ?? undefined);
    };
    const timer = setTimeout(() => end(undefined), limit);
    input.on('data', onData);
    writeOutput(question);
  });
  input.setRawMode(before);
  const others = answer === undefined ? seen : seen.replace(answer[0], '');
  if (others !== '' && !shared) input.unshift(Buffer.from(others));
  return answer === undefined ? undefined : { row: Number(answer[1]), column: Number(answer[2]) };
}
