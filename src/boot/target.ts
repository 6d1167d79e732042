/**
 * Boards as data: `targets/<id>.json` says how a board boots, each fact with its source. The checker is written by
 * hand so that a wrong file is refused with the name of its field, also when a user brings one.
 */
import { RefusedError } from '../base/index.ts';
import { type Fields, fieldsOf } from './json-fields.ts';
import { type BootScript, isLoaderId, type LoaderId } from './loaders/index.ts';
import { targetData } from './target-data.ts';
import { type ImageLayout, imageOf } from './target-image.ts';

export interface TargetPartition {
  readonly number: number;
  readonly name: string;
  readonly filesystem: string;
  /** Size in MiB on OpenWrt's own images. */
  readonly mib: number;
}

/** Where U-Boot keeps its environment; offsets and size in bytes. */
export interface TargetEnvironment {
  readonly device: string;
  readonly offset: number;
  readonly size: number;
  readonly redundantOffset?: number;
  /** What an environment that `image build` makes holds besides the loader's own variables. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A board that can be booted. */
export interface Target {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  /** Names in OpenWrt's `board_name` or target/subtarget. */
  readonly boards: readonly string[];
  readonly architecture: string;
  readonly loader: {
    readonly id: LoaderId;
    readonly firmware: readonly string[];
    /** Seconds that a menu waits. */
    readonly timeout: number;
    /** Where U-Boot runs our script. */
    readonly script?: BootScript;
  };
  /** In the order of the `console=` arguments; the last is /dev/console. */
  readonly consoles: readonly string[];
  readonly serial?: { readonly unit: number; readonly speed: number };
  readonly kargs: readonly string[];
  readonly kernel: {
    readonly kind: string;
    readonly file: string;
    readonly devicetree?: string;
    /** Whether the kernel can unpack an initramfs. */
    readonly initramfs: boolean;
  };
  readonly root: { readonly by: string; readonly partition: number; readonly device?: string };
  readonly partitions: readonly TargetPartition[];
  readonly environment?: TargetEnvironment;
  /** Absent where no disk image can be made. */
  readonly image?: ImageLayout;
  /** Field name -> where the fact comes from. */
  readonly sources: Readonly<Record<string, string>>;
}

/** A board of the list, refused ones too. */
export interface TargetSummary {
  readonly id: string;
  readonly title: string;
  readonly tier: number;
  readonly status: 'supported' | 'planned' | 'refused';
  readonly reason?: string;
}

/** All boards that are known, by tier and name, with why some are refused. */
export function listTargets(): TargetSummary[] {
  return [...targetData]
    .map(([id, data]) => summaryOf(fieldsOf(data, `targets/${id}.json`)))
    .sort((a, b) => a.tier - b.tier || (a.id < b.id ? -1 : 1));
}

/** The board's data; RefusedError UNKNOWN_TARGET, with the reason, for one that is not known or not supported. */
export function findTarget(id: string): Target {
  const data = targetData.get(id);
  if (data === undefined) {
    const known = listTargets().filter((t) => t.status === 'supported');
    throw new RefusedError('UNKNOWN_TARGET', `no target '${id}'`, {
      hint: `one of: ${known.map((t) => t.id).join(', ')}`,
    });
  }
  const summary = summaryOf(fieldsOf(data, `targets/${id}.json`));
  if (summary.status !== 'supported') {
    throw new RefusedError(
      'UNKNOWN_TARGET',
      `${summary.title} is not supported: ${summary.reason ?? 'no reason given'}`,
      {
        hint: "'generic-grub', 'generic-extlinux' and 'generic-uboot' serve a board whose loader you know",
        details: { target: id, reason: summary.reason ?? '' },
      },
    );
  }
  return parseTarget(data, `targets/${id}.json`);
}

/**
 * A kernel that panics restarts, and one that oopses panics: only a machine that starts again is counted and comes back (Linux
 * kernel/panic.c; OpenWrt's own kernels are built that way, others are not).
 */
const restartKargs = ['panic=10', 'oops=panic'];

/**
 * The kernel arguments of a first deployment: the board's own, what makes a panic a restart, then its consoles. `root=` is the
 * installer's.
 */
export function defaultKargs(target: Target): string[] {
  const consoles = target.consoles.map((console) => `console=${console}`);
  return [...target.kargs, ...restartKargs, ...consoles];
}

/** A parsed JSON value as a Target; ConfigError CONFIG_INVALID naming the first field that is wrong. */
export function parseTarget(value: unknown, source: string): Target {
  const fields = fieldsOf(value, source);
  const loader = fields.group('loader');
  const kernel = fields.group('kernel');
  const root = fields.group('root');
  const loaderId = loader.text('id');
  if (!isLoaderId(loaderId)) throw fields.invalid('loader.id', `unknown loader '${loaderId}'`);
  const script = loader.optionalGroup('script');
  const serial = fields.optionalGroup('serial');
  const environment = fields.optionalGroup('environment');
  const image = fields.optionalGroup('image');
  const devicetree = kernel.optionalText('devicetree');
  const device = root.optionalText('device');
  const target: Target = {
    id: fields.text('id'),
    title: fields.text('title'),
    tier: fields.number('tier'),
    boards: fields.texts('boards'),
    architecture: fields.text('architecture'),
    loader: {
      id: loaderId,
      firmware: loader.texts('firmware'),
      timeout: loader.number('timeout'),
      ...(script === undefined ? {} : { script: scriptOf(script) }),
    },
    consoles: fields.texts('consoles'),
    kargs: fields.texts('kargs'),
    kernel: {
      kind: kernel.text('kind'),
      file: kernel.text('file'),
      initramfs: kernel.boolean('initramfs'),
      ...(devicetree === undefined ? {} : { devicetree }),
    },
    root: {
      by: root.text('by'),
      partition: root.number('partition'),
      ...(device === undefined ? {} : { device }),
    },
    partitions: fields.groups('partitions').map((partition) => ({
      number: partition.number('number'),
      name: partition.text('name'),
      filesystem: partition.text('filesystem'),
      mib: partition.number('mib'),
    })),
    sources: fields.textRecord('sources'),
    ...(serial === undefined
      ? {}
      : { serial: { unit: serial.number('unit'), speed: serial.number('speed') } }),
    ...(environment === undefined ? {} : { environment: environmentOf(environment) }),
    ...(image === undefined ? {} : { image: imageOf(image) }),
  };
  requireScript(target, fields);
  requireSources(target, fields);
  return target;
}

const factFields = [
  'loader',
  'consoles',
  'serial',
  'kargs',
  'kernel',
  'root',
  'partitions',
  'environment',
  'image',
] as const;

function requireScript({ loader }: Target, fields: Fields): void {
  if ((loader.id === 'bootscr' || loader.id === 'fw-env') && loader.script === undefined) {
    throw fields.invalid('loader.script', 'a loader that runs our script has to know the board');
  }
  if (loader.id === 'fw-env' && loader.script?.bootcmd === undefined) {
    throw fields.invalid('loader.script.bootcmd', 'nothing leads U-Boot to our script');
  }
}

function requireSources(target: Target, fields: Fields): void {
  for (const field of factFields) {
    if (target[field] !== undefined && target.sources[field] === undefined) {
      throw fields.invalid(`sources.${field}`, 'each fact needs its source');
    }
  }
}

function scriptOf(fields: Fields): BootScript {
  const command = fields.text('command');
  if (command !== 'booti' && command !== 'bootz' && command !== 'bootm') {
    throw fields.invalid('command', `unknown command '${command}'`);
  }
  const defaults = fields.textRecord('defaults');
  for (const [name, value] of Object.entries(defaults)) {
    if (!/^[a-z_]+$/u.test(name) || !/^[A-Za-z0-9_.:/-]+$/u.test(value)) {
      throw fields.invalid(`defaults.${name}`, 'not a variable of U-Boot with a plain value');
    }
  }
  const devicetree = fields.optionalText('devicetree');
  const bootcmd = fields.optionalText('bootcmd');
  return {
    command,
    defaults,
    counter: fields.boolean('counter'),
    ...(devicetree === undefined ? {} : { devicetree }),
    ...(bootcmd === undefined ? {} : { bootcmd }),
  };
}

function environmentOf(fields: Fields): TargetEnvironment {
  const redundantOffset = fields.optionalNumber('redundantOffset');
  return {
    device: fields.text('device'),
    offset: fields.number('offset'),
    size: fields.number('size'),
    variables: fields.optionalTextRecord('variables') ?? {},
    ...(redundantOffset === undefined ? {} : { redundantOffset }),
  };
}

function summaryOf(fields: Fields): TargetSummary {
  const status = fields.text('status');
  if (status !== 'supported' && status !== 'planned' && status !== 'refused') {
    throw fields.invalid('status', `unknown status '${status}'`);
  }
  const reason = fields.optionalText('reason');
  if (status !== 'supported' && reason === undefined) throw fields.invalid('reason', 'missing');
  return {
    id: fields.text('id'),
    title: fields.text('title'),
    tier: fields.number('tier'),
    status,
    ...(reason === undefined ? {} : { reason }),
  };
}
