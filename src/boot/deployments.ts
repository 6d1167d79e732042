/**
 * Reads the list of deployments as libostree does: the entries of `boot/loader`, sorted by `version` downwards, each
 * resolved through the boot link that its `ostree=` names.
 */
import { join } from 'node:path/posix';
import { ParseError } from '../base/index.ts';
import { dictString, type Repository } from '../ostree/index.ts';
import {
  ifExists,
  lstatIfExists,
  readdirIfExists,
  readlink,
  readText,
  readTextIfExists,
  statIfExists,
} from '../sys/index.ts';
import { type BootEntry, compareEntryVersions, entryField, parseBootEntry, parseBootLink } from './bls.ts';
import { type Deployment, deploymentId, deploymentPath, parseBootLinkTarget } from './deployment.ts';
import { findKarg, parseKargs, withoutManagedKargs } from './kargs.ts';
import { isPinned, parseOrigin } from './origin.ts';

/** Which of the two sets of entries and boot links are in use. */
export interface BootVersions {
  readonly boot: 0 | 1;
  readonly sub: 0 | 1;
}

/** Where the running system is looked at; tests bring their own. */
export interface RuntimeView {
  /** Exists when the system was booted from a deployment. */
  readonly bootedMarker: string;
  /** The running root. */
  readonly root: string;
}

/** The system that this process runs on. */
export const runningSystem: RuntimeView = { bootedMarker: '/run/ostree-booted', root: '/' };

/** The versions that `boot/loader` and `ostree/boot.<B>` name; zero where there are none yet. */
export function readBootVersions(sysroot: string): BootVersions {
  const target = readlinkIfExists(join(sysroot, 'boot/loader'));
  if (target === undefined) return { boot: 0, sub: 0 };
  const match = /^loader\.([01])\/?$/u.exec(target);
  if (match === null)
    throw new ParseError('SYSROOT_INVALID', `boot/loader leads to '${target}', not to loader.0 or loader.1`);
  const boot = match[1] === '1' ? 1 : 0;
  return { boot, sub: readSubVersion(sysroot, boot) };
}

/** The S of `ostree/boot.<B> -> boot.<B>.<S>`; 0 where there is no such link. */
export function readSubVersion(sysroot: string, boot: 0 | 1): 0 | 1 {
  const target = readlinkIfExists(join(sysroot, `ostree/boot.${boot}`));
  if (target === undefined) return 0;
  const match = /^boot\.([01])\.([01])\/?$/u.exec(target);
  if (match === null || match[1] !== String(boot)) {
    throw new ParseError('SYSROOT_INVALID', `ostree/boot.${boot} leads to '${target}'`);
  }
  return match[2] === '1' ? 1 : 0;
}

/** The deployments in boot order. SYSROOT_INVALID or BOOT_ENTRY_INVALID where an entry leads nowhere. */
export function readDeployments(
  sysroot: string,
  repo: Repository,
  view: RuntimeView = runningSystem,
): Deployment[] {
  const booted = bootedIdentity(view);
  return readEntries(sysroot).map(({ entry, path }, index) =>
    deploymentOf(sysroot, repo, { entry, path, index }, booted),
  );
}

interface NamedEntry {
  readonly entry: BootEntry;
  readonly path: string;
}

/** libostree's own entries of the current loader; entries of other tools are not ours to judge. */
function readEntries(sysroot: string): NamedEntry[] {
  const folder = join(sysroot, `boot/loader.${readBootVersions(sysroot).boot}/entries`);
  return readdirIfExists(folder)
    .filter((name) => name.startsWith('ostree-') && name.endsWith('.conf'))
    .sort()
    .map((name) => ({
      entry: parseBootEntry(readText(join(folder, name)), join(folder, name)),
      path: join(folder, name),
    }))
    .sort((a, b) => compareEntryVersions(a.entry, b.entry));
}

function deploymentOf(
  sysroot: string,
  repo: Repository,
  { entry, path, index }: NamedEntry & { readonly index: number },
  booted: string | undefined,
): Deployment {
  const kargs = parseKargs(entryField(entry, 'options') ?? '');
  const link = parseBootLink(findKarg(kargs, 'ostree') ?? '');
  if (link === undefined) {
    throw new ParseError('BOOT_ENTRY_INVALID', `${path} has no ostree= argument that names a boot link`);
  }
  const linkPath = join(
    sysroot,
    `ostree/boot.${link.bootVersion}/${link.stateroot}/${link.bootChecksum}/${link.bootSerial}`,
  );
  const target = readlinkIfExists(linkPath);
  if (target === undefined)
    throw new ParseError('SYSROOT_INVALID', `${path} names a boot link that is missing: ${linkPath}`);
  const found = parseBootLinkTarget(target);
  const at = deploymentPath(sysroot, found);
  const stats = lstatIfExists(at);
  if (stats?.isDirectory() !== true)
    throw new ParseError('SYSROOT_INVALID', `the deployment ${at} is missing`);
  const origin = parseOrigin(readTextIfExists(`${at}.origin`) ?? '', `${at}.origin`);
  return {
    ...found,
    id: deploymentId(found),
    index,
    bootChecksum: link.bootChecksum,
    bootSerial: link.bootSerial,
    origin,
    path: at,
    entry,
    kargs: withoutManagedKargs(kargs),
    version: commitVersion(repo, found.checksum),
    pinned: isPinned(origin),
    booted: booted === `${stats.dev}:${stats.ino}`,
  };
}

/** The commit's `version` metadata, as titles and the comparison of lists need it; undefined where the commit is lost. */
export function commitVersion(repo: Repository, checksum: Deployment['checksum']): string | undefined {
  if (!repo.hasObject('commit', checksum)) return undefined;
  return dictString(repo.loadCommit(checksum).metadata, 'version');
}

function bootedIdentity(view: RuntimeView): string | undefined {
  if (lstatIfExists(view.bootedMarker) === undefined) return undefined;
  const root = statIfExists(view.root);
  return root === undefined ? undefined : `${root.dev}:${root.ino}`;
}

function readlinkIfExists(path: string): string | undefined {
  return ifExists(() => readlink(path));
}
