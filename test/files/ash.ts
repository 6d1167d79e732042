/** Runs the router's scripts with BusyBox ash, their functions sourced and a sysroot of the test's own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `files/` of the product. */
export const productDir = fileURLToPath(new URL('../../files', import.meta.url));
export const libraryDir = `${productDir}/usr/lib/opkg-ostree`;

/** BusyBox, whose shell and applets a router has; undefined where it is not installed. */
export const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without the syncs, which take seconds on a busy disk and prove nothing here. */
const quickBusybox = `bb() { case "$1" in sync | fsync) ;; *) ${busybox} "$@" ;; esac; }\n`;

/** Runs a script with the libraries of `opkg-ostree` read. */
export function ash(sysroot: string, script: string, env: Readonly<Record<string, string>> = {}): Outcome {
  const prelude = `SYSROOT='${sysroot}' BB=bb LIB='${libraryDir}' JSON=\ndie() { echo "$3" >&2; exit "$1"; }\n${quickBusybox}`;
  const libraries = ['boot', 'loaders', 'switch', 'report', 'checks', 'health'].map(
    (name) => `. '${libraryDir}/${name}.sh'\n`,
  );
  return runAsh(['-c', prelude + libraries.join('') + script], env);
}

/** Runs a script of the product by its path below files/. */
export function script(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Outcome {
  return runAsh([`${productDir}/${path}`, ...args], env);
}

function runAsh(args: readonly string[], env: Readonly<Record<string, string>>): Outcome {
  // A session of its own, so that a test can end the whole of it.
  const result = spawnSync('/usr/bin/setsid', ['-w', busybox ?? '', 'ash', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', OPKG_OSTREE_LIB: libraryDir, ...env },
    timeout: 20_000,
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
