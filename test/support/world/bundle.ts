import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, repoRoot } from './repo-root.ts';

/** The executable that the build makes. */
export const bundlePath: string = process.env['OPKG_OSTREE_BUNDLE'] ?? join(repoRoot, 'dist/opkg-ostree.mjs');

/**
 * Builds the executable if it is missing or older than a source; one process builds, the others wait. OPKG_OSTREE_BUNDLE names
 * one that is built already.
 */
export function ensureBundle(): string {
  if (process.env['OPKG_OSTREE_BUNDLE'] === undefined && !isFresh()) {
    mkdirSync(cacheFolder, { recursive: true });
    const lock = join(cacheFolder, 'build.lock');
    execFileSync('flock', [lock, process.execPath, 'tools/build.mjs'], {
      cwd: repoRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
  return bundlePath;
}

function isFresh(): boolean {
  if (!existsSync(bundlePath)) return false;
  const built = statSync(bundlePath).mtimeMs;
  const sources = ['src', 'files', 'targets', 'package.json', 'tools/build.mjs'];
  return sources.every((source) => newest(join(repoRoot, source)) < built);
}

function newest(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
