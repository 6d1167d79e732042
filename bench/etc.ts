/**
 * The merge of a 1,000-file `/etc` with 200 UCI files, from reading the three trees to the written result. Beside it, git's merge of
 * the same trees by line (in one process, from blobs that it has hashed ahead but for the admin's side) and diff3, a process for each file.
 * The goal is 150 ms for `upgrade`, in a new process as the command line is one; on a file system of its own.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { planEtc, readEtcTree, writeEtc } from '../src/state/index.ts';
import { openDisk } from './lib/disk.ts';
import { type EtcFolders, writeEtcTrees } from './lib/etc-tree.ts';
import { measure } from './lib/harness.ts';

/** Reads, plans and writes once; what each part took, in milliseconds. */
function mergeOnce(folders: EtcFolders, dest: string): { plan: number; total: number } {
  const began = performance.now();
  const sides = {
    base: readEtcTree(folders.base),
    live: readEtcTree(folders.live),
    target: readEtcTree(folders.target),
  };
  const plan = planEtc(sides);
  const planned = performance.now();
  writeEtc(plan, folders, dest);
  return { plan: planned - began, total: performance.now() - began };
}

function coldMerge(folders: EtcFolders, dest: string): { plan: number; total: number } {
  const args = [process.argv[1] ?? '', '--once', folders.base, folders.live, folders.target, dest];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

/** A repository that knows the defaults of both releases. */
function gitRepository(root: string, { base, target }: EtcFolders): string {
  const dir = join(root, 'git');
  execFileSync('git', ['init', '-q', dir]);
  for (const [name, folder] of [
    ['base', base],
    ['target', target],
  ] as const) {
    git(dir, folder, 'add', '-A');
    const tree = git(dir, folder, 'write-tree').trim();
    const parents = name === 'base' ? [] : ['-p', 'base'];
    git(dir, folder, 'tag', name, git(dir, folder, 'commit-tree', '-m', name, ...parents, tree).trim());
  }
  return dir;
}

function git(dir: string, work: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
  try {
    return execFileSync('git', [`--git-dir=${dir}/.git`, `--work-tree=${work}`, ...identity, ...args], {
      encoding: 'utf8',
    });
  } catch (error) {
    // merge-tree leaves 1 where there are conflicts, and the tree all the same.
    if (args[0] === 'merge-tree' && error instanceof Error && 'stdout' in error) return String(error.stdout);
    throw error;
  }
}

/** The admin's tree is read, merged, and the result written. */
function gitMerge(dir: string, { live }: EtcFolders, dest: string): void {
  git(dir, live, 'add', '-A');
  const commit = git(
    dir,
    live,
    'commit-tree',
    '-m',
    'live',
    '-p',
    'base',
    git(dir, live, 'write-tree').trim(),
  );
  const merged = git(dir, live, 'merge-tree', '--write-tree', commit.trim(), 'target').split('\n')[0] ?? '';
  git(dir, live, 'read-tree', merged);
  git(dir, live, 'checkout-index', '-a', '-f', `--prefix=${dest}/`);
}

const diff3Script = `cp -a "$3" "$4" && cd "$2" && find . -type f | while read -r f; do
	cmp -s "$1/$f" "$f" && continue
	if [ ! -e "$1/$f" ] || cmp -s "$1/$f" "$3/$f"; then cp -p "$f" "$4/$f"
	else diff3 -m "$f" "$1/$f" "$3/$f" >"$4/$f"; fi
done`;

async function main(): Promise<void> {
  const shares = {
    upgrade: { live: 25, target: 30, both: 15 },
    'all changed on both sides': { live: 0, target: 0, both: 200 },
  };
  for (const [name, share] of Object.entries(shares)) {
    const disk = openDisk(512);
    const root = join(disk.path, 'bench');
    mkdirSync(root);
    try {
      const folders = writeEtcTrees(root, share);
      const repo = gitRepository(root, folders);
      const dest = join(root, 'out');
      const prepare = () => rmSync(dest, { recursive: true, force: true });
      const variants = [
        { name: 'plan, new process', prepare, run: () => coldMerge(folders, dest).plan },
        { name: 'plan and write, new process', prepare, run: () => coldMerge(folders, dest).total },
        { name: 'plan and write, warm', prepare, run: () => mergeOnce(folders, dest).total },
        {
          name: 'git merge-tree, add to checkout',
          prepare: () => {
            prepare();
            rmSync(join(root, 'git'), { recursive: true, force: true });
            cpSync(join(root, 'git.0'), join(root, 'git'), { recursive: true });
          },
          run: () => gitMerge(repo, folders, dest),
        },
        {
          name: 'cmp and diff3 for each file',
          prepare,
          run: () =>
            execFileSync('sh', ['-c', diff3Script, 'sh', folders.base, folders.live, folders.target, dest]),
        },
      ];
      cpSync(repo, join(root, 'git.0'), { recursive: true });
      await measure(`etc ${name}`, variants, { rounds: 9, warmup: 2 });
    } finally {
      disk.end();
    }
  }
}

if (process.argv[2] === '--once') {
  const [base = '', live = '', target = '', dest = ''] = process.argv.slice(3);
  console.log(JSON.stringify(mergeOnce({ base, live, target }, dest)));
} else {
  await main();
}
