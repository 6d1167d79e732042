import { ConfigError, RefusedError } from '../base/index.ts';
import type { KeyFile } from './keyfile.ts';

/** How a repository keeps file objects. `archive` is written `archive-z2` in its config. */
export type RepoMode = 'bare' | 'bare-user' | 'bare-user-only' | 'archive';

/** What a repository's `config` asks for, checked. */
export interface RepoSettings {
  readonly mode: RepoMode;
  readonly fsync: boolean;
  readonly locking: boolean;
  /** Milliseconds to wait for the repository's lock; Infinity for ever. */
  readonly lockWait: number;
  readonly minFree: { readonly percent: number } | { readonly bytes: number };
  readonly zlibLevel: number;
  readonly tombstones: boolean;
  /** Path of a repository in which objects are looked up that this one lacks. */
  readonly parent: string | undefined;
}

const modes: Readonly<Record<string, RepoMode>> = {
  bare: 'bare',
  'bare-user': 'bare-user',
  'bare-user-only': 'bare-user-only',
  archive: 'archive',
  'archive-z2': 'archive',
};
const units: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const defaultLockTimeout = 300;
const defaultFreePercent = 3;
const defaultZlibLevel = 6;

/** The settings of a parsed `config`; ConfigError naming the key for values that cannot be used. */
export function readSettings(config: KeyFile): RepoSettings {
  const version = config.get('core', 'repo_version');
  if (version !== '1') {
    throw new ConfigError('OSTREE_REPO_INVALID', `core.repo_version is '${version ?? ''}', only 1 is known`);
  }
  const seconds = config.getInteger('core', 'lock-timeout-secs', defaultLockTimeout);
  const level = config.getInteger('archive', 'zlib-level', defaultZlibLevel);
  if (level < 0 || level > 9) throw new ConfigError('CONFIG_INVALID', `[archive] zlib-level: ${level}`);
  return {
    mode: readMode(config.get('core', 'mode') ?? 'bare'),
    fsync: config.getBoolean('core', 'fsync', true),
    locking: config.getBoolean('core', 'locking', true),
    lockWait: seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000,
    minFree: readMinFree(config),
    zlibLevel: level,
    tombstones: config.getBoolean('core', 'tombstone-commits', false),
    parent: config.get('core', 'parent') || undefined,
  };
}

/** The mode as `config` spells it. */
export function modeText(mode: RepoMode): string {
  return mode === 'archive' ? 'archive-z2' : mode;
}

function readMode(text: string): RepoMode {
  const mode = modes[text];
  if (mode !== undefined) return mode;
  throw new RefusedError('OSTREE_MODE_UNSUPPORTED', `repositories of mode '${text}' are not supported`, {
    hint: 'use bare, bare-user, bare-user-only or archive',
  });
}

function readMinFree(config: KeyFile): RepoSettings['minFree'] {
  const size = config.get('core', 'min-free-space-size');
  if (size !== undefined) {
    const [, digits, unit] = /^(\d{1,9})([MGT])B$/u.exec(size.trim()) ?? [];
    if (digits === undefined || unit === undefined) {
      throw new ConfigError('CONFIG_INVALID', `core.min-free-space-size: '${size}' is not like 500MB`);
    }
    return { bytes: Number(digits) * (units[unit] ?? 0) };
  }
  const percent = config.getInteger('core', 'min-free-space-percent', defaultFreePercent);
  if (percent < 0 || percent > 99) {
    throw new ConfigError('CONFIG_INVALID', `core.min-free-space-percent: ${percent} is not within 0 and 99`);
  }
  return { percent };
}
