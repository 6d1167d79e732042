import {
  existsSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checksum, RefName } from '../../src/base/index.ts';
import {
  fsck,
  listAliases,
  log,
  MutableTree,
  prune,
  pullLocal,
  type RepoMode,
  Repository,
  v,
  writeAlias,
} from '../../src/ostree/index.ts';
import {
  codeOf,
  commitSpec,
  dirAttributes,
  fileAttributes,
  hasProgram,
  isRoot,
  newRepo,
  p,
  scratch,
} from './support.ts';

const dir = scratch();
let counter = 0;
const fresh = (name: string) => join(dir, `${name}-${counter++}`);
const modes = (['archive', 'bare', 'bare-user'] as RepoMode[]).filter(
  (mode) => mode === 'archive' || (isRoot && hasProgram('setfattr')),
);
const fileOf = (repo: Repository, commit: Checksum, path: string) => {
  const found = MutableTree.fromCommit(repo, commit).lookup(p(path));
  if (found?.kind !== 'file') throw new Error(path);
  return found.checksum;
};

describe.each(modes)('fsck of a %s repository', (mode) => {
  it('finds nothing wrong with a good one', async () => {
    const repo = newRepo(fresh('good'), mode);
    await commitSpec(repo, 'a', { 'd/f': '1', 'l@': 'd', big: 'x'.repeat(1_300_000) });
    expect(await fsck(repo, { verifyBindings: true })).toEqual({
      commits: 1,
      objects: 7,
      partial: [],
      faults: [],
      deleted: 0,
    });
  });

  it('finds changed content, changed attributes, broken and missing objects', async () => {
    const repo = newRepo(fresh('bad'), mode);
    const commit = await commitSpec(repo, 'a', { 'd/f': '1'.repeat(99), 'e/g': '2', 'h/i': '3' });
    const path = (name: string) => repo.objectPath('file', fileOf(repo, commit, name));
    const content = readFileSync(path('d/f'));
    content[content.length - 4] = (content.at(-4) ?? 0) ^ 1;
    writeFileSync(path('d/f'), content);
    unlinkSync(path('e/g'));
    const { dirs } = repo.loadDirtree(repo.loadCommit(commit).tree);
    const h = dirs.find((d) => d.name === 'h')?.tree as Checksum;
    writeFileSync(repo.objectPath('dirtree', h), 'garbage');
    const report = await fsck(repo);
    const kinds = report.faults.map((f) => `${f.kind} ${f.type}`).sort();
    expect(kinds).toEqual(['corrupt dirtree', 'corrupt file', 'missing file']);
    expect((await fsck(repo, { reachableOnly: true })).faults.length).toBeGreaterThanOrEqual(3);
    const deleted = await fsck(repo, { delete: true });
    expect(deleted.deleted).toBe(2);
    expect(readFileSync(join(repo.path, `state/${commit}.commitpartial`), 'utf8')).toBe('f');
    expect(await fsck(repo)).toMatchObject({ commits: 0, partial: [commit], faults: [] });
  });
});

describe('fsck', () => {
  it('takes refs that keep deployments as what they are', async () => {
    const repo = newRepo(fresh('keepers'), 'archive');
    const commit = await commitSpec(repo, 'main', { 'a/b': 'x' });
    await repo.withTransaction((txn) => {
      for (const ref of ['ostree/0/1/0', 'opkg-ostree/base/1', 'opkg-ostree/other'])
        txn.setRef(ref as RefName, commit);
    });
    expect((await fsck(repo, { verifyBindings: true })).faults).toMatchObject([
      { kind: 'ref-binding', ref: 'opkg-ostree/other' },
    ]);
  });

  it('names refs that lead nowhere, and refs that their commit is not bound to', async () => {
    const repo = newRepo(fresh('refs'), 'archive');
    const commit = await commitSpec(repo, 'a', {});
    await repo.withTransaction((txn) => txn.setRef('b' as RefName, commit));
    expect((await fsck(repo)).faults).toEqual([]);
    expect((await fsck(repo, { verifyBindings: true })).faults).toMatchObject([
      { kind: 'ref-binding', ref: 'b' },
    ]);
    unlinkSync(repo.objectPath('commit', commit));
    expect((await fsck(repo)).faults).toMatchObject([
      { kind: 'ref-missing', ref: 'a' },
      { kind: 'ref-missing', ref: 'b' },
    ]);
  });

  it('finds any flipped byte of any object', async () => {
    const repo = newRepo(fresh('flip'), 'archive');
    const commit = await commitSpec(repo, 'a', { f: 'some text' });
    const { tree, meta } = repo.loadCommit(commit);
    for (const [type, checksum] of [
      ['commit', commit],
      ['dirtree', tree],
      ['dirmeta', meta],
    ] as const) {
      const path = repo.objectPath(type, checksum);
      const good = readFileSync(path);
      for (let i = 0; i < good.length; i += 7) {
        const bad = Buffer.from(good);
        bad[i] = (bad[i] ?? 0) ^ 0x10;
        writeFileSync(path, bad);
        expect((await fsck(repo)).faults.some((f) => f.kind === 'corrupt' && f.checksum === checksum)).toBe(
          true,
        );
      }
      writeFileSync(path, good);
    }
    expect((await fsck(repo)).faults).toEqual([]);
  }, 60_000);
});

