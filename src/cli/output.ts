import { InternalError, isOpkgOstreeError, type OpkgOstreeError } from '../base/index.ts';
import { writeError, writeOutput } from '../sys/index.ts';

/** What a command hands back: one JSON document, and the lines a person reads instead. */
export interface CommandResult {
  readonly json: unknown;
  readonly text: readonly string[];
  /** True where the text is content, to be written as it is: no line break is added. */
  readonly raw?: boolean;
  /** The exit status where it is not 0. */
  readonly status?: number;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** Prints a command's result: JSON alone, or its lines unless quiet. */
export function printResult(result: CommandResult, options: OutputOptions): void {
  if (options.json) writeOutput(`${JSON.stringify(result.json, null, 2)}\n`);
  else if (result.raw === true) writeOutput(result.text.join(''));
  else if (!options.quiet && result.text.length > 0) writeOutput(`${result.text.join('\n')}\n`);
}

/** Any thrown value as one of our errors: what is not ours is a bug of ours. */
export function asProductError(thrown: unknown): OpkgOstreeError {
  if (isOpkgOstreeError(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new InternalError(`unexpected: ${message}`, {
    cause: thrown,
    hint: 'this is a bug: run the command again with --debug and report what it prints',
  });
}

/** The `{error:{code,message,hint,details?}}` of json.md. */
export function errorDocument(error: OpkgOstreeError): unknown {
  const details = Object.keys(error.details).length > 0 ? { details: error.details } : {};
  return { error: { code: error.code, message: error.message, hint: error.hint ?? null, ...details } };
}

/** The text on one line that no terminal takes for a command, whatever a package, a path or a tool put into it. */
function oneLine(text: string): string {
  return text
    .trim()
    .replace(/\s*\n\s*/gu, '; ')
    .replace(/\p{Cc}/gu, '?');
}

/** Prints an error: one line and the hint on stderr, the JSON document on stdout with --json, stacks with --debug. */
export function printError(error: OpkgOstreeError, options: OutputOptions): void {
  if (options.json) writeOutput(`${JSON.stringify(errorDocument(error), null, 2)}\n`);
  else {
    writeError(`error: ${oneLine(error.message)}\n`);
    if (error.hint !== undefined) writeError(`hint: ${oneLine(error.hint)}\n`);
  }
  if (!options.debug) return;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    writeError(`${cause.stack ?? cause.message}\n`);
}
