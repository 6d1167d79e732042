/** From a wish to a `Target`: which base, which feeds, which architectures. */
import type { Checksum } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import { architecturesOf } from './architectures.ts';
import type { Target } from './change.ts';
import type { Environment } from './environment.ts';
import { type FeedSnapshot, loadCurrentSnapshot, loadSnapshot } from './feed-snapshot.ts';
import { fetchFeeds } from './feeds.ts';
import { readTreeState } from './installed.ts';
import type { LocalFile } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { requireDeployment, type Session } from './session.ts';

export interface Aim {
  readonly origin: Origin;
  /** The new base; the merge deployment's where absent. */
  readonly base?: Checksum;
  /** `pinned`: what the wish was solved against last; `newest`: what was fetched last; `fresh`: fetch now. */
  readonly feeds: 'pinned' | 'newest' | 'fresh';
  /** Package files that the wish names and that are not in the cache yet. */
  readonly files?: readonly LocalFile[];
  /** Fetch where no snapshot is there yet. */
  readonly fetch: boolean;
}

/** The target of an aim. Fetching writes a new feed snapshot; everything else only reads. */
export async function aimAt(session: Session, aim: Aim, env: Environment): Promise<Target> {
  const { repo } = session.sysroot;
  const base = aim.base ?? readTreeState(repo, requireDeployment(session).checksum).base;
  const conf = readFeedConfig(session, base);
  return {
    origin: aim.origin,
    files: aim.files ?? [],
    base,
    feeds: await chooseFeeds(session, aim, base, env),
    transfer: conf.transfer,
    architectures: architecturesOf(conf.opkg, readTreeState(repo, base)),
  };
}

async function chooseFeeds(
  session: Session,
  aim: Aim,
  base: Checksum,
  env: Environment,
): Promise<FeedSnapshot | undefined> {
  const { repo } = session.sysroot;
  if (aim.feeds === 'fresh') return (await fetchFeeds(session, base, { allowOlder: false }, env))?.snapshot;
  const pinned = aim.feeds === 'pinned' ? await loadSnapshot(repo, aim.origin.feeds.snapshot) : undefined;
  const found = pinned ?? (await loadCurrentSnapshot(repo));
  if (found !== undefined || !aim.fetch) return found;
  return (await fetchFeeds(session, base, { allowOlder: false }, env))?.snapshot;
}
