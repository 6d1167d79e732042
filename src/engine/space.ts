/** Room on the flash, looked at before anything is downloaded. */
import { type Checksum, NoSpaceError, toRelPath } from '../base/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { effectiveUser, fileSystemSpace } from '../sys/index.ts';
import type { Plan } from './plan.ts';

const blockSize = 4096;

/** Bytes that a checkout of the commit takes though its files are hard links: a block for each folder, and a copy of `/etc`. */
export function checkoutBytes(repo: Repository, commit: Checksum): number {
  let folders = 1;
  let etc = 0;
  const etcPath = toRelPath('usr/etc');
  for (const entry of MutableTree.fromCommit(repo, commit).walk(toRelPath(''))) {
    const inEtc = entry.path === etcPath || entry.path.startsWith(`${etcPath}/`);
    if (entry.kind === 'dir') folders += inEtc ? 2 : 1;
    else if (inEtc) etc += Math.ceil((repo.loadFile(entry.checksum).size || 1) / blockSize) * blockSize;
  }
  return folders * blockSize + etc;
}

/** NO_SPACE with the numbers where the plan does not fit beside what the repository has to leave free. */
export function requireSpace(repo: Repository, plan: Plan): void {
  const space = fileSystemSpace(repo.path);
  const free = effectiveUser() === 0 ? space.rootFree : space.free;
  const { minFree } = repo.settings;
  const reserved = 'bytes' in minFree ? minFree.bytes : Math.floor((space.total * minFree.percent) / 100);
  const needed = plan['flash-bytes'] + plan['temporary-bytes'];
  const available = Math.max(0, free - reserved);
  if (needed <= available) return;
  const text = `the plan needs ${needed} bytes (${plan['flash-bytes']} to stay, ${plan['temporary-bytes']} meanwhile) and may take ${available}`;
  const remedy = 'opkg-ostree cleanup';
  throw new NoSpaceError('NO_SPACE', text, {
    hint: "'opkg-ostree cleanup' and 'opkg-ostree undeploy N' make room; fewer packages need less",
    details: {
      ...{ needed, available, free, reserved },
      blockers: [{ package: plan.install[0]?.name ?? '', chain: [], reason: 'space', text, remedy }],
    },
  });
}
