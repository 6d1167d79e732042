import { ParseError, printable, toPackageName } from '../base/index.ts';
import type { PackageRecord } from '../packages/index.ts';
import { type ControlParagraph, controlError } from './control.ts';
import {
  parseAlternatives,
  parseDependencies,
  parseProvides,
  parseRelations,
  type RelationCache,
} from './relations.ts';

/** How a record reads a field: its trimmed value, or undefined. */
export type FieldReader = (name: string) => string | undefined;

const versionPattern = /^[!-~]{1,256}$/u;
const architecturePattern = /^[a-zA-Z0-9_.+-]{1,128}$/u;

/**
 * The package that the control text describes. ParseError CONTROL_INVALID or VERSION_INVALID names the package
 * where a field that opkg relies on is missing or malformed.
 */
export function parseRecord(paragraph: ControlParagraph): PackageRecord {
  return recordFrom(fieldReader(paragraph));
}

/** A reader of the paragraph's fields. */
export function fieldReader(paragraph: ControlParagraph): FieldReader {
  const values = new Map(paragraph.fields.map((field) => [field.name, field.raw]));
  return (name) => values.get(name)?.trim();
}

/** What is looked up once per text while many records are read. */
export interface RecordOptions {
  readonly cache?: RelationCache;
  /** True for opkg's database, where a failed install leaves entries without version or architecture. */
  readonly partial?: boolean;
}

/** As `parseRecord`, from any reader of fields. */
export function recordFrom(field: FieldReader, options: RecordOptions = {}): PackageRecord {
  const text = field('Package');
  if (text === undefined) throw controlError("the field 'Package' is missing");
  const name = toPackageName(text);
  try {
    const before = field('Pre-Depends');
    const after = field('Depends') ?? '';
    const list = (key: string) => parseDependencies(field(key) ?? '', options.cache);
    const relations = (key: string) => parseRelations(field(key) ?? '', options.cache);
    return {
      name,
      version: checked(field('Version'), versionPattern, 'VERSION_INVALID', 'version', options.partial),
      architecture: checked(
        field('Architecture'),
        architecturePattern,
        'CONTROL_INVALID',
        'architecture',
        options.partial,
      ),
      depends: parseDependencies(before === undefined ? after : `${before},${after}`, options.cache),
      recommends: list('Recommends'),
      suggests: list('Suggests'),
      conflicts: relations('Conflicts'),
      replaces: relations('Replaces'),
      provides: parseProvides(field('Provides') ?? '', name),
      alternatives: parseAlternatives(field('Alternatives') ?? ''),
      essential: field('Essential') === 'yes',
      abiVersion: field('ABIVersion') ?? '',
      installedSize: parseCount(field('Installed-Size')) ?? 0,
      section: field('Section') ?? '',
      description: describe(field('Description') ?? ''),
    };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new ParseError(error.code, `package ${name}: ${error.message}`, { cause: error });
  }
}

/** The number that the decimal text is; undefined for any other text and beyond 2^53. */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/u.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function checked(
  value: string | undefined,
  pattern: RegExp,
  code: 'VERSION_INVALID' | 'CONTROL_INVALID',
  what: string,
  partial = false,
): string {
  if (value !== undefined && pattern.test(value)) return value;
  if (value === undefined && partial) return '';
  const shown = value === undefined ? 'none' : `'${printable(value.slice(0, 80))}'`;
  throw new ParseError(code, `not a valid ${what}: ${shown}`);
}

/** The text without the one space that marks its further lines. */
function describe(value: string): string {
  return value.includes('\n') ? value.replaceAll('\n ', '\n') : value;
}
