/**
 * Who starts next: the stock system or the converted one. The boot partition's configuration is replaced first and changes
 * nothing; the file `boot/grub/converted.cfg` of the sysroot is the commit point, and removing it the way back, which
 * early boot takes by itself (docs/formats/convert.md).
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
  tempNameFor,
  unlinkDurable,
  unlinkIfExists,
  writeAll,
  writeFileDurable,
} from '../../sys/index.ts';
import { flushFileSystems } from '../flush.ts';
import {
  convertedMenu,
  isStub,
  renderConvertedMenu,
  renderFinalStub,
  renderStub,
  type StockBoot,
  type SysrootPlace,
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

/** Makes the converted system what starts next. Repeating it changes nothing. */
export function handOver(
  sysroot: string,
  boot: StockBoot,
  place: SysrootPlace,
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
  const path = join(sysroot, 'boot', convertedMenu);
  if (!exists(path)) return false;
  unlinkDurable(path);
  flushFileSystems([join(sysroot, 'boot')]);
  return true;
}

/** True while the converted system is what starts next. */
export function isHandedOver(sysroot: string): boolean {
  return exists(join(sysroot, 'boot', convertedMenu));
}

/** Takes the stock system out of the menus. The sysroot's comes first: from then on nothing leads to the old one. */
export function closeStock(
  sysroot: string,
  boot: StockBoot | undefined,
  place: SysrootPlace | undefined,
): void {
  writeMenu(sysroot, undefined);
  if (boot === undefined || place === undefined) return;
  const original = readConfig(join(boot.path, boot.config));
  if (!isStub(original)) return;
  const text = stockConfigText(boot);
  replaceOnBoot(join(boot.path, boot.config), renderFinalStub(text, place));
  flushFileSystems([boot.path]);
}

function writeMenu(sysroot: string, stockConfig: string | undefined): void {
  const path = join(sysroot, 'boot', convertedMenu);
  mkdirDurable(dirname(path));
  writeFileDurable(path, renderConvertedMenu(stockConfig));
  flushFileSystems([join(sysroot, 'boot')]);
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
