/**
 * Who starts next: the stock system or the converted one. The boot partition's configuration is replaced first and changes
 * nothing; the file `boot/grub/converted.cfg` of the sysroot is the commit point, or `ostree/converted.cfg` of a FAT partition that
 * GRUB reads nothing but; removing it is the way back, which early boot takes by itself (docs/formats/convert.md).
 */
import { dirname, join } from 'node:path/posix';
import { ParseError } from '../../base/index.ts';
import {
  close,
  exists,
  fsync,
  fsyncDirectory,
  lstatIfExists,
  mkdirDurable,
  open,
  readTextIfExists,
  rename,
  statIfExists,
  tempNameFor,
  unlinkDurable,
  unlinkIfExists,
  writeAll,
} from '../../sys/index.ts';
import { firmwareFolderPath, requireFirmwareMount } from '../firmware-mount.ts';
import { flushFileSystems } from '../flush.ts';
import {
  convertedMenu,
  convertedMenuOnFat,
  isStub,
  type MenuPlace,
  parseStockConfig,
  renderConvertedMenu,
  renderStub,
  type StockBoot,
  type SysrootPlace,
  withoutStock,
} from './grub-config.ts';

const maxConfigBytes = 256 * 1024;

/** The steps of handing over, for tests of crashes; each is followed by a flush. */
export type HandoverStep = 'copy' | 'stub' | 'menu';

/** What the stock configuration says, also after the conversion. SYSROOT_INVALID where it cannot be told any more. */
export function stockConfigText({ path, config }: StockBoot): string {
  const text = readConfig(join(path, config));
  if (!isStub(text)) return text;
  const saved = join(path, savedConfig(config));
  if (!exists(saved)) {
    throw new ParseError('SYSROOT_INVALID', `${saved} is gone: the old boot menu is not known any more`);
  }
  return readConfig(saved);
}

/**
 * Makes the converted system what starts next. Repeating it changes nothing. Without a place GRUB reads the boot partition only, and
 * that is mounted in the sysroot too.
 */
export function handOver(
  sysroot: string,
  boot: StockBoot,
  place: SysrootPlace | undefined,
  onStep: (step: HandoverStep) => void = () => undefined,
): void {
  const original = stockConfigText(boot);
  const saved = savedConfig(boot.config);
  onStep('copy');
  replaceOnBoot(join(boot.path, saved), original);
  flushFileSystems([boot.path]);
  onStep('stub');
  replaceOnBoot(join(boot.path, boot.config), renderStub(original, place));
  flushFileSystems([boot.path, join(sysroot, 'boot')]);
  onStep('menu');
  writeMenu(sysroot, `/${saved}`);
}

/** Makes the stock system what starts next; false where it was so already. */
export function handBack(sysroot: string): boolean {
  const { path, folder } = menuOf(sysroot);
  if (!exists(path)) return false;
  unlinkDurable(path);
  flushFileSystems([folder]);
  return true;
}

/** True while the converted system is what starts next. */
export function isHandedOver(sysroot: string): boolean {
  return exists(menuOf(sysroot).path);
}

/** Takes the stock system out of the menu: from then on nothing leads to it. */
export function closeStock(sysroot: string): void {
  writeMenu(sysroot, undefined);
}

/**
 * Takes what is left of the stock system from its boot partition: the menu's text, its copy, and the kernel. For a partition whose
 * stub leads to a menu that `closeStock` wrote; false for another one.
 */
export function clearStockBoot(boot: StockBoot): boolean {
  const config = join(boot.path, boot.config);
  const stub = readConfig(config);
  const saved = join(boot.path, savedConfig(boot.config));
  if (!isStub(stub) || !exists(saved)) return false;
  const { kernel } = parseStockConfig(stockConfigText(boot), boot.config);
  replaceOnBoot(config, withoutStock(stub));
  flushFileSystems([boot.path]);
  unlinkIfExists(join(boot.path, kernel));
  unlinkIfExists(saved);
  flushFileSystems([boot.path]);
  return true;
}

function writeMenu(sysroot: string, stockConfig: string | undefined): void {
  const { path, folder, place } = menuOf(sysroot);
  mkdirDurable(dirname(path));
  replaceOnBoot(path, renderConvertedMenu(stockConfig, place));
  flushFileSystems([folder]);
}

/** Where the converted system's menu is: on the FAT partition if the sysroot has a folder for that. */
function menuOf(sysroot: string): {
  readonly path: string;
  readonly folder: string;
  readonly place: MenuPlace;
} {
  if (statIfExists(join(sysroot, firmwareFolderPath))?.isDirectory() === true) {
    const folder = requireFirmwareMount(sysroot, { commit: { name: 'grub.cfg', path: 'ostree/grub.cfg' } });
    return { path: join(folder, convertedMenuOnFat), folder, place: 'boot partition' };
  }
  const folder = join(sysroot, 'boot');
  return { path: join(folder, convertedMenu), folder, place: 'sysroot' };
}

function savedConfig(config: string): string {
  return join(dirname(config), 'stock.cfg');
}

function readConfig(path: string): string {
  const stats = lstatIfExists(path);
  if (stats?.isFile() !== true || stats.size > maxConfigBytes) {
    throw new ParseError('SYSROOT_INVALID', `${path} is not a loader's configuration`);
  }
  return readTextIfExists(path) ?? '';
}

/** Write beside, flush, rename: as `writeFileDurable`, but FAT has neither owners nor modes. */
function replaceOnBoot(path: string, text: string): void {
  if (readTextIfExists(path) === text) return;
  const temp = tempNameFor(path);
  try {
    const fd = open(temp, 'wx');
    try {
      writeAll(fd, Buffer.from(text));
      fsync(fd);
    } finally {
      close(fd);
    }
    rename(temp, path);
  } catch (error) {
    unlinkIfExists(temp);
    throw error;
  }
  fsyncDirectory(dirname(path));
}
