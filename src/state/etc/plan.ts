/**
 * The merge of `/etc` on an OpenWrt system: libostree's three-way rules with their faults mended, and the rules of
 * rules.ts where both sides changed one thing. Pure: docs/adr/0013-etc-classes.md says why it is like this.
 */
import { compareBytes } from '../../base/index.ts';
import { etcDifference } from '../etc-merge-plan.ts';
import { type EtcNode, type EtcTree, sameEtcAttributes, sameEtcNode } from '../etc-merge-tree.ts';
import { type AccountPackage, planIds } from './account-merge.ts';
import { carryBesides, placeRecord, readBesides } from './besides.ts';
import { conflictsFile } from './conflicts.ts';
import { mergeLeaf } from './leaf.ts';
import { withOwners } from './owners.ts';
import type { EtcPlan, EtcResultNode, EtcSides } from './result.ts';
import { EtcRules } from './rules.ts';
import { EtcRun } from './run.ts';
import { mergeServices, serviceLinkOf } from './services-merge.ts';

/** The plan that carries the admin's changes over to the new defaults. Never throws for what the trees hold. */
export function planEtc(trees: EtcSides, packageOf?: AccountPackage): EtcPlan {
  const ids = planIds(trees.base, trees.live, trees.target, packageOf);
  const sides: EtcSides = {
    base: withOwners(trees.base, ids.base),
    live: trees.live,
    target: withOwners(trees.target, ids.target),
  };
  const notes = [...trees.live.notes, ...ids.notes];
  const run = new EtcRun(sides, EtcRules.read(trees.live, trees.target, notes), ids.target);
  const besides = readBesides(trees.live);
  new Walk(run, besides).folder('');
  placeServices(run);
  carryBesides(run, besides);
  run.placeBesides();
  run.conflicts.sort((a, b) => compareBytes(a.path, b.path));
  placeRecord(run);
  for (const { file, note } of ids.clashes) run.note(file, 'id-conflict', note);
  const local = etcDifference(trees.base, trees.live);
  return {
    entries: run.entries.sort((a, b) => compareBytes(a.path, b.path)),
    conflicts: run.conflicts,
    result: run.result,
    owners: ids.target,
    modified: local.modified.length,
    removed: local.removed.length,
    added: local.added.length,
    notes: [...notes, ...run.notes],
  };
}

/** Walks the three trees from the top. */
class Walk {
  readonly #run: EtcRun;
  readonly #besides: { has(path: string): boolean };
  readonly #children = new Map<string, string[]>();