describe('prune', () => {
  const history = async (repo: Repository) => {
    const one = await commitSpec(repo, 'a', { f: '1', same: 's' });
    const two = await commitSpec(repo, 'a', { f: '2', same: 's' }, { parent: one });
    const three = await commitSpec(repo, 'a', { f: '3', same: 's' }, { parent: two });
    return [one, two, three] as const;
  };

  it('keeps everything that commits need, and drops the rest', async () => {
    const repo = newRepo(fresh('loose'), 'archive');
    const [one, two, three] = await history(repo);
    const stray = await repo.withTransaction((txn) => txn.writeFile(fileAttributes(), Buffer.from('stray')));
    const dry = await prune(repo, { dryRun: true });
    expect(dry).toMatchObject({ pruned: 1, commits: [] });
    expect(repo.hasObject('file', stray)).toBe(true);
    expect(await prune(repo)).toEqual(dry);
    expect(repo.hasObject('file', stray)).toBe(false);
    expect(repo.listCommits()).toEqual([one, two, three].sort());
    expect((await fsck(repo)).faults).toEqual([]);
  });

  it('drops history below the depth, and keeps extra roots', async () => {
    const repo = newRepo(fresh('depth'), 'archive');
    const [one, two, three] = await history(repo);
    const file = fileOf(repo, two, 'f');
    const report = await prune(repo, { refsOnly: true, depth: 0, extraRoots: [one] });
    expect(report.commits).toEqual([two]);
    expect(report.bytes).toBeGreaterThan(0);
    expect(repo.listCommits()).toEqual([one, three].sort());
    expect(repo.hasObject('file', file)).toBe(false);
    expect(repo.loadFile(fileOf(repo, one, 'f')).readAll()).toEqual(Buffer.from('1'));
    expect((await fsck(repo)).faults).toEqual([]);
  });

  it('removes commits without a ref, their detached metadata and their marker', async () => {
    const repo = Repository.init(fresh('tombstones'), {
      mode: 'archive',
      configure: (c) => c.set('core', 'tombstone-commits', true),
    });
    const commit = await commitSpec(repo, undefined, { f: 'x' });
    await repo.withTransaction((txn) => txn.writeDetachedMetadata(commit, [['k', v.string('v')]]));
    writeFileSync(join(repo.path, `state/${commit}.commitpartial`), '');
    await prune(repo, { refsOnly: true });
    expect(repo.listCommits()).toEqual([]);
    expect(existsSync(join(repo.path, `state/${commit}.commitpartial`))).toBe(false);
    expect(repo.hasObject('commitmeta', commit)).toBe(false);
    // The format: a dictionary with the commit's name.
    expect(readFileSync(repo.objectPath('tombstone-commit', commit)).toString('hex')).toBe(
      `636f6d6d69740000${Buffer.from(commit).toString('hex')}00006179074d`,
    );
    await commitSpec(repo, undefined, { f: 'x' });
    expect(existsSync(repo.objectPath('tombstone-commit', commit))).toBe(false);
  });

  it('tolerates what a partial commit lacks', async () => {
    const repo = newRepo(fresh('partial'), 'archive');
    const commit = await commitSpec(repo, 'a', { 'd/f': 'x' });
    const tree = repo.loadDirtree(repo.loadCommit(commit).tree).dirs[0]?.tree as Checksum;
    unlinkSync(repo.objectPath('dirtree', tree));
    expect(await codeOf(() => prune(repo))).toBe('OSTREE_OBJECT_MISSING');
    writeFileSync(join(repo.path, `state/${commit}.commitpartial`), '');
    expect((await prune(repo)).commits).toEqual([]);
  });
});

