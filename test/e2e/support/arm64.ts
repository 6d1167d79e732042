/** Debian's kernel and static busybox for arm64, unpacked into .cache and never installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../../.cache/arm64', import.meta.url));

/** The paths of both; else why they are not to be had. */
export function findArm64():
  | { readonly kernel: string; readonly busybox: string }
  | { readonly missing: string } {
  return (
    cached() ?? download() ?? { missing: 'no linux-image-cloud-arm64 and busybox-static:arm64 from apt-get' }
  );
}

function cached(): { kernel: string; busybox: string } | undefined {
  const boot = join(cache, 'k/boot');
  const name = existsSync(boot) ? readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-')) : undefined;
  const busybox = join(cache, 'k/bin/busybox');
  return name === undefined || !existsSync(busybox) ? undefined : { kernel: join(boot, name), busybox };
}

function download(): { kernel: string; busybox: string } | undefined {
  // Lists of their own: the machine's stay those of its own architecture.
  mkdirSync(join(cache, 'lists/partial'), { recursive: true });
  const lists = [
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    `Dir::State::lists=${join(cache, 'lists')}`,
  ];
  const options = lists.flatMap((option) => ['-o', option]);
  const limits = { cwd: cache, encoding: 'utf8', timeout: 180_000 } as const;
  if (spawnSync('apt-get', [...options, 'update'], limits).status !== 0) return undefined;
  const depends =
    spawnSync('apt-cache', [...options, 'depends', 'linux-image-cloud-arm64'], limits).stdout ?? '';
  const name = /Depends: (linux-image-\S+)/u.exec(depends)?.[1];
  if (name === undefined) return undefined;
  if (spawnSync('apt-get', [...options, 'download', name, 'busybox-static'], limits).status !== 0)
    return undefined;
  for (const file of readdirSync(cache).filter((entry) => entry.endsWith('.deb'))) {
    if (spawnSync('dpkg-deb', ['-x', file, 'k'], limits).status !== 0) return undefined;
  }
  return cached();
}
