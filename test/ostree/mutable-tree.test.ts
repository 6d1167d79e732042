import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Checksum, RelPath } from '../../src/base/index.ts';
import { diffTrees, MutableTree, type Repository } from '../../src/ostree/index.ts';
import { codeOf, commitSpec, dirAttributes, fillTree, newRepo, p, scratch } from './support.ts';

const dir = scratch();
const repo = newRepo(join(dir, 'repo'), 'archive');

/** Counts dirtree loads. */
function counting(source: Repository): { repo: Repository; loads: Checksum[] } {
  const loads: Checksum[] = [];
  const wrapped = Object.create(source, {
    loadDirtree: {
      value: (checksum: Checksum) => {
        loads.push(checksum);
        return source.loadDirtree(checksum);
      },
    },
  }) as Repository;
  return { repo: wrapped, loads };
}

describe('MutableTree', () => {
  it('looks up, lists and walks without following symlinks', async () => {
    const commit = await commitSpec(repo, undefined, {
      'usr/bin/x': '1',
      'bin@': 'usr/bin',
      'var/': '',
      é: '2',
    });
    const tree = MutableTree.fromCommit(repo, commit);
    expect(tree.lookup(p('usr/bin'))).toEqual({ kind: 'dir', attributes: dirAttributes() });
    expect(tree.lookup(p('usr/bin/x'))?.kind).toBe('file');
    expect(tree.lookup(p('bin'))?.kind).toBe('file');
    expect(tree.lookup(p('bin/x'))).toBeUndefined();
    expect(tree.lookup(p('nothing'))).toBeUndefined();
    expect(tree.lookup(p(''))?.kind).toBe('dir');
    expect(tree.list(p(''))).toEqual([
      { name: 'bin', kind: 'file' },
      { name: 'é', kind: 'file' },
      { name: 'usr', kind: 'dir' },
      { name: 'var', kind: 'dir' },
    ]);
    expect([...tree.walk(p('usr'))].map((e) => `${e.kind} ${e.path}`)).toEqual([
      'dir usr/bin',
      'file usr/bin/x',
    ]);
    expect(await codeOf(() => tree.list(p('bin')))).toBe('OSTREE_PATH_KIND');
    expect(await codeOf(() => tree.list(p('no')))).toBe('OSTREE_PATH_NOT_FOUND');
  });

  it('writes only what changed, and reads only what it needs', async () => {
    const commit = await commitSpec(repo, undefined, { 'a/x': '1', 'b/c/y': '2', 'b/d/z': '3' });
    const counted = counting(repo);
    const tree = MutableTree.fromCommit(counted.repo, commit);
    await repo.withTransaction((txn) => {
      expect(tree.write(txn).tree).toBe(repo.loadCommit(commit).tree);
      expect(counted.loads).toHaveLength(0);
      fillTree(txn, tree, { 'b/c/new': 'n' });
      const written = tree.write(txn);
      expect(counted.loads).toHaveLength(3);
      expect(written.tree).not.toBe(repo.loadCommit(commit).tree);
      tree.remove(p('b/c/new'));
      expect(tree.write(txn).tree).toBe(repo.loadCommit(commit).tree);
    });
  });

  it('keeps files and directories apart', async () => {
    await repo.withTransaction(async (txn) => {
      const tree = MutableTree.empty(repo, dirAttributes());
      fillTree(txn, tree, { 'd/f': '1' });
      const file = tree.lookup(p('d/f'));
      const checksum = file?.kind === 'file' ? file.checksum : ('' as Checksum);
      expect(await codeOf(() => tree.putFile(p('d'), checksum))).toBe('OSTREE_PATH_KIND');
      expect(await codeOf(() => tree.putFile(p('d/f/g'), checksum))).toBe('OSTREE_PATH_KIND');
      expect(await codeOf(() => tree.putFile(p('no/g'), checksum))).toBe('OSTREE_PATH_NOT_FOUND');
      expect(await codeOf(() => tree.putFile('../x' as RelPath, checksum))).toBe('OSTREE_PATH_NOT_FOUND');
      expect(await codeOf(() => tree.putFile('..' as RelPath, checksum))).toBe('OSTREE_NAME_INVALID');
      expect(await codeOf(() => tree.ensureDirectory(p('d/f/g'), dirAttributes()))).toBe('OSTREE_PATH_KIND');
      expect(tree.remove(p('nothing'))).toBe(false);
      expect(tree.remove(p(''))).toBe(false);
      expect(tree.remove(p('d'))).toBe(true);
      expect(tree.list(p(''))).toEqual([]);
    });
  });

  it('sets attributes of directories, the root included, and keeps those of existing ones', async () => {
    const commit = await commitSpec(repo, undefined, { 'a/b/c': '1' });
    const tree = MutableTree.fromCommit(repo, commit);
    tree.ensureDirectory(p('a/b/n'), dirAttributes(0o700));
    tree.setAttributes(p('a'), dirAttributes(0o711));
    tree.setAttributes(p(''), dirAttributes(0o1777));
    const written = await repo.withTransaction((txn) => tree.write(txn));
    const again = MutableTree.open(repo, written.tree, written.meta);
    expect(again.lookup(p(''))).toEqual({ kind: 'dir', attributes: dirAttributes(0o1777) });
    expect(again.lookup(p('a'))).toEqual({ kind: 'dir', attributes: dirAttributes(0o711) });
    expect(again.lookup(p('a/b'))).toEqual({ kind: 'dir', attributes: dirAttributes(0o755) });
    expect(again.lookup(p('a/b/n'))).toEqual({ kind: 'dir', attributes: dirAttributes(0o700) });
  });

  it('gives one tree for one content, whatever the order of the changes', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'Z', 'é');
    const path = fc.array(name, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/dir-'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        async (paths, seed) => {
          await repo.withTransaction((txn) => {
            const build = (order: string[]) => {
              const tree = MutableTree.empty(repo, dirAttributes());
              fillTree(txn, tree, { 'gone/x': 'x' });
              for (const one of order) fillTree(txn, tree, { [`t/${one}/leaf`]: one });
              tree.remove(p('gone'));
              return tree.write(txn).tree;
            };
            const rotated = [...paths.slice(seed % paths.length), ...paths.slice(0, seed % paths.length)];
            expect(build(rotated.reverse())).toBe(build(paths));
          });
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('diffTrees', () => {
  it('lists added trees whole, removed ones by their top, and changed attributes', async () => {
    const a = await commitSpec(repo, undefined, { same: '0', f: '1', 'd/x': '1', 'e/': '', 'kind/': '' });
    const tree = MutableTree.fromCommit(repo, a);
    const b = await repo.withTransaction((txn) => {
      fillTree(txn, tree, { f: '2', 'n/m/o': '3' });
      tree.remove(p('d'));
      tree.remove(p('kind'));
      fillTree(txn, tree, { kind: 'file now' });
      tree.setAttributes(p('e'), dirAttributes(0o700));
      return txn.writeCommit({ metadata: [], subject: '', body: '', timestamp: 1, ...tree.write(txn) });
    });
    expect(diffTrees(repo, a, b)).toEqual({
      added: ['n', 'n/m', 'n/m/o'],
      removed: ['d'],
      modified: ['e', 'f', 'kind'],
    });
    expect(diffTrees(repo, a, a)).toEqual({ added: [], removed: [], modified: [] });
  });
});
