/** The system that is to be converted: the running one, or one in a folder that somebody mounted. */
import { join } from 'node:path/posix';
import { RefusedError, UsageError } from '../../base/index.ts';
import {
  defaultKargs,
  findStockBoot,
  findTarget,
  keptKargs,
  listTargets,
  locateStock,
  parseStockConfig,
  placeOfRoot,
  readExtFacts,
  type StockBoot,
  type SysrootPlace,
  stockConfigText,
  type Target,
  unsupported,
  withMountedStock,
} from '../../boot/index.ts';
import { exists, lstatIfExists, readFile, readTextIfExists, statIfExists } from '../../sys/index.ts';

/** What `convert` is told about the system. */
export interface SystemRequest {
  /** The root as a folder; absent: the running system. */
  readonly root?: string | undefined;
  /** The boot partition as a folder; with `root` only. */
  readonly boot?: string | undefined;
  /** The board family; absent: what /etc/openwrt_release says. */
  readonly target?: string | undefined;
}

/** A stock OpenWrt, its root and boot partition as folders. */
export interface StockSystem {
  readonly root: string;
  readonly boot: StockBoot;
  /** True for the one that runs this program. */
  readonly live: boolean;
  readonly target: Target;
  /** Where the loader finds the sysroot; undefined where it reads nothing but its own FAT partition. */
  readonly place: SysrootPlace | undefined;
  /** The kernel image on the boot partition. */
  readonly kernel: string;
  /** Undefined where the kernel does not run: then the only folder of lib/modules counts. */
  readonly kernelRelease: string | undefined;
  /** Of the deployment: those of the running system, and what the target needs besides. */
  readonly kargs: readonly string[];
  readonly filesystem: string | null;
  readonly notes: readonly string[];
}

/** Finds out what the system is and runs `body` on it. CONVERT_UNSUPPORTED with the reason where it cannot be converted. */
export async function withStockSystem<T>(
  request: SystemRequest,
  body: (system: StockSystem) => Promise<T>,
): Promise<T> {
  if (request.root !== undefined) return body(offlineSystem(request.root, request));
  if (request.boot !== undefined) throw new UsageError('USAGE', '--boot goes with --root');
  if (exists('/run/ostree-booted') || exists('/sysroot/ostree/repo')) {
    throw new RefusedError('SYSROOT_EXISTS', 'this system runs from a deployment already', {
      hint: "'opkg-ostree status' shows it",
    });
  }
  const stock = locateStock();
  return withMountedStock(stock, ({ root, boot, bootType }) => {
    const facts = readExtFacts(`/dev/${stock.rootDevice}`);
    const notes =
      facts?.hasJournal === false
        ? [
            `/dev/${stock.rootDevice} has no journal: after a power cut it may need e2fsck (tune2fs -j adds one)`,
          ]
        : [];
    const found = describe(root, findStockBoot(boot), request, stock.kargs);
    const onFat =
      bootType === 'vfat' && !(exists('/sys/firmware/efi') && loaderReadsExt(found.boot) === true);
    return body({
      ...(onFat
        ? onFatPartition(found)
        : { ...found, place: exactPlace(found.place, stock.partition, facts?.uuid) }),
      live: true,
      kernelRelease: stock.kernelRelease,
      filesystem: stock.filesystem,
      notes,
    });
  });
}

/** The partition that the kernel found, which `root=` need not spell. */
function exactPlace(
  place: SysrootPlace | undefined,
  partition: number,
  uuid: string | undefined,
): SysrootPlace | undefined {
  return place === undefined ? undefined : { ...place, partition, uuid };
}

function offlineSystem(root: string, request: SystemRequest): StockSystem {
  if (request.boot === undefined) {
    throw new UsageError('USAGE', '--root needs --boot, the folder that the boot partition is mounted on');
  }
  for (const path of [root, request.boot]) {
    if (statIfExists(path)?.isDirectory() !== true) throw new UsageError('USAGE', `${path} is no directory`);
  }
  const found = describe(root, findStockBoot(request.boot), request, undefined);
  return {
    ...(loaderReadsExt(found.boot) === false ? onFatPartition(found) : found),
    live: false,
    kernelRelease: undefined,
    filesystem: null,
    notes: [],
  };
}

