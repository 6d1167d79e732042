/**
 * Debian's cloud kernel, unpacked into .cache: it has NVMe and ext4 built in, so a root is mounted without modules and without an
 * initramfs, as stock OpenWrt kernels do it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// The tools that fetch it beforehand are bundled elsewhere, so not beside this file.
const cache = join(process.cwd(), '.cache/kernel');

/** The kernel's path, downloaded with apt-get if need be (`E2E_KERNEL` names another one); else why there is none. */
export function findKernel(): { readonly path: string } | { readonly missing: string } {
  const given = process.env['E2E_KERNEL'];
  if (given !== undefined)
    return existsSync(given) ? { path: given } : { missing: `E2E_KERNEL=${given} does not exist` };
  if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0)
    return { missing: 'qemu-system-x86_64 is not installed' };
  return cached() ?? download() ?? { missing: 'no linux-image-cloud-amd64 from apt-get' };
}

/** A module of the kernel by its path below `kernel/`. */
export function kernelModule(path: string): string {
  const modules = join(cache, 'k/lib/modules');
  const release = existsSync(modules) ? readdirSync(modules)[0] : undefined;
  return join(modules, release ?? '', 'kernel', path);
}

function cached(): { path: string } | undefined {
  const boot = join(cache, 'k/boot');
  const name = existsSync(boot) ? readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-')) : undefined;
  return name === undefined ? undefined : { path: join(boot, name) };
}

function download(): { path: string } | undefined {
  const depends =
    spawnSync('apt-cache', ['depends', 'linux-image-cloud-amd64'], { encoding: 'utf8' }).stdout ?? '';
  const name = /Depends: (linux-image-\S+)/u.exec(depends)?.[1];
  if (name === undefined) return undefined;
  mkdirSync(cache, { recursive: true });
  if (spawnSync('apt-get', ['download', name], { cwd: cache, timeout: 120_000 }).status !== 0)
    return undefined;
  const file = readdirSync(cache).find((entry) => entry.endsWith('.deb'));
  if (file === undefined || spawnSync('dpkg-deb', ['-x', file, 'k'], { cwd: cache }).status !== 0)
    return undefined;
  return cached();
}
