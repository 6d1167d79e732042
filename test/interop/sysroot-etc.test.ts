import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyEtcMerge, copyEtcTree, etcEntriesOf, planEtcMerge } from '../../src/state/etc-merge.ts';
import { hasOstree, isRoot, ostree, vectorTree, writeTree } from '../boot/support.ts';

/** A tree as a list of nodes; later ones that do not fit an earlier one's type are left out. */
type Node = readonly [path: string, content: string, mode: number];

const paths = ['a', 'b', 'd', 'd/x', 'd/y', 'd/e', 'd/e/z', 'f/g', 'f/h'];
const node = fc.tuple(
  fc.constantFrom(...paths),
  fc.constantFrom('1', '2', '3', '-> t1', '-> t2', 'dir'),
  fc.constantFrom(0o644, 0o600, 0o755),
);
const tree = fc.array(node, { maxLength: 9 });

function writeEtc(root: string, nodes: readonly Node[]): void {
  fs.mkdirSync(root, { recursive: true });
  for (const [path, content, mode] of nodes) {
    const at = join(root, path);
    try {
      fs.mkdirSync(dirname(at), { recursive: true });
      if (
        fs.lstatSync(at, { throwIfNoEntry: false }) !== undefined ||
        fs.lstatSync(dirname(at)).isSymbolicLink()
      )
        continue;
    } catch {
      continue;
    }
    if (content === 'dir') fs.mkdirSync(at);
    else if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), at);
    else fs.writeFileSync(at, content);
    if (!content.startsWith('-> ')) fs.chmodSync(at, content === 'dir' ? mode | 0o700 : mode);
  }
}

function kindOf(path: string): 'none' | 'dir' | 'link' | 'file' {
  let stats: fs.Stats;
  try {
    stats = fs.lstatSync(path);
  } catch {
    return 'none';
  }
  return stats.isDirectory() ? 'dir' : stats.isSymbolicLink() ? 'link' : 'file';
}

/** Every path with type, mode and content. */
function describeTree(root: string, folder = ''): string[] {
  return fs
    .readdirSync(join(root, folder))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      const stats = fs.lstatSync(join(root, path));
      if (stats.isSymbolicLink()) return [`${path} -> ${fs.readlinkSync(join(root, path))}`];
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isFile()) return [`${path} ${mode} ${fs.readFileSync(join(root, path), 'utf8')}`];
      return [`${path}/ ${mode}`, ...describeTree(root, path)];
    });
}

describe.skipIf(!hasOstree || !isRoot)(
  'the merge of /etc beside the real one (needs ostree and root)',
  () => {
    let scratch: string;
    beforeEach(() => {
      scratch = fs.mkdtempSync(join(tmpdir(), 'etc-interop-'));
    });
    afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

    /** `/etc` after `ostree admin deploy`, or undefined where the real tool refuses. */
    function theirs(
      root: string,
      sides: { old: Node[]; current: Node[]; fresh: Node[] },
    ): string[] | undefined {
      fs.mkdirSync(root);
      ostree(['admin', 'init-fs', root]);
      ostree(['admin', 'os-init', 'o', `--sysroot=${root}`]);
      const repo = join(root, 'ostree/repo');
      ostree(['config', `--repo=${repo}`, 'set', 'core.fsync', 'false']);
      const deployDir = join(root, 'ostree/deploy/o/deploy');
      const deployTree = (nodes: Node[]) => {
        const dir = fs.mkdtempSync(join(scratch, 't-'));
        writeTree(dir, {
          'usr/lib/os-release': vectorTree['usr/lib/os-release'] ?? '',
          'usr/lib/modules/1/vmlinuz': 'K',
        });
        writeEtc(join(dir, 'usr/etc'), nodes);
        const commit = ostree([
          `--repo=${repo}`,
          'commit',
          '-b',
          'x',
          '--no-xattrs',
          `--tree=dir=${dir}`,
        ]).trim();
        ostree(['admin', 'deploy', `--sysroot=${root}`, '--os=o', 'x']);
        return commit;
      };
      const first = join(deployDir, `${deployTree(sides.old)}.0`);
      fs.rmSync(join(first, 'etc'), { recursive: true });
      writeEtc(join(first, 'etc'), sides.current);
      let second: string;
      try {
        second = deployTree(sides.fresh);
      } catch {
        return undefined;
      }
      const names = fs
        .readdirSync(deployDir)
        .filter((name) => name.startsWith(second) && !name.endsWith('.origin'));
      return describeTree(join(deployDir, names.sort().at(-1) ?? '', 'etc'));
    }

    /**
     * Our `/etc`, undefined where we refuse. `lenient`: a file that the admin deleted lay below what the new defaults have as a
     * file. The real tool stops with ENOTDIR there; for us that deletion is done already.
     */
    function ours(
      root: string,
      sides: { old: Node[]; current: Node[]; fresh: Node[] },
    ): { tree: string[] | undefined; lenient: boolean } {
      writeEtc(join(root, 'old'), sides.old);
      writeEtc(join(root, 'current'), sides.current);
      writeEtc(join(root, 'fresh'), sides.fresh);
      const plan = planEtcMerge(join(root, 'old'), join(root, 'current'), join(root, 'fresh'));
      const lenient = etcEntriesOf(plan, 'deleted').some(({ path }) => {
        const parts = path.split('/').slice(0, -1);
        return parts.some((_, index) => {
          const parent = join(root, 'fresh', ...parts.slice(0, index + 1));
          return ['file', 'link'].includes(kindOf(parent));
        });
      });
      if (etcEntriesOf(plan, 'type-conflict').length > 0) return { tree: undefined, lenient };
      copyEtcTree(join(root, 'fresh'), join(root, 'merged'));
      applyEtcMerge(plan, join(root, 'current'), join(root, 'merged'));
      return { tree: describeTree(join(root, 'merged')), lenient };
    }

    it('gives the same tree for any three trees, and refuses where the real one does', () => {
      let n = 0;
      const property = fc.property(tree, tree, tree, (old, current, fresh) => {
        const sides = { old, current, fresh };
        n++;
        const real = theirs(join(scratch, `real${n}`), sides);
        const mine = ours(join(scratch, `ours${n}`), sides);
        if (real !== undefined || !mine.lenient) expect(mine.tree).toEqual(real);
      });
      fc.assert(property, {
        numRuns: Number(process.env['ETC_RUNS'] ?? 40),
        endOnFailure: process.env['ETC_RUNS'] !== undefined,
        seed: Number(process.env['ETC_SEED'] ?? 7),
      });
    });
  },
);
