/** Deployments and the paths that belong to them. */
import { join } from 'node:path/posix';
import { type Checksum, ParseError } from '../base/index.ts';
import type { BootEntry } from './bls.ts';
import type { Origin } from './origin.ts';

/** A deployment that is on disk and named by a boot entry. */
export interface Deployment {
  /** `<stateroot>-<checksum>.<serial>`. */
  readonly id: string;
  /** Place in the boot order; 0 boots. */
  readonly index: number;
  readonly stateroot: string;
  readonly checksum: Checksum;
  readonly serial: number;
  /** SHA-256 of kernel, initramfs and device tree: names their folder in /boot. */
  readonly bootChecksum: string;
  readonly bootSerial: number;
  readonly origin: Origin;
  /** Absolute, sysroot included. */
  readonly path: string;
  readonly entry: BootEntry;
  /** Without `ostree=` and our `init=`. */
  readonly kargs: readonly string[];
  /** The commit's `version` metadata. */
  readonly version: string | undefined;
  readonly pinned: boolean;
  readonly booted: boolean;
}

/** What a list of deployments to be written is made of: a deployment that exists, or one that was staged. */
export type DeploymentItem = Pick<
  Deployment,
  'stateroot' | 'checksum' | 'serial' | 'bootChecksum' | 'entry' | 'version' | 'path'
> & { readonly origin: Origin; readonly booted: boolean; readonly pinned: boolean };

const staterootPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/u;

/** True for a name that a stateroot may have. */
export function isStaterootName(text: string): boolean {
  return staterootPattern.test(text);
}

/** `<checksum>.<serial>` in two parts; undefined for another name (libostree: `^[0-9a-f]+\.[0-9]+$`). */
export function parseDeploymentName(name: string): { checksum: Checksum; serial: number } | undefined {
  const match = /^([0-9a-f]{64})\.([0-9]{1,9})$/u.exec(name);
  if (match?.[1] === undefined) return undefined;
  return { checksum: match[1] as Checksum, serial: Number(match[2]) };
}

/** The name of a deployment's folder. */
export function deploymentName(item: { readonly checksum: string; readonly serial: number }): string {
  return `${item.checksum}.${item.serial}`;
}

/** The id that json.md gives a deployment. */
export function deploymentId(item: {
  readonly stateroot: string;
  readonly checksum: string;
  readonly serial: number;
}): string {
  return `${item.stateroot}-${deploymentName(item)}`;
}

/** True when both are the same deployment. */
export function sameDeployment(
  a: { readonly stateroot: string; readonly checksum: string; readonly serial: number },
  b: { readonly stateroot: string; readonly checksum: string; readonly serial: number } | undefined,
): boolean {
  return b !== undefined && deploymentId(a) === deploymentId(b);
}

/** `<sysroot>/ostree/deploy/<stateroot>/deploy`. */
export function deployFolder(sysroot: string, stateroot: string): string {
  return join(sysroot, 'ostree/deploy', stateroot, 'deploy');
}

/** The absolute path of a deployment's folder. */
export function deploymentPath(
  sysroot: string,
  item: { readonly stateroot: string; readonly checksum: string; readonly serial: number },
): string {
  return join(deployFolder(sysroot, item.stateroot), deploymentName(item));
}

/** The stateroot, checksum and serial that a boot link's target names; SYSROOT_INVALID for any other target. */
export function parseBootLinkTarget(target: string): {
  stateroot: string;
  checksum: Checksum;
  serial: number;
} {
  const match = /^\.\.\/\.\.\/\.\.\/deploy\/([^/]+)\/deploy\/([^/]+)\/?$/u.exec(target);
  const name = match?.[2] === undefined ? undefined : parseDeploymentName(match[2]);
  if (match?.[1] === undefined || name === undefined || !isStaterootName(match[1])) {
    throw new ParseError('SYSROOT_INVALID', `a boot link does not lead to a deployment: '${target}'`);
  }
  return { stateroot: match[1], ...name };
}
