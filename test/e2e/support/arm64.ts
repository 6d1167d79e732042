/** Debian's kernel, static busybox and GRUB modules for arm64, unpacked into .cache and never installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// The tools that fetch it beforehand are bundled elsewhere, so not beside this file.
const cache = join(process.cwd(), '.cache/arm64');

interface Parts {
  readonly kernel: string;
  readonly busybox: string;
  /** The folder of GRUB's folders of modules. */
  readonly grub: string;
}

/** The paths of all; else why they are not to be had. */
export function findArm64(): Parts | { readonly missing: string } {
  return (
    cached() ??
    download() ?? {
      missing: 'no linux-image-cloud-arm64, busybox-static:arm64 and grub-efi-arm64-bin from apt-get',
    }
  );
}

function cached(): Parts | undefined {
  const boot = join(cache, 'k/boot');
  const name = existsSync(boot) ? readdirSync(boot).find((entry) => entry.startsWith('vmlinuz-')) : undefined;
  const busybox = join(cache, 'k/bin/busybox');
  const grub = join(cache, 'k/usr/lib/grub');
  if (name === undefined || !existsSync(busybox) || !existsSync(join(grub, 'arm64-efi'))) return undefined;
  return { kernel: join(boot, name), busybox, grub };
}

function download(): Parts | undefined {
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
  if (
    spawnSync('apt-get', [...options, 'download', name, 'busybox-static', 'grub-efi-arm64-bin'], limits)
      .status !== 0
  )
    return undefined;
  for (const file of readdirSync(cache).filter((entry) => entry.endsWith('.deb'))) {
    if (spawnSync('dpkg-deb', ['-x', file, 'k'], limits).status !== 0) return undefined;
  }
  return cached();
}
