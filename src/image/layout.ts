/**
 * Where everything lies on a disk image: GPT (UEFI 2.10, chapter 5), partitions aligned to 1 MiB. Identifiers follow from a
 * seed, so that the same content gives the same disk.
 */
import { hexOf, sha256, UsageError } from '../base/index.ts';

/** What a partition is for; `sysroot` takes what is left. */
export interface PartitionWish {
  readonly use: 'bios-boot' | 'esp' | 'sysroot';
  readonly mib: number;
}

export interface PlannedPartition {
  readonly use: PartitionWish['use'];
  readonly number: number;
  /** In bytes. */
  readonly start: number;
  readonly size: number;
  /** Lower case, as the kernel compares PARTUUID=. */
  readonly uuid: string;
}

export interface DiskPlan {
  readonly bytes: number;
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

const partitionTypes: Readonly<Record<PartitionWish['use'], string>> = {
  'bios-boot': '21686148-6449-6E6F-744E-656564454649',
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  sysroot: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
};

/** The plan for a disk of that size; UsageError where the sysroot would be too small. */
export function planDisk(request: {
  readonly bytes: number;
  readonly first: number;
  readonly partitions: readonly PartitionWish[];
  readonly seed: string;
}): DiskPlan {
  const { first, partitions, seed } = request;
  const total = Math.floor(request.bytes / mib);
  const fixed = partitions.reduce((sum, partition) => sum + partition.mib, 0);
  // The last MiB holds the second table.
  const left = total - first - fixed - 1;
  if (left < leastSysrootMib) {
    throw new UsageError('USAGE', `a disk of ${total} MiB leaves ${Math.max(0, left)} MiB for the sysroot`, {
      hint: `--size ${first + fixed + 1 + leastSysrootMib}M is the least`,
    });
  }
  let at = first;
  const planned = partitions.map(({ use, mib: wanted }, index): PlannedPartition => {
    const size = use === 'sysroot' ? left : wanted;
    const partition = {
      use,
      number: index + 1,
      start: at * mib,
      size: size * mib,
      uuid: uuidOf(`${seed} partition ${index + 1}`),
    };
    at += size;
    return partition;
  });
  const sysroot = planned.at(-1);
  if (sysroot === undefined || sysroot.use !== 'sysroot') {
    throw new UsageError('USAGE', 'a disk needs a sysroot as its last partition');
  }
  return {
    bytes: total * mib,
    uuid: uuidOf(`${seed} disk`),
    partitions: planned,
    sysroot,
    filesystemUuid: uuidOf(`${seed} filesystem`),
  };
}

/** What sfdisk reads. The sysroot is marked bootable: U-Boot looks for extlinux.conf on such a partition. */
export function renderSfdisk(plan: DiskPlan): string {
  const lines = ['label: gpt', `label-id: ${plan.uuid}`, 'unit: sectors', ''];
  for (const { use, number, start, size, uuid } of plan.partitions) {
    const words = [
      `start=${start / sectorBytes}`,
      `size=${size / sectorBytes}`,
      `type=${partitionTypes[use]}`,
      `uuid=${uuid}`,
      `name="${use}"`,
      ...(use === 'sysroot' ? ['attrs="LegacyBIOSBootable"'] : []),
    ];
    lines.push(`${number} : ${words.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A UUID (RFC 9562, version 8: our own) from a text. */
function uuidOf(text: string): string {
  const hash = sha256();
  hash.update(new TextEncoder().encode(text));
  const hex = hexOf(hash.digest());
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
