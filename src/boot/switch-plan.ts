/**
 * What a switch has to write, decided from the old and the new list alone (libostree: is_new_bootversion,
 * assign_bootserials). Pure.
 */
import { type BootEntry, entryField, renderBootLink } from './bls.ts';
import type { DeploymentItem } from './deployment.ts';
import type { BootVersions } from './deployments.ts';
import {
  bootOptions,
  type InitPlace,
  isManagedInit,
  isSysrootInit,
  kargKey,
  parseKargs,
  renderKargs,
} from './kargs.ts';

/** `none`: same list; `links`: only the boot links' generation; `full`: entries and loader files too. */
export type SwitchKind = 'none' | 'links' | 'full';

export interface PlannedDeployment {
  readonly item: DeploymentItem;
  readonly bootSerial: number;
  /** What `ostree=` will carry. */
  readonly bootLink: string;
}

export interface SwitchPlan {
  readonly kind: SwitchKind;
  readonly boot: 0 | 1;
  readonly deployments: readonly PlannedDeployment[];
  /** True when the titles name the stateroot. */
  readonly severalStateroots: boolean;
}

export interface PlanOptions {
  /** Write everything anew even for the same list. */
  readonly forced?: boolean | undefined;
  /** Write everything anew where the list changes, even where the links alone would do. */
  readonly entriesToo?: boolean;
  /** Early boot is on the sysroot: entries without an initramfs name it there. */
  readonly sysrootInit?: boolean;
}

/** The plan for going from one list to another. */
export function planSwitch(
  versions: BootVersions,
  from: readonly DeploymentItem[],
  to: readonly DeploymentItem[],
  { forced = false, entriesToo = false, sysrootInit = false }: PlanOptions = {},
): SwitchPlan {
  const needed = switchKind(from, to, sysrootInit);
  const kind = forced || (needed === 'links' && entriesToo) ? 'full' : needed;
  const boot = kind === 'full' ? other(versions.boot) : versions.boot;
  const seen = new Map<string, number>();
  const deployments = to.map((item) => {
    const bootSerial = seen.get(item.bootChecksum) ?? 0;
    seen.set(item.bootChecksum, bootSerial + 1);
    const link = {
      bootVersion: boot,
      stateroot: item.stateroot,
      bootChecksum: item.bootChecksum,
      bootSerial,
    };
    return { item, bootSerial, bootLink: renderBootLink(link) };
  });
  return { kind, boot, deployments, severalStateroots: new Set(to.map((item) => item.stateroot)).size > 1 };
}

/** The other of the two versions. */
export function other(version: 0 | 1): 0 | 1 {
  return version === 0 ? 1 : 0;
}

/** The options of the planned entry: the item's arguments with this plan's boot link. */
export function plannedOptions(planned: PlannedDeployment, place: InitPlace): string {
  const kargs = parseKargs(entryField(planned.item.entry, 'options') ?? '');
  return renderKargs(bootOptions(kargs, planned.bootLink, place));
}

function switchKind(
  from: readonly DeploymentItem[],
  to: readonly DeploymentItem[],
  sysrootInit: boolean,
): SwitchKind {
  if (from.length !== to.length) return 'full';
  let same = true;
  for (const [index, item] of to.entries()) {
    const old = from[index];
    if (old === undefined || !bootsAlike(old, item, sysrootInit)) return 'full';
    if (old.checksum !== item.checksum || old.serial !== item.serial) same = false;
  }
  return same ? 'none' : 'links';
}

function bootsAlike(a: DeploymentItem, b: DeploymentItem, sysrootInit: boolean): boolean {
  return (
    a.bootChecksum === b.bootChecksum &&
    a.stateroot === b.stateroot &&
    (a.version ?? '') === (b.version ?? '') &&
    comparedOptions(a.entry, sysrootInit) === comparedOptions(b.entry, sysrootInit) &&
    !(sysrootInit && needsSysrootInit(a.entry))
  );
}

/** True for an entry without an initramfs that another tool, or we before early boot was copied, wrote. */
function needsSysrootInit(entry: BootEntry): boolean {
  const kargs = parseKargs(entryField(entry, 'options') ?? '');
  return entryField(entry, 'initrd') === undefined && !kargs.some(isSysrootInit);
}

/** libostree's `init=` counts, as there: the path in it must follow the boot link. The sysroot's is always the same. */
function comparedOptions(entry: BootEntry, sysrootInit: boolean): string {
  const kargs = parseKargs(entryField(entry, 'options') ?? '');
  return renderKargs(
    kargs.filter((karg) => kargKey(karg) !== 'ostree' && !(sysrootInit && isManagedInit(karg))),
  );
}
