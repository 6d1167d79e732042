/**
 * Disks like those of OpenWrt's own EFI images: a GPT, a FAT partition with GRUB, its menu and the kernel, and an ext4 root. GRUB has
 * the modules of OpenWrt's (package/boot/grub2/Makefile).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './disk.ts';
import { kernelModule } from './kernel.ts';

const mib = 2 ** 20;
/** OpenWrt's x86 images have 16, and a kernel of a third of Debian's size. */
const bootMib = 64;
// OpenWrt gives a partition the disk's GUID with its number as the last byte.
const diskId = '5452574f-2211-4433-5566-7788a1b2c300';
const partitionId = (number: number) => diskId.replace(/00$/u, `0${number}`);

interface EfiKind {
  readonly format: string;
  readonly file: string;
  readonly config: string;
  readonly kernel: string;
  readonly console: string;
  readonly modules: string;
}

/** By the name of GRUB's platform. */
export const efiKinds = {
  'x86_64-efi': {
    format: 'x86_64-efi',
    file: 'efi/boot/bootx64.efi',
    config: 'boot/grub/grub.cfg',
    kernel: 'boot/vmlinuz',
    console: 'console=ttyS0 tsc=unstable',
    modules: 'at_keyboard boot chain configfile fat linux ls part_gpt reboot serial test efi_gop efi_uga',
  },
  'arm64-efi': {
    format: 'arm64-efi',
    file: 'efi/boot/bootaa64.efi',
    config: 'efi/openwrt/grub.cfg',
    kernel: 'efi/openwrt/Image',
    console: 'console=ttyAMA0',
    modules:
      'boot chain configfile fat linux ls part_gpt part_msdos reboot search search_fs_uuid search_label serial efi_gop lsefi minicmd ext2',
  },
} as const satisfies Readonly<Record<string, EfiKind>>;

/** What such a router needs to mount its boot partition; in OpenWrt's kernels it is built in. */
export const fatModules: readonly string[] = [
  'fs/fat/fat.ko',
  'fs/fat/vfat.ko',
  'fs/nls/nls_cp437.ko',
  'fs/nls/nls_ascii.ko',
].map(kernelModule);

/** Why such a disk cannot be made here; undefined where it can. `modules` is the folder of GRUB's folders of modules. */
export function efiObstacle(kind: keyof typeof efiKinds, modules = '/usr/lib/grub'): string | undefined {
  for (const tool of ['grub-mkimage', 'sfdisk', 'mke2fs', 'mkfs.vfat', 'mcopy'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  return existsSync(join(modules, kind)) ? undefined : `GRUB's modules for ${kind} are not there`;
}

function menu({ kernel, console }: EfiKind): string {
  const words = `root=PARTUUID=${partitionId(2)} rootwait ${console} panic=1`;
  return `set default="0"
set timeout="1"

menuentry "OpenWrt" {
	linux /${kernel} ${words} noinitrd
}
menuentry "OpenWrt (failsafe)" {
	linux /${kernel} failsafe=true ${words} noinitrd
}
`;
}

/** Makes the disk around a root: `megabytes` is the size of the root partition. */
export function makeEfiStockDisk(
  kind: keyof typeof efiKinds,
  {
    folder,
    root,
    kernel,
    megabytes,
    grub = '/usr/lib/grub',
  }: {
    readonly folder: string;
    readonly root: string;
    readonly kernel: string;
    readonly megabytes: number;
    readonly grub?: string;
  },
): string {
  const facts = efiKinds[kind];
  const disk = join(folder, 'stock.img');
  rmSync(disk, { force: true });
  writeFileSync(disk, '');
  truncateSync(disk, (3 + bootMib + megabytes) * mib);
  const sectors = (size: number) => size * 2048;
  const table = `label: gpt
label-id: ${diskId}
start=${sectors(1)}, size=${sectors(bootMib)}, type=U, uuid=${partitionId(1)}
start=${sectors(1 + bootMib)}, size=${sectors(megabytes)}, type=L, uuid=${partitionId(2)}
`;
  const parted = spawnSync('sfdisk', ['-q', disk], { input: table, encoding: 'utf8' });
  if (parted.status !== 0) throw new Error(`sfdisk: ${parted.stderr}`);
  const put = (part: string, at: number) => {
    run('dd', [`if=${part}`, `of=${disk}`, 'bs=1M', `seek=${at}`, 'conv=notrunc,sparse', 'status=none']);
    rmSync(part);
  };
  const fat = join(folder, 'kernel.fat');
  run('mkfs.vfat', ['-n', 'kernel', '-C', fat, String(bootMib * 1024)]);
  for (const name of ['efi', 'efi/boot', 'efi/openwrt', 'boot', 'boot/grub'])
    run('mmd', ['-i', fat, `::${name}`]);
  const core = join(folder, 'core.efi');
  const modules = facts.modules.split(' ');
  const prefix = `/${facts.config.replace(/\/grub\.cfg$/u, '')}`;
  run('grub-mkimage', ['-d', join(grub, kind), '-O', facts.format, '-p', prefix, '-o', core, ...modules]);
  const config = join(folder, 'grub.cfg');
  writeFileSync(config, menu(facts));
  for (const [from, to] of [
    [core, facts.file],
    [config, facts.config],
    [kernel, facts.kernel],
  ])
    run('mcopy', ['-i', fat, from ?? '', `::${to}`]);
  put(fat, 1);
  const ext = join(folder, 'root.ext4');
  const features = ['-O', '^metadata_csum_seed,^orphan_file', '-L', 'rootfs'];
  run('mke2fs', ['-q', '-t', 'ext4', ...features, '-d', root, ext, `${megabytes}M`]);
  put(ext, 1 + bootMib);
  return disk;
}