describe('pullLocal', () => {
  it.each(modes.flatMap((from) => modes.map((to) => [from, to] as const)))(
    'from %s to %s',
    async (from, to) => {
      const src = newRepo(fresh('src'), from);
      const dest = newRepo(fresh('dest'), to);
      const one = await commitSpec(src, 'a/b', { f: '1', 'l@': 'f', big: 'x'.repeat(1_200_000) });
      const two = await src.withTransaction((txn) => {
        const tree = MutableTree.empty(src, dirAttributes(0o700, 1, 2));
        const xattrs = [{ name: 'user.x', value: Buffer.from('y') }];
        tree.putFile(
          p('odd'),
          txn.writeFile({ ...fileAttributes(0o4711, 3, 4), xattrs }, Buffer.from('odd')),
        );
        const commit = txn.writeCommit({
          metadata: [],
          parent: one,
          subject: '',
          body: '',
          timestamp: 2,
          ...tree.write(txn),
        });
        txn.setRef('a/b' as RefName, commit);
        txn.writeDetachedMetadata(commit, [['k', v.string('v')]]);
        return commit;
      });
      const report = await pullLocal(dest, src, ['a/b'], { remote: 'origin', depth: -1 });
      expect(report.commits).toBe(2);
      expect(report.linked).toBe(from === to ? 4 : 0);
      expect(dest.readRef('origin:a/b')).toBe(two);
      expect(dest.loadDetachedMetadata(two)).toEqual([['k', v.string('v')]]);
      expect((await fsck(dest)).faults).toEqual([]);
      expect([...log(dest, two)].map((e) => e.checksum)).toEqual([two, one]);
      expect(dest.loadFile(fileOf(dest, two, 'odd')).attributes).toEqual(
        src.loadFile(fileOf(src, two, 'odd')).attributes,
      );
      expect(await pullLocal(dest, src, ['a/b'], { depth: -1 })).toMatchObject({ commits: 0, objects: 0 });
      expect(dest.readRef('a/b')).toBe(two);
    },
  );

  it('takes all local refs, tips only, when nothing is named', async () => {
    const src = newRepo(fresh('src'), 'archive');
    const one = await commitSpec(src, 'x', { f: '1' });
    const two = await commitSpec(src, 'x', { f: '2' }, { parent: one });
    const other = await commitSpec(src, 'y', { f: '3' });
    const dest = newRepo(fresh('dest'), 'archive');
    await pullLocal(dest, src, []);
    expect([...dest.listRefs()]).toEqual([
      ['x', two],
      ['y', other],
    ]);
    expect(dest.hasObject('commit', one)).toBe(false);
    expect([...log(dest, two)]).toHaveLength(1);
  });

  it('re-reads everything of an untrusted source', async () => {
    const src = newRepo(fresh('src'), 'archive');
    const commit = await commitSpec(src, 'x', { f: 'good' });
    const evil = await src.withTransaction((txn) => txn.writeFile(fileAttributes(), Buffer.from('evil')));
    writeFileSync(
      src.objectPath('file', fileOf(src, commit, 'f')),
      readFileSync(src.objectPath('file', evil)),
    );
    const dest = newRepo(fresh('dest'), 'archive');
    expect(await codeOf(() => pullLocal(dest, src, ['x'], { untrusted: true }))).toBe(
      'OSTREE_OBJECT_CORRUPT',
    );
    expect(dest.listCommits()).toEqual([]);
    expect([...dest.listRefs()]).toEqual([]);
  });

  it('refuses what is not there, partial, or bound to another ref', async () => {
    const src = newRepo(fresh('src'), 'archive');
    const commit = await commitSpec(src, 'x', { f: '1' });
    await src.withTransaction((txn) => txn.setRef('wrong' as RefName, commit));
    const dest = newRepo(fresh('dest'), 'archive');
    expect(await codeOf(() => pullLocal(dest, src, ['no']))).toBe('OSTREE_REF_NOT_FOUND');
    expect(await codeOf(() => pullLocal(dest, src, ['wrong']))).toBe('OSTREE_REF_BINDING');
    writeFileSync(join(src.path, `state/${commit}.commitpartial`), '');
    expect(await codeOf(() => pullLocal(dest, src, ['x']))).toBe('OSTREE_OBJECT_MISSING');
  });

  it('completes a commit that is here in part', async () => {
    const src = newRepo(fresh('src'), 'archive');
    const commit = await commitSpec(src, 'x', { f: '1' });
    const dest = newRepo(fresh('dest'), 'archive');
    await pullLocal(dest, src, ['x']);
    unlinkSync(dest.objectPath('file', fileOf(src, commit, 'f')));
    writeFileSync(join(dest.path, `state/${commit}.commitpartial`), '');
    expect(await pullLocal(dest, src, ['x'])).toMatchObject({ objects: 1 });
    expect(dest.isPartial(commit)).toBe(false);
    expect((await fsck(dest)).faults).toEqual([]);
  });
});

describe('aliases', () => {
  it('are symlinks that follow their ref', async () => {
    const repo = newRepo(fresh('alias'), 'archive');
    const one = await commitSpec(repo, 'real/one', { f: '1' });
    writeAlias(repo.path, 'current' as RefName, 'real/one' as RefName);
    expect(repo.readRef('current')).toBe(one);
    expect([...listAliases(repo.path)]).toEqual([['current', 'real/one']]);
    const two = await commitSpec(repo, 'real/one', { f: '2' });
    expect(repo.readRef('current')).toBe(two);
    expect(existsSync(join(repo.path, 'refs/heads/current'))).toBe(true);
  });

  it('that dangle or lead out of the refs do no harm', () => {
    const repo = newRepo(fresh('dangling'), 'archive');
    symlinkSync('nothing', join(repo.path, 'refs/heads/dangling'));
    expect(repo.readRef('dangling')).toBeUndefined();
    expect([...repo.listRefs()]).toEqual([]);
  });
});

describe('ref updates', () => {
  it('touch the repository directory, which watchers look at', async () => {
    const repo = newRepo(fresh('touch'), 'archive');
    utimesSync(repo.path, 1, 1);
    await commitSpec(repo, 'a', {});
    expect(statSync(repo.path).mtimeMs).toBeGreaterThan(2000);
  });
});
