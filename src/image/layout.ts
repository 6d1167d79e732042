/**
 * Where everything lies on a disk image: GPT (UEFI 2.10, chapter 5) or a DOS table, partitions aligned to 1 MiB unless a loader
 * expects them elsewhere. Identifiers follow from a
 * seed, so that the same content gives the same disk.
 */
import { hexOf, sha256, UsageError } from '../base/index.ts';

/** What a partition is for; `sysroot` takes what is left. */
export interface PartitionWish {
  readonly use: 'bios-boot' | 'esp' | 'firmware' | 'raw' | 'environment' | 'sysroot';
  /** In the partition table; the use where absent. */
  readonly name?: string;
  readonly kib: number;
  /** Where a loader expects it, in KiB; else it follows the one before. */
  readonly startKib?: number;
}

export interface PlannedPartition {
  readonly use: PartitionWish['use'];
  readonly name: string;
  readonly number: number;
  /** In bytes. */
  readonly start: number;
  readonly size: number;
  /** What PARTUUID= names it by, lower case. */
  readonly uuid: string;
}

export interface DiskPlan {
  readonly label: 'gpt' | 'dos';
  readonly bytes: number;
  /** Of a GPT its GUID, else the eight digits of the disk's signature. */
  readonly uuid: string;
  readonly partitions: readonly PlannedPartition[];
  readonly sysroot: PlannedPartition;
  /** Of the sysroot's file system. */
  readonly filesystemUuid: string;
}

export const sectorBytes = 512;
export const mib = 1024 * 1024;

/** The smallest sysroot: two deployments of a small router with their repository. */
const leastSysrootMib = 64;

const linuxType = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
const partitionTypes: Readonly<Record<'gpt' | 'dos', Readonly<Record<PartitionWish['use'], string>>>> = {
  gpt: {
    'bios-boot': '21686148-6449-6E6F-744E-656564454649',
    esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
    firmware: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
    raw: linuxType,
    environment: linuxType,
    sysroot: linuxType,
  },
  dos: { 'bios-boot': 'da', esp: 'ef', firmware: 'c', raw: 'da', environment: 'da', sysroot: '83' },
};

/** The plan for a disk of that size; UsageError where the sysroot would be too small. */
export function planDisk(request: {
  readonly bytes: number;
  readonly label: 'gpt' | 'dos';
  /** MiB, of the first partition that has no place of its own. */
  readonly first: number;
  readonly partitions: readonly PartitionWish[];
  readonly seed: string;
}): DiskPlan {
  const { label, first, partitions, seed } = request;
  const total = Math.floor(request.bytes / mib);
  const following = partitions.filter(({ startKib }) => startKib === undefined);
  const fixed = Math.ceil(following.reduce((sum, { kib }) => sum + kib, 0) / 1024);
  // The last MiB holds the second table of a GPT.
  const left = total - first - fixed - 1;
  if (left < leastSysrootMib) {
    throw new UsageError('USAGE', `a disk of ${total} MiB leaves ${Math.max(0, left)} MiB for the sysroot`, {
      hint: `--size ${first + fixed + 1 + leastSysrootMib}M is the least`,
    });
  }
  const uuid = label === 'gpt' ? uuidOf(`${seed} disk`) : signatureOf(`${seed} disk`);
  let at = first * mib;
  const planned = partitions.map(({ use, name, kib, startKib }, index): PlannedPartition => {
    const number = index + 1;
    const size = use === 'sysroot' ? left * mib : kib * 1024;
    const start = startKib === undefined ? at : startKib * 1024;
    if (startKib === undefined) at += size;
    return {
      use,
      name: name ?? use,
      number,
      start,
      size,
      uuid:
        label === 'gpt'
          ? uuidOf(`${seed} partition ${number}`)
          : `${uuid}-${String(number).padStart(2, '0')}`,
    };
  });
  const sysroot = planned.at(-1);
  if (sysroot === undefined || sysroot.use !== 'sysroot') {
    throw new UsageError('USAGE', 'a disk needs a sysroot as its last partition');
  }
  return {
    label,
    bytes: total * mib,
    uuid,
    partitions: planned,
    sysroot,
    filesystemUuid: uuidOf(`${seed} filesystem`),
  };
}

/**
 * What sfdisk reads. The sysroot is marked bootable where no FAT partition is before it: U-Boot looks for its files on such a
 * partition.
 */
export function renderSfdisk(plan: DiskPlan): string {
  const gpt = plan.label === 'gpt';
  // Right behind a GPT, where some chips look for their first loader.
  const head = gpt ? [`label-id: ${plan.uuid}`, 'first-lba: 34'] : [`label-id: 0x${plan.uuid}`];
  const lines = [`label: ${plan.label}`, ...head, 'unit: sectors', ''];
  const bootable = gpt ? 'attrs="LegacyBIOSBootable"' : 'bootable';
  const marked = !plan.partitions.some(({ use }) => use === 'firmware');
  for (const { use, name, number, start, size, uuid } of plan.partitions) {
    const words = [
      `start=${start / sectorBytes}`,
      `size=${size / sectorBytes}`,
      `type=${partitionTypes[plan.label][use]}`,
      ...(gpt ? [`uuid=${uuid}`, `name="${name}"`] : []),
      ...(use === 'sysroot' && marked ? [bootable] : []),
    ];
    lines.push(`${number} : ${words.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The signature of a disk with a table of the DOS kind. */
function signatureOf(text: string): string {
  return uuidOf(text).slice(0, 8);
}

/** A UUID (RFC 9562, version 8: our own) from a text. */
function uuidOf(text: string): string {
  const hash = sha256();
  hash.update(new TextEncoder().encode(text));
  const hex = hexOf(hash.digest());
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
