/**
 * The arguments of a call. rpcd enforces neither the types that a plug-in declares nor their number, so every value
 * is looked at here: by kind, pattern and length. Pure.
 */
import { UsageError } from '../base/index.ts';

export type ArgumentKind =
  /** A package's name, as feeds may spell it. */
  | 'package'
  | 'packages'
  /** Tokens of uploaded files. */
  | 'digests'
  /** A branch, or a commit by its checksum. */
  | 'ref'
  | 'deployment'
  | 'job'
  | 'digest'
  /** Words that are looked for. */
  | 'text'
  | 'path'
  | 'count'
  | 'flag';

/** What a method takes: each argument by its name; every one may be left out unless the method asks for it. */
export type ArgumentTable = Readonly<Record<string, ArgumentKind>>;

/** At most so many packages in one call. */
const maxPackages = 128;
/** rpcd hands the caller's live session along under this name: it is dropped before anything else looks. */
const sessionMember = 'ubus_rpc_session';

const patterns: Readonly<Record<Exclude<ArgumentKind, 'packages' | 'digests' | 'count' | 'flag'>, RegExp>> = {
  package: /^[A-Za-z0-9][A-Za-z0-9+._-]{0,127}$/u,
  ref: /^[A-Za-z0-9][A-Za-z0-9._+/:-]{0,255}$/u,
  deployment: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}-[0-9a-f]{64}\.\d{1,6}$/u,
  job: /^[0-9a-f]{12}$/u,
  digest: /^[0-9a-f]{16,64}$/u,
  text: /^[^\p{Cc}]{1,128}$/u,
  path: /^\/etc\/[^\p{Cc}]{1,1024}$/u,
};

/** Checked arguments, read by kind. */
export class Arguments {
  readonly #values: ReadonlyMap<string, unknown>;

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
  }

  /** Checks `input`, the text of one JSON object (or nothing), against the table; UsageError where it does not fit. */
  static parse(input: string, table: ArgumentTable): Arguments {
    const values = new Map<string, unknown>();
    for (const [name, value] of Object.entries(parseObject(input))) {
      if (name === sessionMember || value === null) continue;
      const kind = Object.hasOwn(table, name) ? table[name] : undefined;
      if (kind === undefined) throw invalid(name, 'this method does not take it');
      checkKind(name, kind, value);
      values.set(name, value);
    }
    return new Arguments(values);
  }

  /** The text of an argument, or undefined where it was left out. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  /** As `text`; UsageError where it was left out. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw invalid(name, 'it is missing');
    return value;
  }

  /** The list of an argument; empty where it was left out. */
  list(name: string): string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** The number of an argument, from 0 to `most`; `otherwise` where it was left out. */
  count(name: string, otherwise: number, most: number): number {
    const value = this.#values.get(name);
    return typeof value === 'number' ? Math.min(value, most) : otherwise;
  }

  /** True where the flag was given as true. */
  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }
}

function checkKind(name: string, kind: ArgumentKind, value: unknown): void {
  if (kind === 'flag') {
    if (typeof value !== 'boolean') throw invalid(name, 'it is not true or false');
  } else if (kind === 'count') {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw invalid(name, 'it is not a whole number from 0');
  } else if (kind === 'packages' || kind === 'digests') {
    if (!Array.isArray(value) || value.length > maxPackages)
      throw invalid(name, `it is not a list of at most ${maxPackages} names`);
    for (const item of value) checkText(name, kind === 'packages' ? 'package' : 'digest', item);
  } else if (value !== '') checkText(name, kind, value);
}

function checkText(name: string, kind: keyof typeof patterns, value: unknown): void {
  const fits = typeof value === 'string' && patterns[kind].test(value);
  // What names a thing never climbs out of a folder, wherever it ends up.
  if (!fits || (kind !== 'text' && value.includes('..'))) throw invalid(name, `it is not a ${kind}`);
}

function parseObject(input: string): Readonly<Record<string, unknown>> {
  if (input.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch (cause) {
    throw new UsageError('USAGE', 'the arguments are not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError('USAGE', 'the arguments are not one JSON object');
  return Object.fromEntries(Object.entries(value));
}

function invalid(name: string, what: string): UsageError {
  return new UsageError('USAGE', `argument '${name.slice(0, 40)}': ${what}`, {
    details: { argument: name.slice(0, 40) },
  });
}