  constructor(run: EtcRun, besides: { has(path: string): boolean }) {
    this.#run = run;
    this.#besides = besides;
    const { base, live, target } = run.sides;
    for (const path of new Set([...base.nodes.keys(), ...live.nodes.keys(), ...target.nodes.keys()])) {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
      const names = this.#children.get(folder);
      if (names === undefined) this.#children.set(folder, [path]);
      else names.push(path);
    }
    for (const names of this.#children.values()) names.sort(compareBytes);
  }

  folder(folder: string): void {
    for (const path of this.#children.get(folder) ?? []) this.#path(path);
  }

  #path(path: string): void {
    const { base, live, target } = this.#run.sides;
    if (isOurs(path) || isServiceLink(this.#run.sides, path)) return;
    const [b, l, t] = [base.nodes.get(path), live.nodes.get(path), target.nodes.get(path)];
    // A copy of a side that lost an earlier merge is dealt with when all else is decided.
    if (b === undefined && t === undefined && this.#besides.has(path)) return;
    if (l?.kind === 'dir' && t?.kind === 'dir') this.#bothFolders(path, b, l, t);
    else if (l?.kind === 'dir' && t === undefined) this.#liveFolder(path, b, l);
    else if (t?.kind === 'dir' && l === undefined) this.#targetFolder(path, b);
    else if (l?.kind === 'dir' || t?.kind === 'dir') this.#folderAndLeaf(path, b, l, t);
    else mergeLeaf(this.#run, path);
  }

  #bothFolders(path: string, b: EtcNode | undefined, l: EtcNode, t: EtcNode): void {
    const untouched = b !== undefined && b.kind === 'dir' && sameEtcAttributes(b, l);
    this.#run.take(untouched ? 'target' : 'live', path);
    if (untouched && !sameEtcAttributes(b, t)) this.#run.note(path, 'updated');
    if (!untouched && !sameEtcAttributes(l, t)) this.#run.note(path, 'kept', 'your owner and mode');
    this.folder(path);
  }

  /** The admin's own folder stays; one that the new defaults lack stays for what the admin has in it. */
  #liveFolder(path: string, b: EtcNode | undefined, l: EtcNode): void {
    this.#run.take('live', path);
    const before = this.#run.result.size;
    this.folder(path);
    if (b?.kind !== 'dir') {
      this.#run.note(path, 'kept');
    } else if (this.#run.result.size === before && sameEtcAttributes(b, l)) {
      this.#run.result.delete(path);
      this.#run.note(path, 'updated');
    } else {
      this.#run.note(path, 'kept', 'no longer in the new defaults');
    }
  }

  /** New files come into a folder that the admin deleted; those that were deleted with it stay so. */
  #targetFolder(path: string, b: EtcNode | undefined): void {
    this.#run.take('target', path);
    const before = this.#run.result.size;
    this.folder(path);
    if (b?.kind !== 'dir') {
      this.#run.note(path, 'updated');
    } else if (this.#run.result.size === before) {
      this.#run.result.delete(path);
      this.#run.note(path, 'deleted');
    } else {
      this.#run.note(path, 'updated', 'deleted here; the new files in it come');
    }
  }

  #folderAndLeaf(path: string, b: EtcNode | undefined, l: EtcNode | undefined, t: EtcNode | undefined): void {
    const { base, live, target } = this.#run.sides;
    const rule = this.#run.rules.ruleFor(path);
    const winner =
      rule === 'accept' || sameSubtree(base, live, path)
        ? 'target'
        : rule === 'keep' || sameSubtree(base, target, path)
          ? 'live'
          : undefined;
    if (winner !== undefined) {
      this.#takeTree(winner, path);
      this.#run.note(path, winner === 'target' ? 'updated' : 'kept');
    } else if (l?.kind === 'dir' && b?.kind !== 'dir' && t !== undefined) {
      this.#takeTree('live', path);
      this.#run.note(path, 'conflict', 'a directory here, a file in the new defaults');
      this.#run.conflict(path, 'both', 'target');
    } else {
      const note =
        t?.kind === 'dir'
          ? 'a directory in the new defaults, not one in the current /etc'
          : `${path} is no longer a directory in the new defaults`;
      this.#takeTree('live', path);
      this.#run.note(path, 'type-conflict', note);
    }
  }

  #takeTree(from: 'live' | 'target', path: string): void {
    this.#run.take(from, path);
    if (this.#run.sides[from].nodes.get(path)?.kind !== 'dir') return;
    for (const child of this.#children.get(path) ?? []) {
      if (this.#run.sides[from].nodes.has(child)) this.#takeTree(from, child);
    }
  }
}

function isOurs(path: string): boolean {
  // libostree's mark of a deployment whose /etc is new, and our own record.
  return path === '.updated' || path === conflictsFile;
}

function isServiceLink({ base, live, target }: EtcSides, path: string): boolean {
  return (
    path.startsWith('rc.d/') &&
    [base, live, target].every((tree) => !tree.nodes.has(path) || serviceLinkOf(tree, path) !== undefined)
  );
}

function sameSubtree(a: EtcTree, b: EtcTree, path: string): boolean {
  const inside = (tree: EtcTree) =>
    [...tree.nodes.keys()].filter((p) => p === path || p.startsWith(`${path}/`));
  const paths = new Set([...inside(a), ...inside(b)]);
  return [...paths].every((p) => sameEtcNode(a, b, p));
}

/** The links of rc.d, once it is known which init scripts there are. */
function placeServices(run: EtcRun): void {
  if (run.result.get('rc.d')?.kind !== 'dir') return;
  const sides = {
    base: linksOnly(run.sides, 'base'),
    live: linksOnly(run.sides, 'live'),
    target: linksOnly(run.sides, 'target'),
  };
  const paths = { base: pathsByService(sides.base), live: pathsByService(sides.live) };
  for (const service of mergeServices(sides, (name) => run.result.has(`init.d/${name}`))) {
    const names = new Set(service.links.map((link) => `rc.d/${link.name}`));
    for (const link of service.links) {
      const path = `rc.d/${link.name}`;
      const node: EtcResultNode = linkNode(run.sides, link.from, path) ?? {
        kind: 'symlink',
        uid: 0,
        gid: 0,
        mode: 0o777,
        target: link.target,
      };
      if (!run.result.has(path)) run.result.set(path, node);
    }
    const before = new Set(paths.base.get(service.service));
    const same = names.size === before.size && [...names].every((name) => before.has(name));
    const live = paths.live.get(service.service) ?? [];
    const unchanged = same && live.length === names.size && live.every((name) => names.has(name));
    if (!unchanged) run.note(`init.d/${service.service}`, service.class, noteOf(service, names));
  }
}

function noteOf(service: { readonly note?: string }, names: ReadonlySet<string>): string {
  if (service.note !== undefined) return service.note;
  return names.size === 0 ? 'the service stays disabled' : `service links: ${[...names].sort().join(', ')}`;
}

function linksOnly(sides: EtcSides, side: keyof EtcSides): EtcTree {
  const tree = sides[side];
  const nodes = new Map(
    [...tree.nodes].filter(([path]) => path.startsWith('init.d/') || isServiceLink(sides, path)),
  );
  return { ...tree, nodes };
}

function pathsByService(tree: EtcTree): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const path of tree.nodes.keys()) {
    const service = serviceLinkOf(tree, path)?.service;
    if (service === undefined) continue;
    const known = paths.get(service);
    if (known === undefined) paths.set(service, [path]);
    else known.push(path);
  }
  return paths;
}

function linkNode(sides: EtcSides, from: 'live' | 'target', path: string): EtcResultNode | undefined {
  const node = sides[from].nodes.get(path);
  if (node?.kind !== 'symlink') return undefined;
  const { uid, gid, mode, target = '' } = node;
  return { kind: 'symlink', uid, gid, mode, target };
}
