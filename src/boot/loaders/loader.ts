/**
 * What every boot loader has in common. A loader's configuration is rendered from the boot entries into
 * `boot/loader.<B>/`; a static stub, written once by `sysroot init`, leads the loader there through the link
 * `boot/loader`, whose rename is the commit point for all of them (docs/formats/boot.md).
 */
import { ParseError } from '../../base/index.ts';
import { type BootEntry, entryField } from '../bls.ts';

export type LoaderId = 'grub' | 'grub-esp' | 'extlinux' | 'uenv' | 'bootscr' | 'fw-env' | 'rpi' | 'none';

/** A boot entry with what a loader may add to it. */
export interface LoaderEntry {
  readonly entry: BootEntry;
  /** Lines that the deployment's own `usr/lib/ostree-boot/uEnv.txt` asks for; U-Boot's environment only. */
  readonly extraEnvironment?: string;
}

export interface LoaderOptions {
  /** Seconds that the menu waits. */
  readonly timeout: number;
  /** The serial line of the menu, where the target has one. */
  readonly serial?: { readonly unit: number; readonly speed: number };
  /** What the first entry is on trial for; a loader that can count starts it no more often than that. */
  readonly trial?: LoaderTrial;
  /** What the board's U-Boot needs to be told, where it runs our script. */
  readonly script?: BootScript;
}

/** What a script of U-Boot has to know of a board. */
export interface BootScript {
  /** The command that starts the board's kernels. */
  readonly command: 'booti' | 'bootz' | 'bootm';
  /** Variables that the board's U-Boot may lack, as `kernel_addr_r`. */
  readonly defaults: Readonly<Record<string, string>>;
  /** The device tree's name below `fdtdir`, where the board's U-Boot does not know it. */
  readonly devicetree?: string;
  /** Its environment can be stored by `saveenv`, so it counts the starts of a deployment on trial. */
  readonly counter: boolean;
  /** What `bootcmd` becomes, where nothing else leads U-Boot to the script. */
  readonly bootcmd?: string;
}

/** The first entry is on trial: after `tries` starts without a verdict the loader goes to the entry `back`. */
export interface LoaderTrial {
  /** The deployment, as the boot state names it. */
  readonly deployment: string;
  readonly tries: number;
  /** The place of the entry to go back to. */
  readonly back: number;
}

/** A file below `boot/loader.<B>/`. */
export interface LoaderFile {
  readonly name: string;
  readonly text: string;
}

/** A file or symlink below `boot/` that `sysroot init` makes. */
export type LoaderStub =
  | { readonly path: string; readonly kind: 'file'; readonly text: string }
  | { readonly path: string; readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly path: string; readonly kind: 'symlink'; readonly target: string };

/**
 * The part of a loader that reads nothing but FAT. What it reads is kept in `boot/firmware`, where that partition is mounted:
 * kernels in a folder for each boot checksum, and a copy of what was rendered into `boot/loader.<B>`.
 */
export interface FirmwareLoader {
  /** Of the rendered files, the one whose rename on the FAT file system switches, and its path there. */
  readonly commit: { readonly name: string; readonly path: string };
  /** The folder of the kernels' folders, '' or ending in a slash. */
  readonly kernels: string;
  /** A kernel's file, named as in /boot, in its folder on the FAT file system; undefined for one that is not needed. */
  kernelName(name: string): string | undefined;
}

export interface Loader {
  readonly id: LoaderId;
  /**
   * `sysroot.bootloader` of the repository's config: what the real `ostree admin` runs on a sysroot of this loader.
   * `none` keeps it from calling grub-mkconfig, which no router has; our own next run renders the configuration again.
   */
  readonly libostree: 'none' | 'uboot';
  /** The files for the entries, the default first. BOOT_ENTRY_INVALID for text that the loader cannot hold. */
  render(entries: readonly LoaderEntry[], options: LoaderOptions): readonly LoaderFile[];
  stubs(options: LoaderOptions): readonly LoaderStub[];
  /** Present where the loader cannot read the sysroot. */
  readonly firmware?: FirmwareLoader;
  /** The variables that U-Boot's stored environment must hold, where it has to be changed. */
  environment?(options: LoaderOptions): ReadonlyMap<string, string>;
}

/**
 * The entry's kernel files as seen from a loader. `/boot/...` is right on a sysroot with `/boot` in it, and on a boot
 * partition too through its link `boot -> .`.
 */
export interface KernelPaths {
  readonly linux: string;
  readonly initrds: readonly string[];
  readonly devicetree: string | undefined;
  readonly fdtdir: string | undefined;
}

/** The kernel files of an entry, paths checked; BOOT_ENTRY_INVALID for an entry without a kernel. */
export function kernelPaths(entry: BootEntry): KernelPaths {
  const linux = entryField(entry, 'linux');
  if (linux === undefined) throw new ParseError('BOOT_ENTRY_INVALID', 'a boot entry names no kernel');
  const optional = (key: string) => {
    const value = entryField(entry, key);
    return value === undefined ? undefined : bootPath(value);
  };
  return {
    linux: bootPath(linux),
    initrds: entry.fields.filter(([key]) => key === 'initrd').map(([, value]) => bootPath(value)),
    devicetree: optional('devicetree'),
    fdtdir: optional('fdtdir'),
  };
}

/** A menu title: one line, control bytes out. */
export function menuTitle(entry: BootEntry): string {
  return (entryField(entry, 'title') ?? 'OpenWrt').replace(/[\u0000-\u001f\u007f]/gu, ' ').trim();
}

/** Throws BOOT_ENTRY_INVALID where the text holds one of the characters that the loader would interpret. */
export function refuseCharacters(text: string, pattern: RegExp, loader: string): string {
  const found = pattern.exec(text);
  if (found === null) return text;
  throw new ParseError('BOOT_ENTRY_INVALID', `${loader} cannot hold '${found[0]}' in '${text}'`, {
    hint: "take it out with 'opkg-ostree kargs --delete'",
  });
}

function bootPath(path: string): string {
  if (!/^\/[A-Za-z0-9._+~:@/-]+$/u.test(path) || path.split('/').includes('..')) {
    throw new ParseError('BOOT_ENTRY_INVALID', `not a path that a boot loader can read: '${path}'`);
  }
  return path.startsWith('/boot/') ? path : `/boot${path}`;
}
