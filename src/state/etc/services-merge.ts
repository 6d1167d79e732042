/**
 * /etc/rc.d by service. A link's name holds the service's START or STOP number, so that merged by name a service that
 * the admin disabled comes back as soon as a release moves the number (openwrt-platform.md B.4).
 */
import { compareBytes, textOf } from '../../base/index.ts';
import type { EtcTree } from '../etc-merge-tree.ts';
import { enableLinks, parseInitScript } from '../services.ts';

/** A link of rc.d that a service has after the merge; `from` is the side that it is like. */
export interface MergedLink {
  readonly name: string;
  readonly target: string;
  readonly from: 'live' | 'target';
}

/** What became of one service whose links anybody changed. */
export interface ServiceMerge {
  readonly service: string;
  readonly links: readonly MergedLink[];
  readonly class: 'kept' | 'updated' | 'deleted' | 'merged';
  readonly note?: string;
}

const linkName = /^rc\.d\/([SK])\d{1,4}[^/]+$/u;
const linkTarget = /^(?:\.\.\/|\/etc\/)init\.d\/([^/]+)$/u;

/** The service and kind of a path that is a link of rc.d in this tree; undefined for anything else. */
export function serviceLinkOf(tree: EtcTree, path: string): { service: string; kind: 'S' | 'K' } | undefined {
  if (!path.startsWith('rc.d/')) return undefined;
  const node = tree.nodes.get(path);
  const kind = linkName.exec(path)?.[1];
  const service = node?.kind === 'symlink' ? linkTarget.exec(node.target ?? '')?.[1] : undefined;
  if (service === undefined || (kind !== 'S' && kind !== 'K')) return undefined;
  return { service, kind };
}

/** Merges the links of all services. `keeps` tells whether a service's init script is in the result. */
export function mergeServices(
  sides: { readonly base: EtcTree; readonly live: EtcTree; readonly target: EtcTree },
  keeps: (service: string) => boolean,
): ServiceMerge[] {
  const { base, live, target } = sides;
  const links = { base: linksOf(base), live: linksOf(live), target: linksOf(target) };
  const services = new Set([...links.base.keys(), ...links.live.keys(), ...links.target.keys()]);
  return [...services].sort(compareBytes).map((service) => {
    const of = (side: keyof typeof links): Links => links[side].get(service) ?? { S: [], K: [] };
    const [before, mine, theirs] = [of('base'), of('live'), of('target')];
    const kinds = (['S', 'K'] as const).map((kind) => {
      const numbers = { live: numberOf(live, service, kind), target: numberOf(target, service, kind) };
      return mergeKind(before[kind], mine[kind], theirs[kind], numbers);
    });
    const merged = kinds.flat();
    const linked = merged.map((name): MergedLink => {
      const from = [...theirs.S, ...theirs.K].includes(name) ? 'target' : 'live';
      return { name, target: `../init.d/${service}`, from };
    });
    if (merged.length > 0 && !keeps(service)) {
      return { service, links: [], class: 'updated', note: 'the service is gone, and its links with it' };
    }
    return { service, links: linked, class: classOf(before, mine, merged) };
  });
}

interface Links {
  readonly S: string[];
  readonly K: string[];
}

/** Names without `rc.d/`, in byte order. */
function linksOf(tree: EtcTree): Map<string, Links> {
  const found = new Map<string, Links>();
  for (const path of [...tree.nodes.keys()].sort(compareBytes)) {
    const link = serviceLinkOf(tree, path);
    if (link === undefined) continue;
    const links = found.get(link.service) ?? { S: [], K: [] };
    links[link.kind].push(path.slice('rc.d/'.length));
    found.set(link.service, links);
  }
  return found;
}

/** The link that `enable` makes for a service of this tree. */
function numberOf(tree: EtcTree, service: string, kind: 'S' | 'K'): string | undefined {
  const path = `init.d/${service}`;
  if (tree.nodes.get(path)?.kind !== 'file') return undefined;
  const script = parseInitScript(textOf(tree.read(path)));
  if (script === 'computed') return undefined;
  const link = enableLinks(service, script).find((entry) => entry.path.startsWith(`rc.d/${kind}`));
  return link?.path.slice('rc.d/'.length);
}

function mergeKind(
  before: readonly string[],
  mine: readonly string[],
  theirs: readonly string[],
  enabled: { readonly live: string | undefined; readonly target: string | undefined },
): readonly string[] {
  const same = (a: readonly string[], b: readonly string[]) => a.join('\n') === b.join('\n');
  if (same(mine, before)) return theirs;
  if (mine.length === 0) return [];
  // Enabled here: with the number that the new script asks for, unless the admin chose another one.
  const plain = mine.length === 1 && mine[0] === enabled.live;
  if (plain && theirs.length > 0) return theirs;
  if (plain && enabled.target !== undefined) return [enabled.target];
  return mine;
}

function classOf(before: Links, mine: Links, merged: readonly string[]): ServiceMerge['class'] {
  const text = (links: Links) => [...links.S, ...links.K].join('\n');
  const result = merged.join('\n');
  if (text(mine) === text(before)) return 'updated';
  if (result === '') return 'deleted';
  return result === text(mine) ? 'kept' : 'merged';
}
