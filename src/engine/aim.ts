/** From a wish to a `Target`: which base, which feeds, which architectures. */
import type { Checksum } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import type { Feed } from '../ipk/index.ts';
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
  /**
   * `pinned`: what the wish was solved against last; `newest`: what was fetched last; `fresh`: fetch now. Where the base is
   * another one, or the wish grows, only feeds of the addresses count that the base is configured with.
   */
  readonly feeds: 'pinned' | 'newest' | 'fresh';
  /** Package files that the wish names and that are not in the cache yet. */
  readonly files?: readonly LocalFile[];
  /** Fetch where there is no such snapshot yet. */
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
    feeds: await chooseFeeds(session, aim, { base, configured: conf.opkg.feeds }, env),
    transfer: conf.transfer,
    architectures: architecturesOf(conf.opkg, readTreeState(repo, base)),
  };
}

async function chooseFeeds(
  session: Session,
  aim: Aim,
  { base, configured }: { readonly base: Checksum; readonly configured: readonly Feed[] },
  env: Environment,
): Promise<FeedSnapshot | undefined> {
  const { repo } = session.sysroot;
  const fetchNow = async () => (await fetchFeeds(session, base, { allowOlder: false }, env)).snapshot;
  if (aim.feeds === 'fresh') return fetchNow();
  const pinned = await loadSnapshot(repo, aim.origin.feeds.snapshot);
  if (aim.feeds === 'pinned' && aim.base === undefined && pinned !== undefined) return pinned;
  const newest = await loadCurrentSnapshot(repo);
  const known = (aim.feeds === 'pinned' ? [pinned, newest] : [newest, pinned]).filter(
    (snapshot) => snapshot !== undefined,
  );
  const fitting = known.find(({ feeds }) => sameAddresses(feeds, configured));
  if (fitting !== undefined || !aim.fetch) return fitting ?? known[0];
  return fetchNow();
}

/** A snapshot of other addresses was made for another release, or before the admin changed the configuration. */
function sameAddresses(feeds: readonly { readonly url: string }[], configured: readonly Feed[]): boolean {
  const urls = (list: readonly { readonly url: string }[]) =>
    list
      .map(({ url }) => url)
      .sort()
      .join(' ');
  return urls(feeds) === urls(configured);
}
