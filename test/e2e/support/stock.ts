/**
 * A machine with a disk like those of OpenWrt's own x86 images: an MBR, a small ext4 partition with GRUB's menu and the kernel,
 * and an ext4 root. GRUB has the modules of OpenWrt's, the root is Debian's busybox with Node on it.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { patchBootImage, patchCoreImage } from '../../../src/image/grub-bios.ts';
import { repoRoot } from '../../support/world/repo-root.ts';
import { run } from './disk.ts';
import { installBundle, installProgram, staticBusybox } from './fixture-root.ts';

const diskId = 'a1b2c3d4';
const mib = 2 ** 20;
/** OpenWrt's have 16, and a kernel of a third of Debian's size. */
const bootMib = 32;
/** OpenWrt package/boot/grub2: the modules of the image for PCs. */
const modules =
  'at_keyboard biosdisk boot chain configfile ext2 linux ls part_msdos reboot search serial test vga'.split(
    ' ',
  );

/** Why such a machine cannot be made here; undefined where it can. */
export function stockObstacle(): string | undefined {
  if (staticBusybox() === undefined) return 'busybox-static is not installed';
  for (const tool of ['grub-mkimage', 'sfdisk', 'mke2fs', 'ldd'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  return spawnSync('test', ['-e', '/usr/lib/grub/i386-pc/boot.img']).status === 0
    ? undefined
    : 'grub-pc-bin is not installed';
}

/** The menu of OpenWrt's BIOS images (target/linux/x86/image/grub-pc.cfg), with this disk's root and serial line. */
export const stockMenu = `serial --unit=0 --speed=115200 --word=8 --parity=no --stop=1 --rtscts=off
terminal_input console serial; terminal_output console serial

set default="0"
set timeout="1"
set root='(hd0,msdos1)'

menuentry "OpenWrt" {
	linux /boot/vmlinuz root=PARTUUID=${diskId}-02 rootwait console=ttyS0 panic=1 tsc=unstable noinitrd
}
menuentry "OpenWrt (failsafe)" {
	linux /boot/vmlinuz failsafe=true root=PARTUUID=${diskId}-02 rootwait console=ttyS0 panic=1 noinitrd
}
`;

export interface StockOptions {
  /** The kernel's image, `vmlinuz-<release>`. */
  readonly kernel: string;
  /** For a machine of another kind: its static busybox and what its release file says. Node and the tool stay out. */
  readonly other?: { readonly busybox: string; readonly target: string };
  /** Kernel modules. */
  readonly modules?: readonly string[];
}

/** Writes the root of a stock system. */
export function writeStockRoot(dir: string, { kernel, other, modules: extra = [] }: StockOptions): void {
  const busybox = other?.busybox ?? staticBusybox() ?? '';
  const release = `lib/modules/${basename(kernel).replace(/^vmlinuz-/u, '')}`;
  for (const name of 'bin sbin lib lib/preinit etc/config etc/init.d etc/opkg-ostree/checks.d/required usr/bin usr/lib/opkg/info usr/lib/opkg-ostree root opt boot dev proc sys tmp mnt overlay rom'.split(
    ' ',
  ))
    mkdirSync(join(dir, name), { recursive: true });
  symlinkSync('tmp', join(dir, 'var'));
  symlinkSync('lib', join(dir, 'lib64'));
  cpSync(busybox, join(dir, 'bin/busybox'));
  // Those of this machine's busybox, which can be run here.
  for (const applet of spawnSync(staticBusybox() ?? '', ['--list'], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')) {
    if (!['busybox', 'init', 'reboot'].includes(applet)) symlinkSync('busybox', join(dir, 'bin', applet));
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
    if (text.startsWith('#!')) chmodSync(join(dir, path), 0o755);
  }
  cpSync(join(repoRoot, 'test/e2e/fixture/stock-init.sh'), join(dir, 'sbin/init'));
  chmodSync(join(dir, 'sbin/init'), 0o755);
  mkdirSync(join(dir, release), { recursive: true });
  writeFileSync(join(dir, release, 'fixture.ko'), 'a module\n');
  for (const path of extra) cpSync(path, join(dir, release, basename(path)));
  if (other !== undefined) {
    writeFileSync(
      join(dir, 'etc/openwrt_release'),
      `DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='24.10.1'\nDISTRIB_TARGET='${other.target}'\n`,
    );
    return;
  }
  const bin = join(dir, 'usr/bin');
  const lib = join(dir, 'lib');
  installProgram(process.execPath, bin, lib);
  // OpenWrt's busybox has it as an applet, Debian's has not.
  installProgram('/usr/bin/flock', bin, lib);
  installBundle(join(dir, 'usr/lib/opkg-ostree'));
}

const checksum = '2d5d1e4b0ef3bc3e1b0e0bb0e3a4b1c0f3ea76f9bb0d5b7b5f4f1f5c5d0a9f10';
const files: Readonly<Record<string, string>> = {
  'sbin/reboot': '#!/bin/sh\nsync\nexec busybox reboot -f\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/shadow': 'root:$1$mine$secret:19000:0:99999:7:::\n',
  'etc/hosts': '127.0.0.1 localhost\n',
  'etc/openwrt_release': "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='24.10.1'\nDISTRIB_TARGET='x86/64'\n",
  'etc/config/network': "config interface 'lan'\n\toption ipaddr '192.168.7.1'\n",
  'etc/config/system': "config system\n\toption hostname 'mine'\n",
  'root/notes': 'mine\n',
  // Required, so that it decides: what the test writes makes it fail.
  'etc/opkg-ostree/checks.d/required/whole': '#!/bin/sh\n[ ! -e /etc/broken ]\n',
  'usr/bin/hello': '#!/bin/sh\necho hello from an added package\n',
  'lib/preinit/80_mount_root': '# base-files\n',
  'lib/preinit/79_move_config': '# mounts over /boot\n',
  'usr/lib/os-release': 'ID="openwrt"\nPRETTY_NAME="OpenWrt 24.10.1"\nVERSION_ID="24.10.1"\n',
  'usr/lib/opkg/info/base-files.list':
    '/etc/passwd\n/etc/shadow\n/etc/hosts\n/etc/openwrt_release\n/etc/config/system\n',
  'usr/lib/opkg/info/hello.list': '/usr/bin/hello\n',
  'usr/lib/opkg/lists/openwrt_packages':
    'Package: hello\nVersion: 1\nArchitecture: all\nFilename: hello_1_all.ipk\nSize: 1\n',
  'usr/lib/opkg/status': `Package: base-files
Version: 1
Status: install user installed
Architecture: x86_64
Conffiles:
 /etc/hosts ${checksum}
Installed-Time: 1700000000

Package: hello
Version: 1
Status: install user installed
Architecture: all
Installed-Time: 1710000000

`,
};

/** Makes the disk around a root: `megabytes` is the size of the root partition. */
export function makeStockDisk(folder: string, root: string, kernel: string, megabytes: number): string {
  const disk = join(folder, 'stock.img');
  const boot = join(folder, 'boot');
  rmSync(disk, { force: true });
  mkdirSync(join(boot, 'boot/grub'), { recursive: true });
  writeFileSync(join(boot, 'boot/grub/grub.cfg'), stockMenu);
  cpSync(kernel, join(boot, 'boot/vmlinuz'));
  writeFileSync(disk, '');
  truncateSync(disk, (1 + bootMib + megabytes) * mib);
  const sectors = (size: number) => size * 2048;
  const table = `label: dos\nlabel-id: 0x${diskId}\nstart=${sectors(1)}, size=${sectors(bootMib)}, type=83, bootable\nstart=${sectors(1 + bootMib)}, size=${sectors(megabytes)}, type=83\n`;
  const parted = spawnSync('sfdisk', ['-q', disk], { input: table, encoding: 'utf8' });
  if (parted.status !== 0) throw new Error(`sfdisk: ${parted.stderr}`);
  const put = (tree: string, label: string, at: number, size: number) => {
    const part = join(folder, `${label}.ext4`);
    run('mke2fs', [
      '-q',
      '-t',
      'ext4',
      '-O',
      '^metadata_csum_seed,^orphan_file',
      '-L',
      label,
      '-d',
      tree,
      part,
      `${size}M`,
    ]);
    run('dd', [`if=${part}`, `of=${disk}`, 'bs=1M', `seek=${at}`, 'conv=notrunc,sparse', 'status=none']);
    rmSync(part);
  };
  put(boot, 'kernel', 1, bootMib);
  put(root, 'rootfs', 1 + bootMib, megabytes);
  const core = join(folder, 'core.img');
  run('grub-mkimage', ['-O', 'i386-pc', '-p', '(hd0,msdos1)/boot/grub', '-o', core, ...modules]);
  const write = (bytes: Uint8Array, name: string, seek: number) => {
    writeFileSync(join(folder, name), bytes);
    run('dd', [
      `if=${join(folder, name)}`,
      `of=${disk}`,
      'bs=1',
      `seek=${seek}`,
      'conv=notrunc',
      'status=none',
    ]);
  };
  write(patchBootImage(readFileSync('/usr/lib/grub/i386-pc/boot.img'), 1), 'mbr', 0);
  write(patchCoreImage(readFileSync(core), 1), 'core', 512);
  return disk;
}
