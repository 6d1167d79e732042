/** os-release(5): what a deployment calls itself in boot menus. */
import { RefusedError } from '../base/index.ts';

const maxBytes = 64 * 1024;

/** The assignments of an os-release file, shell quoting undone. Lines that are none are skipped. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.slice(0, maxBytes).split('\n')) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/u.exec(line.trim());
    if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], unquote(match[2]));
  }
  return values;
}

export interface TitleParts {
  readonly osRelease: ReadonlyMap<string, string>;
  /** The commit's `version` metadata. */
  readonly version: string | undefined;
  readonly index: number;
  /** Named in the title only where the sysroot holds several. */
  readonly stateroot: string | undefined;
}

/**
 * The title of a boot entry, as libostree writes it: PRETTY_NAME (else ID), the version unless it is a part of
 * that already, and `(ostree:<index>)`. NOT_BOOTABLE where os-release names nothing.
 */
export function entryTitle(parts: TitleParts): string {
  const name = parts.osRelease.get('PRETTY_NAME') ?? parts.osRelease.get('ID');
  if (name === undefined) {
    throw new RefusedError('NOT_BOOTABLE', 'the tree has no PRETTY_NAME or ID in usr/lib/os-release', {
      hint: 'compose the base again; every OpenWrt root has this file',
    });
  }
  const version = parts.version;
  const suffix = version !== undefined && version !== '' && !name.includes(version) ? ` ${version}` : '';
  const place = parts.stateroot === undefined ? `${parts.index}` : `${parts.stateroot}:${parts.index}`;
  const clean = `${name}${suffix}`.replace(/[\u0000-\u001f\u007f]/gu, ' ');
  return `${clean} (ostree:${place})`;
}

function unquote(value: string): string {
  const text = value.trim();
  const quote = text[0];
  if (quote === "'" && text.endsWith("'") && text.length > 1) return text.slice(1, -1);
  if (quote === '"' && text.endsWith('"') && text.length > 1)
    return text.slice(1, -1).replace(/\\(.)/gu, '$1');
  return text.replace(/\\(.)/gu, '$1');
}
