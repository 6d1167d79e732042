/** From a wish to a `Target`: which base, which feeds, which architectures. */
import type { Checksum } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import type { Feed } from '../ipk/index.ts';
import { dictString } from '../ostree/index.ts';
import { architecturesOf } from './architectures.ts';
import type { Target } from './change.ts';
import type { Environment } from './environment.ts';
import { type FeedSnapshot, loadCurrentSnapshot, loadSnapshot } from './feed-snapshot.ts';
import { fetchFeeds } from './feeds.ts';
import { readTreeState } from './installed.ts';
import type { LocalFile } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { renameWish } from './renames.ts';
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
  /** Keep names that the new base's release no longer has, and fail for them. */
  readonly keepNames?: boolean;
}

/** The target of an aim. Fetching writes a new feed snapshot; everything else only reads. */
export async function aimAt(session: Session, aim: Aim, env: Environment): Promise<Target> {
  const { repo } = session.sysroot;
  const base = aim.base ?? readTreeState(repo, requireDeployment(session).checksum).base;
  const conf = readFeedConfig(session, base);
  const tree = readTreeState(repo, base);
  const feeds = await chooseFeeds(session, aim, { base, configured: conf.opkg.feeds }, env);
  const moves = base !== baseOf(session);
  const version = dictString(repo.loadCommit(base).metadata, 'version');
  const renamed =
    moves && aim.keepNames !== true
      ? renameWish(aim.origin, { base: tree, feeds, version })
      : { origin: aim.origin, renames: [] };
  return {
    ...renamed,
    files: aim.files ?? [],
    base,
    feeds,
    transfer: conf.transfer,
    architectures: architecturesOf(conf.opkg, tree),
  };
}

function baseOf({ merge, sysroot }: Session): Checksum | undefined {
  return merge === undefined ? undefined : readTreeState(sysroot.repo, merge.checksum).base;
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
