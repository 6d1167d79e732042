import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './runner.ts';

/** A new folder below the system's one for temporary files. */
export function newFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `opkg-ostree-${name}-`));
}

/** Removes a folder of this kind, immutable deployments in it too. */
export async function removeFolder(path: string): Promise<void> {
  if (process.getuid?.() === 0) await runProgram('chattr', ['-R', '-f', '-i', path]);
  rmSync(path, { recursive: true, force: true });
}