type Described = Omit<StockSystem, 'live' | 'kernelRelease' | 'filesystem' | 'notes'>;

function describe(
  root: string,
  boot: StockBoot,
  request: SystemRequest,
  running: readonly string[] | undefined,
): Described {
  const target = targetOf(root, request.target);
  const entry = parseStockConfig(stockConfigText(boot), boot.config);
  const own = keptKargs(running ?? entry.kargs);
  const place = placeOfRoot(own) ?? placeOfRoot(entry.kargs);
  if (place === undefined || !own.some((word) => word.startsWith('root='))) {
    throw unsupported(
      'root= on the kernel command line is no PARTUUID: the boot loader could not find the partition',
      "OpenWrt's own images say root=PARTUUID=...",
    );
  }
  const keys = new Set(own.map((word) => word.split('=', 1)[0]));
  // The stock system says where its console is.
  const needed = defaultKargs(target).filter((word) => !word.startsWith('console='));
  const kargs = [...own, ...needed.filter((word) => !keys.has(word.split('=', 1)[0]))];
  const kernel = join(boot.path, entry.kernel);
  if (lstatIfExists(kernel)?.isFile() !== true) {
    throw unsupported(`the boot menu names ${entry.kernel}, which is not on the boot partition`, undefined);
  }
  return { root, boot, target, place, kernel, kargs };
}

/** The target that is named, or whose `boards` hold what the release file says. Only GRUB is handed over. */
function targetOf(root: string, named: string | undefined): Target {
  const board = /^DISTRIB_TARGET=['"]?([^'"\n]+)/mu.exec(
    readTextIfExists(join(root, 'etc/openwrt_release')) ?? '',
  )?.[1];
  const supported = listTargets()
    .filter(({ status }) => status === 'supported')
    .map(({ id }) => findTarget(id));
  const target =
    named === undefined ? supported.find(({ boards }) => boards.includes(board ?? '')) : findTarget(named);
  const convertible = supported.filter(({ loader }) => loader.id === 'grub').map(({ id }) => id);
  if (target?.loader.id === 'grub') return target;
  const what = target?.title ?? (board === undefined ? 'a system that names no target' : `target ${board}`);
  throw unsupported(
    `${what} cannot be converted in place`,
    `only ${convertible.join(', ')} can, and --target says so where the system does not; 'opkg-ostree image build' makes images`,
  );
}

const efiLoaders = [
  'EFI/BOOT/BOOTX64.EFI',
  'efi/boot/bootx64.efi',
  'EFI/BOOT/BOOTAA64.EFI',
  'efi/boot/bootaa64.efi',
];

/** What only GRUB's module ext2 says (grub-core/fs/ext2.c); the names of modules stand in other modules too. */
const ext2Text = 'not an ext2 filesystem';

/** Whether GRUB knows ext4: OpenWrt's for x86 EFI does not; its modules are in the image. Undefined where there is no EFI loader. */
function loaderReadsExt(boot: StockBoot): boolean | undefined {
  const path = efiLoaders.map((name) => join(boot.path, name)).find(exists);
  return path === undefined ? undefined : Buffer.from(readFile(path)).includes(ext2Text);
}

const targetOnFat = 'generic-grub-esp';
/** Where early boot and the tool tell the FAT partition from an empty folder. */
const configOnFat = 'boot/grub/grub.cfg';

/** The system with its kernels and menus on the FAT partition, the only one that its GRUB reads. */
function onFatPartition(found: Described): Described {
  if (found.boot.config !== configOnFat) {
    throw unsupported(
      `the boot loader on the EFI partition cannot read ext4 (its GRUB has no module ext2), and its menu is ${found.boot.config}`,
      "put a GRUB with the modules ext2 and part_gpt there, or install an image made by 'opkg-ostree image build'",
    );
  }
  return { ...found, target: findTarget(targetOnFat), place: undefined };
}
