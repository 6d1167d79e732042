import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checksum, RefName } from '../../src/base/index.ts';
import {
  checkout,
  commitDirectory,
  diffTrees,
  fsck,
  log,
  MutableTree,
  prune,
  pullLocal,
  type RepoMode,
  Repository,
  v,
} from '../../src/ostree/index.ts';
import { commitSpec, hasProgram, isRoot, newRepo, p, scratch } from '../ostree/support.ts';

const usable = isRoot && hasProgram('ostree') && hasProgram('setfattr');
const dir = scratch();
let counter = 0;
const fresh = (name: string) => join(dir, `${name}-${counter++}`);
const modes: RepoMode[] = ['bare', 'bare-user', 'archive'];

function ostree(repo: Repository | string, ...args: string[]): string {
  const path = typeof repo === 'string' ? repo : repo.path;
  const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' };
  return execFileSync('ostree', [`--repo=${path}`, ...args], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A repository that the real tool made. */
function theirs(mode: RepoMode): Repository {
  const path = fresh(`theirs-${mode}`);
  execFileSync('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
  ostree(path, 'config', 'set', 'core.min-free-space-percent', '0');
  return Repository.open(path);
}

const ours = (mode: RepoMode) => newRepo(fresh(`ours-${mode}`), mode);

/** Everything awkward: setuid, sticky, owners, empty files, attributes, links, names, and many files. */
function awkwardTree(files: number): string {
  const root = fresh('tree');
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  mkdirSync(join(root, 'names'));
  mkdirSync(join(root, 'many'));
  writeFileSync(join(root, 'usr/bin/su'), '#!/bin/sh\n');
  chownSync(join(root, 'usr/bin/su'), 0, 42);
  chmodSync(join(root, 'usr/bin/su'), 0o6755);
  writeFileSync(join(root, 'usr/bin/zero'), '', { mode: 0o600 });
  writeFileSync(join(root, 'usr/bin/secret'), 'secret');
  chmodSync(join(root, 'usr/bin/secret'), 0o000);
  writeFileSync(join(root, 'usr/large'), Buffer.alloc(3_000_000, 'large '));
  chownSync(join(root, 'empty'), 7, 8);
  chmodSync(join(root, 'empty'), 0o1770);
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('/nowhere/ü', join(root, 'usr/dangling'));
  lchownSync(join(root, 'usr/dangling'), 11, 12);
  for (const name of [
    'é',
    '\u{1f600}',
    '\ufffc',
    'a b',
    'a\nb',
    'back\\slash',
    '-dash',
    'Z',
    '0',
    '~',
    'n=1',
    '#h',
    'a.b',
    'a-b',
    'a',
  ]) {
    writeFileSync(join(root, 'names', name), name);
  }
  for (let i = 0; i < files; i++) writeFileSync(join(root, 'many', `file-${i}`), `content ${i % 2000}`);
  const set = (path: string, name: string, value: string) =>
    execFileSync('setfattr', ['-h', '-n', name, '-v', value, join(root, path)]);
  set('names/a\nb', 'user.two', '0x0001ff');
  set('names/a\nb', 'user.one', 'x');
  set('usr/large', 'user.large', 'y');
  set('empty', 'trusted.of-a-dir', 'z');
  set('usr/dangling', 'trusted.of-a-link', 'w');
  return root;
}

/** Commits as `ostree commit -b REF -s SUBJECT --timestamp=...` does. */
async function commitOurs(repo: Repository, tree: string, ref: string, subject = 'same'): Promise<Checksum> {
  return repo.withTransaction(async (txn) => {
    const root = await commitDirectory(txn, tree, { xattrs: true });
    const commit = txn.writeCommit({
      metadata: [
        ['version', v.string('1.2')],
        ['ostree.ref-binding', v.strings([ref])],
      ],
      subject,
      body: '',
      timestamp: 1_704_164_645,
      ...root,
    });
    txn.setRef(ref as RefName, commit);
    return commit;
  });
}

const commitTheirs = (repo: Repository, tree: string, ref: string, ...more: string[]): string =>
  ostree(
    repo,
    'commit',
    '-b',
    ref,
    '-s',
    'same',
    '--timestamp=2024-01-02T03:04:05Z',
    '--add-metadata-string=version=1.2',
    `--tree=dir=${tree}`,
    ...more,
  ).trim();

/** Type, mode, owner, link target, attributes and content of everything in a directory, as text. */
function fingerprint(root: string): string {
  const list = execFileSync(
    'sh',
    [
      '-c',
      'find . -printf "%p %y %m %U %G %l %s\\n" | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; getfattr -R -P -h -d -m - -e hex .',
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  // Sizes of directories depend on their file system's history.
  return list.replace(/^(\S+ d .*) \d+$/gmu, '$1');
}

describe.skipIf(!usable)('with the real ostree (needs root, ostree and attr)', () => {
  const large = usable ? awkwardTree(3000) : '';
  const tree = usable ? awkwardTree(50) : '';

  describe.each(modes)('a %s repository', (mode) => {
    it('gets the same commit from both, and each accepts the other’s', async () => {
      const [mine, other] = [ours(mode), theirs(mode)];
      const commit = await commitOurs(mine, large, 'test/main');
      expect(commitTheirs(other, large, 'test/main')).toBe(commit);

      expect(ostree(mine, 'fsck')).toContain('no errors found');
      expect(ostree(mine, 'ls', '-R', '-C', '-X', 'test/main')).toBe(
        ostree(other, 'ls', '-R', '-C', '-X', 'test/main'),
      );
      expect(ostree(mine, 'log', 'test/main')).toBe(ostree(other, 'log', 'test/main'));
      expect(ostree(mine, 'refs')).toBe('test/main\n');
      expect(ostree(mine, 'rev-parse', 'test/main').trim()).toBe(commit);

      const read = Repository.open(other.path);
      expect((await fsck(read, { verifyBindings: true })).faults).toEqual([]);
      expect(read.resolveRev('test/main')).toBe(commit);
      expect([...log(read, commit)].map((e) => e.commit.subject)).toEqual(['same']);
      expect(MutableTree.fromCommit(read, commit).list(p('many'))).toHaveLength(3000);
      const file = (repo: Repository, path: string) => {
        const found = MutableTree.fromCommit(repo, commit).lookup(p(path));
        return repo.loadFile(found?.kind === 'file' ? found.checksum : commit);
      };
      for (const path of ['usr/bin/su', 'usr/dangling', 'names/a\nb']) {
        expect(file(read, path).attributes).toEqual(file(mine, path).attributes);
        expect(file(read, path).target).toBe(file(mine, path).target);
      }
      // A second commit of the same tree writes nothing but the commit.
      await commitOurs(read, large, 'test/again', 'again');
      expect(ostree(other, 'fsck')).toContain('no errors found');
    });

    it('is checked out alike', async () => {
      const repo = ours(mode);
      const commit = await commitOurs(repo, tree, 'test/main');
      const [mine, other] = [fresh('mine'), fresh('other')];
      await checkout(repo, commit, mine);
      ostree(repo, 'checkout', 'test/main', other);
      expect(fingerprint(mine)).toBe(fingerprint(other));
      const [mineUser, otherUser] = [fresh('mine'), fresh('other')];
      await checkout(repo, commit, mineUser, { userMode: true });
      ostree(repo, 'checkout', '-U', 'test/main', otherUser);
      expect(fingerprint(mineUser)).toBe(fingerprint(otherUser));
      expect(ostree(repo, 'fsck')).toContain('no errors found');
    });

    it('looks alike on disk', async () => {
      const [mine, other] = [ours(mode), theirs(mode)];
      await commitOurs(mine, tree, 'test/main');
      commitTheirs(other, tree, 'test/main');
      const listing = (repo: Repository) =>
        execFileSync(
          'sh',
          [
            '-c',
            `find objects -type f -printf '%P %m %U %G ${mode === 'archive' ? '' : '%s %T@'}\\n' -o -type l -printf '%P %U %G %l\\n' | LC_ALL=C sort`,
          ],
          { cwd: repo.path, encoding: 'utf8', maxBuffer: 1 << 26 },
        )
          // Metadata objects carry the time of writing.
          .replace(/^(\S+\.(?:dir\w+|commit) .*) \S+$/gmu, '$1');
      expect(listing(mine)).toBe(listing(other));
      const xattrs = (repo: Repository) =>
        execFileSync('sh', ['-c', 'getfattr -R -P -h -d -m - -e hex objects'], {
          cwd: repo.path,
          encoding: 'utf8',
          maxBuffer: 1 << 26,
        })
          .split('\n\n')
          .sort()
          .join('\n\n');
      expect(xattrs(mine)).toBe(xattrs(other));
    });

    it.each(modes)('pulls from and to %s, both ways', async (otherMode) => {
      const [source, dest, back] = [ours(mode), theirs(otherMode), ours(mode)];
      const commit = await commitOurs(source, tree, 'test/main');
      ostree(dest, 'pull-local', source.path, 'test/main');
      expect(ostree(dest, 'rev-parse', 'test/main').trim()).toBe(commit);
      await pullLocal(back, dest, ['test/main'], { remote: 'origin' });
      expect(ostree(back, 'fsck')).toContain('no errors found');
      expect(ostree(back, 'refs').trim()).toBe('origin:test/main');
      expect((await fsck(back)).faults).toEqual([]);
      await pullLocal(dest, source, ['test/main'], { untrusted: true });
      expect(ostree(dest, 'fsck')).toContain('no errors found');
    });
  });

  it('united checkouts leave what ostree leaves', async () => {
    const repo = ours('bare');
    await commitSpec(repo, 'test/main', { 'd/f': 'new', 'd/only': 'o', g: 'g', 'l@': 'g' });
    for (const [union, flag] of [
      ['files', '--union'],
      ['add', '--union-add'],
    ] as const) {
      const results = ['mine', 'other'].map((name) => {
        const dest = fresh(name);
        mkdirSync(join(dest, 'd'), { recursive: true });
        chmodSync(join(dest, 'd'), 0o711);
        writeFileSync(join(dest, 'd/f'), 'old');
        writeFileSync(join(dest, 'd/kept'), 'kept');
        symlinkSync('elsewhere', join(dest, 'g'));
        return dest;
      });
      const [mine = '', other = ''] = results;
      await checkout(repo, repo.resolveRev('test/main'), mine, { union });
      ostree(repo, 'checkout', '-H', flag, 'test/main', other);
      expect(fingerprint(mine)).toBe(fingerprint(other));
    }
  });

  it('differences are those that ostree lists', async () => {
    const repo = ours('archive');
    const a = await commitSpec(repo, 'a', { same: '0', f: '1', 'd/x/y': '1', 'e/z': '', 'deep/er/f': '1' });
    const b = await commitSpec(repo, 'b', { same: '0', f: '2', 'n/m/o': '3', 'e/z': '1', 'deep/er/f': '2' });
    const diff = diffTrees(repo, a, b);
    const lines = [
      ...diff.modified.map((path) => `M    /${path}`),
      ...diff.removed.map((path) => `D    /${path}`),
      ...diff.added.map((path) => `A    /${path}`),
    ];
    expect(lines.sort()).toEqual(ostree(repo, 'diff', 'a', 'b').trim().split('\n').sort());
  });

  it('prune removes what ostree would remove', async () => {
    const build = async () => {
      const repo = ours('archive');
      const one = await commitSpec(repo, 'a', { f: '1', 'd/same': 's' });
      const two = await commitSpec(repo, 'a', { f: '2', 'd/same': 's' }, { parent: one });
      await commitSpec(repo, 'a', { f: '3' }, { parent: two });
      const gone = await commitSpec(repo, 'gone', { f: '4', 'x/y': 'z' });
      await repo.withTransaction((txn) => {
        txn.writeDetachedMetadata(gone, [['k', v.string('v')]]);
        txn.setRef('gone' as RefName, undefined);
      });
      return repo;
    };
    const objects = (repo: Repository) =>
      readdirSync(join(repo.path, 'objects'), { recursive: true })
        .filter((n) => String(n).includes('.'))
        .sort();
    for (const depth of [-1, 0, 1]) {
      const [mine, other] = [await build(), await build()];
      expect(objects(mine)).toEqual(objects(other));
      await prune(mine, { refsOnly: true, depth });
      ostree(other, 'prune', '--refs-only', `--depth=${depth}`);
      expect(objects(mine)).toEqual(objects(other));
      expect(ostree(mine, 'fsck')).toContain('no errors found');
    }
  });

  it('a damaged repository is damaged for both', async () => {
    const repo = ours('archive');
    const commit = await commitSpec(repo, 'a', { f: 'text' });
    const { tree } = repo.loadCommit(commit);
    const checksum = repo.loadDirtree(tree).files[0]?.checksum ?? commit;
    const other = await repo.withTransaction((txn) =>
      txn.writeFile({ uid: 0, gid: 0, mode: 0o100644, xattrs: [] }, Buffer.from('evil')),
    );
    execFileSync('cp', [repo.objectPath('file', other), repo.objectPath('file', checksum)]);
    expect(spawnSync('ostree', [`--repo=${repo.path}`, 'fsck']).status).not.toBe(0);
    expect((await fsck(repo)).faults).toMatchObject([{ kind: 'corrupt', checksum }]);
  });

  it('refs, aliases and remote refs are read alike', async () => {
    const repo = theirs('archive');
    const commit = commitTheirs(repo, join(tree, 'names'), 'deep/er/ref');
    ostree(repo, 'refs', '--create=origin:x/y', 'deep/er/ref');
    ostree(repo, 'refs', '-A', '--create=alias', 'deep/er/ref');
    expect([...repo.listRefs()]).toEqual([
      ['alias', commit],
      ['deep/er/ref', commit],
      ['origin:x/y', commit],
    ]);
    expect(ostree(repo, 'rev-parse', 'deep/er/ref^'.slice(0, -1)).trim()).toBe(repo.resolveRev('alias'));
    await repo.withTransaction((txn) => txn.setRef('deep/other' as RefName, commit as Checksum));
    expect(ostree(repo, 'refs').trim().split('\n').sort()).toEqual([
      'alias',
      'deep/er/ref',
      'deep/other',
      'origin:x/y',
    ]);
    expect(statSync(join(repo.path, 'refs/heads/deep/other')).size).toBe(65);
  });
});
