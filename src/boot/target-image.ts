/** The disks that `image build` makes for a board, as its file of `targets/` describes them. */
import type { Fields } from './json-fields.ts';

const uses = ['bios-boot', 'esp', 'firmware', 'raw', 'environment', 'sysroot'] as const;

/** A partition of such a disk. */
export interface ImagePartition {
  /** `firmware`: FAT that the board's firmware reads; `raw`: what the loader's file brings; `environment`: U-Boot's. */
  readonly use: (typeof uses)[number];
  /** In the partition table; the use where absent. */
  readonly name?: string;
  /** KiB; 0 for the sysroot, which takes what is left. */
  readonly kib: number;
  /** KiB from the disk's begin, where a loader expects the partition there; else it follows the one before. */
  readonly startKib?: number;
}

/** What must be on the disk before the board finds anything of ours, and no repository holds. */
export interface ImageLoader {
  /** What to pass, for people. */
  readonly what: string;
  /** Files for the partition `firmware`. */
  readonly files: readonly string[];
  /** Pieces of another image of the board, in bytes, that go to the same place. */
  readonly ranges: readonly { readonly offset: number; readonly bytes: number }[];
}

/** The disk; the first partition without a place of its own begins at `first` MiB. */
export interface ImageLayout {
  readonly label: 'gpt' | 'dos';
  readonly first: number;
  readonly partitions: readonly ImagePartition[];
  readonly loader?: ImageLoader;
}

/** The layout of a target's `image`; CONFIG_INVALID naming what is wrong. */
export function imageOf(group: Fields): ImageLayout {
  const label = group.text('label');
  if (label !== 'gpt' && label !== 'dos') throw group.invalid('label', `unknown kind of table '${label}'`);
  const partitions = group.groups('partitions').map(partitionOf);
  if (partitions.findIndex(({ use }) => use === 'sysroot') !== partitions.length - 1) {
    throw group.invalid('partitions', 'the sysroot is the last one, and the only one of its kind');
  }
  const loader = group.optionalGroup('loader');
  return {
    label,
    first: group.number('first'),
    partitions,
    ...(loader === undefined ? {} : { loader: loaderOf(loader) }),
  };
}

function partitionOf(fields: Fields): ImagePartition {
  const text = fields.text('use');
  const use = uses.find((known) => known === text);
  if (use === undefined) throw fields.invalid('use', `unknown use '${text}'`);
  const name = fields.optionalText('name');
  const startKib = fields.optionalNumber('startKib');
  const placed = use === 'raw' || use === 'environment';
  if (placed && (name === undefined || startKib === undefined)) {
    throw fields.invalid('startKib', 'a partition of the loader has its place and its name');
  }
  return {
    use,
    kib: placed ? fields.number('kib') : fields.number('mib') * 1024,
    ...(name === undefined ? {} : { name }),
    ...(startKib === undefined ? {} : { startKib }),
  };
}

function loaderOf(fields: Fields): ImageLoader {
  const files = fields.has('files') ? fields.texts('files') : [];
  const ranges = fields.has('ranges')
    ? fields.groups('ranges').map((range) => ({
        offset: range.number('kib') * 1024,
        bytes: range.number('size') * 1024,
      }))
    : [];
  if ((files.length === 0) === (ranges.length === 0)) {
    throw fields.invalid('files', 'a loader is files or ranges');
  }
  return { what: fields.text('what'), files, ranges };
}
