import type { Variant, VariantValue } from '../../ostree/index.ts';

/** A GVariant as `g_variant_print` writes it, for the types that commit metadata has; others as JSON. */
export function printVariant({ type, value }: Variant): string {
  return printValue(type, value);
}

function printValue(type: string, value: VariantValue): string {
  switch (type) {
    case 's':
      return `'${String(value).replace(/\\/gu, '\\\\').replace(/'/gu, "\\'").replace(/\n/gu, '\\n')}'`;
    case 'b':
      return value === true ? 'true' : 'false';
    case 'u':
      return `uint32 ${String(value)}`;
    case 't':
      return `uint64 ${String(value)}`;
    case 'ay':
      return printBytes(value);
    case 'as':
      return printStrings(value);
    default:
      return JSON.stringify(value, (_key, part: unknown) =>
        typeof part === 'bigint' ? part.toString() : part,
      );
  }
}

function printBytes(value: VariantValue): string {
  if (!(value instanceof Uint8Array) || value.byteLength === 0) return '@ay []';
  return `[${[...value].map((byte, index) => `${index === 0 ? 'byte ' : ''}0x${byte.toString(16).padStart(2, '0')}`).join(', ')}]`;
}

function printStrings(value: VariantValue): string {
  const list: readonly VariantValue[] = Array.isArray(value) ? value : [];
  return list.length === 0 ? '@as []' : `[${list.map((item) => printValue('s', item)).join(', ')}]`;
}
