/** Whether the next change can be had: space, feeds, keys, the clock and the helpers. */
import { join } from 'node:path/posix';
import { exists, fileSystemSpace, findProgram } from '../../sys/index.ts';
import { loadCurrentSnapshot } from '../feed-snapshot.ts';
import { readTreeState } from '../installed.ts';
import { readFeedConfig } from '../opkg-config.ts';
import type { Session } from '../session.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

/** Bytes below which an upgrade of a small base does not fit. */
const littleSpace = 64 * 1024 * 1024;
/** Bytes below which a kernel does not fit beside the present ones. */
const littleBootSpace = 12 * 1024 * 1024;

/** Free bytes and inodes of the sysroot and of /boot. */
export function checkSpace({ sysroot }: Session): Finding[] {
  const root = fileSystemSpace(sysroot.path);
  const boot = fileSystemSpace(join(sysroot.path, 'boot'));
  const remedy = "'opkg-ostree cleanup' frees what no deployment needs; 'opkg-ostree undeploy N' drops one";
  const mebibytes = (bytes: number) => `${Math.floor(bytes / (1 << 20))} MiB`;
  return [
    root.free < littleSpace
      ? warning('space', `${mebibytes(root.free)} are free: an upgrade may not fit`, remedy)
      : fine('space', `${mebibytes(root.free)} are free`),
    boot.free < littleBootSpace
      ? warning('boot-space', `${mebibytes(boot.free)} are free on /boot: another kernel may not fit`, remedy)
      : fine('boot-space', `${mebibytes(boot.free)} are free on /boot`),
  ];
}

/** Feeds, their keys, and how old the snapshot is. `now` in milliseconds since 1970. */
export async function checkFeeds(session: Session, now: number): Promise<Finding[]> {
  const { merge, sysroot } = session;
  if (merge === undefined) return [];
  const config = readFeedConfig(session, readTreeState(sysroot.repo, merge.checksum).base);
  const { feeds } = config.opkg;
  if (feeds.length === 0) {
    return [
      warning('feeds', 'no feeds are configured', "add 'src/gz NAME URL' to /etc/opkg/customfeeds.conf"),
    ];
  }
  const snapshot = await loadCurrentSnapshot(sysroot.repo);
  const findings = config.warnings.map((text) => warning('feed-config', text, 'correct the line'));
  if (snapshot === undefined) {
    findings.push(warning('feeds', 'the feeds have never been fetched', "'opkg-ostree update'"));
  } else {
    const unsigned = snapshot.feeds.filter(({ keyId }) => keyId === undefined).map(({ name }) => name);
    findings.push(
      unsigned.length > 0
        ? warning(
            'feeds',
            `not signed: ${unsigned.join(', ')}`,
            "set 'option check_signature' in /etc/opkg.conf and put the maker's key into /etc/opkg/keys",
          )
        : fine('feeds', `${snapshot.feeds.length} feeds, all signed by known keys`),
    );
  }
  const seconds = sysroot.repo.loadCommit(merge.checksum).timestamp;
  findings.push(
    now / 1000 < seconds
      ? problem(
          'clock',
          `the clock is behind the running system's own date: ${new Date(now).toISOString()}`,
          "set it: '/etc/init.d/sysntpd restart', or 'date -s'",
        )
      : fine('clock', new Date(now).toISOString()),
  );
  return findings;
}

/** Programs without which something fails, or is weaker. */
export function checkHelpers({ sysroot }: Session): Finding[] {
  const lock =
    findProgram('perl') !== undefined || findProgram('flock') !== undefined
      ? fine('lock', 'two operations exclude each other')
      : problem('lock', 'neither flock nor perl is installed: nothing can be changed', "install 'flock'");
  const remotes = exists(join(sysroot.repo.path, 'config'))
    ? sysroot.repo.config
        .groups()
        .filter((group) => /^remote "/u.test(group))
        .filter((group) => sysroot.repo.config.get(group, 'gpg-verify') !== 'false')
        .filter((group) => sysroot.repo.config.get(group, 'sign-verify') !== 'true')
    : [];
  if (remotes.length === 0 || findProgram('gpgv') !== undefined) return [lock];
  return [
    lock,
    problem(
      'gpgv',
      `${remotes.join(', ')} asks for OpenPGP signatures, and gpgv is not installed`,
      "install 'gnupg2-utils', or let the remote sign with ed25519 ('sign-verify=true')",
    ),
  ];
}
