/** Reads JSON by hand: every wrong member is refused with its path, nothing is cast. */
import { ConfigError } from '../base/index.ts';

/** Typed access to the members of a JSON object; each accessor throws CONFIG_INVALID with the member's path. */
export interface Fields {
  text(name: string): string;
  optionalText(name: string): string | undefined;
  number(name: string): number;
  optionalNumber(name: string): number | undefined;
  boolean(name: string): boolean;
  texts(name: string): string[];
  textRecord(name: string): Record<string, string>;
  optionalTextRecord(name: string): Record<string, string> | undefined;
  has(name: string): boolean;
  group(name: string): Fields;
  optionalGroup(name: string): Fields | undefined;
  groups(name: string): Fields[];
  invalid(name: string, what: string): ConfigError;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Accessors for the members of `value`, which must be an object; `source` and `prefix` name it in errors. */
export function fieldsOf(value: unknown, source: string, prefix = ''): Fields {
  const invalid = (name: string, what: string) =>
    new ConfigError('CONFIG_INVALID', `${source}: ${prefix}${name}: ${what}`);
  if (!isRecord(value))
    throw new ConfigError('CONFIG_INVALID', `${source}: ${prefix || 'it'} is not an object`);
  const member = (name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);
  const asText = (name: string, v: unknown): string => {
    if (typeof v !== 'string' || v === '' || /[\u0000-\u001f]/u.test(v))
      throw invalid(name, 'not a line of text');
    return v;
  };
  const asNumber = (name: string, v: unknown): number => {
    if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 0)
      throw invalid(name, 'not a number from 0');
    return v;
  };
  const asList = (name: string): unknown[] => {
    const list = member(name);
    if (!Array.isArray(list)) throw invalid(name, 'not a list');
    return list;
  };
  const fields: Fields = {
    invalid,
    text: (name) => asText(name, member(name)),
    optionalText: (name) => (member(name) === undefined ? undefined : asText(name, member(name))),
    number: (name) => asNumber(name, member(name)),
    optionalNumber: (name) => (member(name) === undefined ? undefined : asNumber(name, member(name))),
    boolean(name) {
      const v = member(name);
      if (typeof v !== 'boolean') throw invalid(name, 'not true or false');
      return v;
    },
    texts: (name) => asList(name).map((v) => asText(name, v)),
    textRecord(name) {
      const record = member(name);
      if (!isRecord(record)) throw invalid(name, 'not an object');
      return Object.fromEntries(Object.entries(record).map(([key, v]) => [key, asText(`${name}.${key}`, v)]));
    },
    optionalTextRecord: (name) => (member(name) === undefined ? undefined : fields.textRecord(name)),
    has: (name) => member(name) !== undefined,
    group: (name) => fieldsOf(member(name), source, `${prefix}${name}.`),
    optionalGroup: (name) => (member(name) === undefined ? undefined : fields.group(name)),
    groups: (name) => asList(name).map((v, index) => fieldsOf(v, source, `${prefix}${name}[${index}].`)),
  };
  return fields;
}
