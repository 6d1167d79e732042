import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import { checkout, commitDirectory, MutableTree, type RepoMode } from '../../src/ostree/index.ts';
import {
  codeOf,
  commitSpec,
  dirAttributes,
  fileAttributes,
  fillTree,
  hasProgram,
  isRoot,
  newRepo,
  p,
  scratch,
} from './support.ts';

const dir = scratch();
let counter = 0;
const fresh = (name: string) => join(dir, `${name}-${counter++}`);
const spec = { 'usr/bin/tool': '#!/bin/sh\n', 'usr/lib/': '', etc: 'file', 'link@': 'usr/bin', empty: '' };
const canBareUser = hasProgram('setfattr');
const zeros = '0'.repeat(64) as Checksum;

describe.skipIf(!isRoot)('checkout from a bare repository (as root)', () => {
  const repo = newRepo(fresh('bare'), 'bare');

  it('links files and symlinks, and sets what directories need', async () => {
    const commit = await repo.withTransaction((txn) => {
      const tree = MutableTree.empty(repo, dirAttributes(0o711, 3, 4));
      fillTree(txn, tree, spec);
      tree.putFile(p('usr/suid'), txn.writeFile(fileAttributes(0o4755, 5, 6), Buffer.from('s')));
      tree.setAttributes(p('usr/lib'), dirAttributes(0o1777, 7, 8));
      return txn.writeCommit({ metadata: [], subject: '', body: '', timestamp: 1, ...tree.write(txn) });
    });
    const dest = fresh('out');
    await checkout(repo, commit, dest, { copy: 'never' });
    expect(lstatSync(dest)).toMatchObject({ uid: 3, gid: 4, mtimeMs: 0 });
    expect(lstatSync(dest).mode & 0o7777).toBe(0o711);
    expect(lstatSync(join(dest, 'usr/lib'))).toMatchObject({ uid: 7, gid: 8, mtimeMs: 0 });
    expect(lstatSync(join(dest, 'usr/lib')).mode & 0o7777).toBe(0o1777);
    expect(lstatSync(join(dest, 'usr/suid'))).toMatchObject({ uid: 5, gid: 6, mtimeMs: 0, nlink: 2 });
    expect(lstatSync(join(dest, 'usr/suid')).mode & 0o7777).toBe(0o4755);
    expect(readlinkSync(join(dest, 'link'))).toBe('usr/bin');
    expect(lstatSync(join(dest, 'link')).nlink).toBe(2);
  });

  it('copies where asked, in user mode without owners and setuid bits', async () => {
    const commit = await repo.withTransaction((txn) => {
      const tree = MutableTree.empty(repo, dirAttributes(0o755, 3, 4));
      tree.putFile(p('suid'), txn.writeFile(fileAttributes(0o6755, 5, 6), Buffer.from('s')));
      tree.putFile(p('large'), txn.writeFile(fileAttributes(0o600, 5, 6), Buffer.alloc(1_500_000, 7)));
      return txn.writeCommit({ metadata: [], subject: '', body: '', timestamp: 1, ...tree.write(txn) });
    });
    const copied = fresh('copied');
    await checkout(repo, commit, copied, { copy: 'always' });
    expect(lstatSync(join(copied, 'suid'))).toMatchObject({ uid: 5, gid: 6, nlink: 1 });
    expect(lstatSync(join(copied, 'suid')).mode & 0o7777).toBe(0o6755);
    const user = fresh('user');
    await checkout(repo, commit, user, { userMode: true });
    expect(lstatSync(join(user, 'suid'))).toMatchObject({ uid: 0, gid: 0, nlink: 1 });
    expect(lstatSync(join(user, 'suid')).mode & 0o7777).toBe(0o755);
    expect(readFileSync(join(user, 'large')).equals(Buffer.alloc(1_500_000, 7))).toBe(true);
    expect(await codeOf(() => checkout(repo, commit, fresh('x'), { userMode: true, copy: 'never' }))).toBe(
      'OSTREE_MODE_UNSUPPORTED',
    );
  });

  it('copies a file whose inode has all the links it can have', async () => {
    const commit = await commitSpec(repo, undefined, { much: 'linked very often' });
    const many = fresh('many');
    mkdirSync(many);
    const object = repo.objectPath(
      'file',
      repo.loadDirtree(repo.loadCommit(commit).tree).files[0]?.checksum ?? zeros,
    );
    let full = false;
    for (let i = 0; i < 66_000 && !full; i++) {
      try {
        linkSync(object, join(many, String(i)));
      } catch (error) {
        full = (error as { code?: string }).code === 'EMLINK';
        if (!full) throw error;
      }
    }
    if (!full) return; // a file system without such a limit
    const dest = fresh('emlink');
    await checkout(repo, commit, dest, { copy: 'never' });
    expect(lstatSync(join(dest, 'much'))).toMatchObject({ nlink: 1 });
    expect(readFileSync(join(dest, 'much'), 'utf8')).toBe('linked very often');
  }, 120_000);
});

describe.skipIf(!canBareUser)('checkout from a bare-user repository', () => {
  const repo = newRepo(fresh('bare-user'), 'bare-user');

  it('links regular files in user mode and makes symlinks', async () => {
    const commit = await commitSpec(repo, undefined, spec);
    const dest = fresh('out');
    await checkout(repo, commit, dest, { userMode: true, copy: 'never' });
    expect(lstatSync(join(dest, 'usr/bin/tool')).nlink).toBe(2);
    expect(readlinkSync(join(dest, 'link'))).toBe('usr/bin');
    expect(readFileSync(join(dest, 'etc'), 'utf8')).toBe('file');
    expect(await codeOf(() => checkout(repo, commit, fresh('x'), { copy: 'never' }))).toBe(
      'OSTREE_MODE_UNSUPPORTED',
    );
  });
});

describe('checkout in user mode from an archive', () => {
  const repo = newRepo(fresh('archive'), 'archive');
  const out = (commit: Checksum, dest: string, options = {}) =>
    checkout(repo, commit, dest, { userMode: true, ...options });

  it('writes the tree, or a directory of it', async () => {
    const commit = await commitSpec(repo, undefined, { ...spec, 'usr/big': 'b'.repeat(1_200_000) });
    const dest = fresh('out');
    await out(commit, dest);
    expect(readFileSync(join(dest, 'usr/big'), 'utf8')).toBe('b'.repeat(1_200_000));
    expect(statSync(join(dest, 'empty')).size).toBe(0);
    const sub = fresh('sub');
    await out(commit, sub, { subpath: p('usr/bin') });
    expect(readdirSync(sub)).toEqual(['tool']);
    expect(await codeOf(() => out(commit, fresh('x'), { subpath: p('usr/no') }))).toBe(
      'OSTREE_PATH_NOT_FOUND',
    );
    expect(await codeOf(() => out(commit, fresh('x'), { subpath: p('etc') }))).toBe('OSTREE_PATH_KIND');
  });

  it('refuses what exists, unless told how to unite', async () => {
    const commit = await commitSpec(repo, undefined, { 'd/f': 'new', g: 'g' });
    const dest = fresh('union');
    const prepare = (text: string) => {
      execFileSync('rm', ['-rf', dest]);
      mkdirSync(join(dest, 'd'), { recursive: true });
      chmodSync(join(dest, 'd'), 0o711);
      writeFileSync(join(dest, 'd/f'), text, { mode: 0o644 });
      writeFileSync(join(dest, 'd/own'), 'own');
    };
    const file = () => readFileSync(join(dest, 'd/f'), 'utf8');
    prepare('old');
    expect(await codeOf(() => out(commit, dest))).toBe('OSTREE_CHECKOUT_CONFLICT');
    expect(await codeOf(() => out(commit, dest, { existingRoot: true }))).toBe('OSTREE_CHECKOUT_CONFLICT');
    await out(commit, dest, { union: 'add' });
    expect(file()).toBe('old');
    expect(readFileSync(join(dest, 'g'), 'utf8')).toBe('g');
    prepare('old');
    await out(commit, dest, { union: 'files' });
    expect(file()).toBe('new');
    expect(statSync(join(dest, 'd')).mode & 0o777).toBe(0o711);
    expect(readdirSync(join(dest, 'd')).sort()).toEqual(['f', 'own']);
    prepare('old');
    expect(await codeOf(() => out(commit, dest, { union: 'identical' }))).toBe('OSTREE_CHECKOUT_CONFLICT');
    prepare('new');
    await out(commit, dest, { union: 'identical' });
    expect(file()).toBe('new');
  });

  it.each(['files', 'add', 'identical'] as const)(
    'never writes through a symlink (union %s)',
    async (union) => {
      const commit = await commitSpec(repo, undefined, { 'd/f': 'new' });
      const [dest, outside] = [fresh('trap'), fresh('outside')];
      mkdirSync(dest);
      mkdirSync(outside);
      symlinkSync(outside, join(dest, 'd'));
      expect(await codeOf(() => out(commit, dest, { union }))).toBe('OSTREE_CHECKOUT_CONFLICT');
      expect(readdirSync(outside)).toEqual([]);
      const linked = fresh('linked');
      symlinkSync(outside, linked);
      expect(await codeOf(() => out(commit, linked, { union }))).toBe('OSTREE_CHECKOUT_CONFLICT');
      expect(readdirSync(outside)).toEqual([]);
    },
  );

  it('replaces a symlink that has a file’s place, not what it leads to', async () => {
    const commit = await commitSpec(repo, undefined, { f: 'new' });
    const [dest, outside] = [fresh('trap'), fresh('target')];
    mkdirSync(dest);
    writeFileSync(outside, 'precious');
    symlinkSync(outside, join(dest, 'f'));
    await out(commit, dest, { union: 'files' });
    expect(readFileSync(outside, 'utf8')).toBe('precious');
    expect(readFileSync(join(dest, 'f'), 'utf8')).toBe('new');
  });

  it('writes nothing outside for a listing with hostile names', async () => {
    const commit = await commitSpec(repo, undefined, { aa: 'x' });
    const { tree, meta } = repo.loadCommit(commit);
    const path = repo.objectPath('dirtree', tree);
    const evil = Buffer.from(readFileSync(path).toString('latin1').replace('aa\0', '..\0'), 'latin1');
    writeFileSync(path, evil);
    const parent = fresh('parent');
    mkdirSync(parent);
    expect(await codeOf(() => checkout(repo, { tree, meta }, join(parent, 'dest'), { userMode: true }))).toBe(
      'OSTREE_OBJECT_CORRUPT',
    );
    expect(existsSync(join(parent, 'dest')) ? readdirSync(join(parent, 'dest')) : []).toEqual([]);
  });

  it('reports progress and stops when it is cancelled', async () => {
    const many = Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`f${i}`, String(i)]));
    const commit = await commitSpec(repo, undefined, many);
    const done: number[] = [];
    const controller = new AbortController();
    const ctx = {
      onProgress: (event: { done?: number }) => {
        done.push(event.done ?? 0);
        if (done.length === 2) controller.abort();
      },
      signal: controller.signal,
    };
    const running = checkout(repo, commit, fresh('cancelled'), { userMode: true }, ctx);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(done).toEqual([512, 1024]);
  });
});

describe('commitDirectory', () => {
  const source = fresh('source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  writeFileSync(join(source, 'a'), 'a', { mode: 0o644 });
  writeFileSync(join(source, 'sub/b'), 'b', { mode: 0o600 });
  chmodSync(join(source, 'a'), 0o4777);
  symlinkSync('a', join(source, 'l'));
  const archive = newRepo(fresh('commit'), 'archive');

  it('records owners, modes and links; canonically where asked', async () => {
    const tree = await archive.withTransaction(async (txn) => {
      const plain = await commitDirectory(txn, source, { owner: { uid: 9, gid: 8 } });
      const canonical = await commitDirectory(txn, source, { canonicalPermissions: true });
      return { plain, canonical };
    });
    const file = (root: { tree: Checksum; meta: Checksum }, path: string) => {
      const found = MutableTree.open(archive, root.tree, root.meta).lookup(p(path));
      return archive.loadFile(found?.kind === 'file' ? found.checksum : zeros);
    };
    expect(file(tree.plain, 'a').attributes).toMatchObject({ uid: 9, gid: 8, mode: 0o104777 });
    expect(file(tree.plain, 'l')).toMatchObject({ target: 'a' });
    expect(file(tree.canonical, 'a').attributes).toMatchObject({ uid: 0, gid: 0, mode: 0o100755 });
    expect(file(tree.canonical, 'sub/b').attributes.mode).toBe(0o100600);
  });

  it('leaves out what the filter refuses', async () => {
    const seen: string[] = [];
    const filter = (path: string) => {
      seen.push(path);
      return path !== 'sub';
    };
    const { tree } = await archive.withTransaction((txn) => commitDirectory(txn, source, { filter }));
    expect(archive.loadDirtree(tree).dirs).toEqual([]);
    expect(seen).toEqual(['a', 'l', 'sub']);
  });

  it('refuses devices, FIFOs and names that are not UTF-8', async () => {
    const odd = fresh('odd');
    mkdirSync(odd);
    execFileSync('mkfifo', [join(odd, 'pipe')]);
    expect(await codeOf(() => archive.withTransaction((txn) => commitDirectory(txn, odd)))).toBe(
      'OSTREE_PATH_KIND',
    );
    const latin = fresh('latin');
    mkdirSync(latin);
    writeFileSync(Buffer.concat([Buffer.from(`${latin}/b`), Buffer.of(0xe9)]), 'x');
    expect(await codeOf(() => archive.withTransaction((txn) => commitDirectory(txn, latin)))).toBe(
      'OSTREE_NAME_INVALID',
    );
  });

  it.skipIf(!isRoot || !hasProgram('getfattr'))(
    'moves files into a bare repository when it may consume them',
    async () => {
      const bare = newRepo(fresh('consume'), 'bare');
      const tree = fresh('consumed');
      mkdirSync(tree);
      writeFileSync(join(tree, 'own'), 'own', { mode: 0o640 });
      writeFileSync(join(tree, 'shared'), 'shared');
      linkSync(join(tree, 'shared'), join(dir, 'other-name'));
      const inode = statSync(join(tree, 'own')).ino;
      const root = await bare.withTransaction((txn) => commitDirectory(txn, tree, { consume: true }));
      expect(existsSync(join(tree, 'own'))).toBe(false);
      expect(existsSync(join(tree, 'shared'))).toBe(true);
      const files = new Map(bare.loadDirtree(root.tree).files.map((f) => [f.name, f.checksum]));
      const own = bare.objectPath('file', files.get('own') ?? zeros);
      expect(statSync(own)).toMatchObject({ ino: inode, mtimeMs: 0 });
      expect(bare.loadFile(files.get('shared') ?? zeros).readAll()).toEqual(Buffer.from('shared'));
    },
  );

  it.each((['bare', 'bare-user', 'archive'] as RepoMode[]).filter((m) => m === 'archive' || isRoot))(
    'keeps extended attributes (%s)',
    async (mode) => {
      if (!hasProgram('setfattr') || !isRoot) return;
      const tree = fresh('xattrs');
      mkdirSync(join(tree, 'd=1\\2'), { recursive: true });
      const odd = join(tree, 'd=1\\2', 'new\nline # file: x');
      writeFileSync(odd, 'x');
      execFileSync('setfattr', ['-n', 'user.one', '-v', '0x00ff0a', odd]);
      execFileSync('setfattr', ['-n', 'user.a', '-v', 'text', odd]);
      execFileSync('setfattr', ['-n', 'trusted.dir', '-v', 'd', join(tree, 'd=1\\2')]);
      const repo = newRepo(fresh(`xattr-${mode}`), mode);
      const expected = [
        { name: 'user.a', value: Buffer.from('text') },
        { name: 'user.one', value: Buffer.from([0, 255, 10]) },
      ];
      const look = (root: { tree: Checksum; meta: Checksum }) => {
        const opened = MutableTree.open(repo, root.tree, root.meta);
        const sub = opened.lookup(p('d=1\\2'));
        expect(sub?.kind === 'dir' ? sub.attributes.xattrs : []).toEqual([
          { name: 'trusted.dir', value: Buffer.from('d') },
        ]);
        const file = opened.lookup(p('d=1\\2/new\nline # file: x'));
        expect(repo.loadFile(file?.kind === 'file' ? file.checksum : zeros).attributes.xattrs).toEqual(
          expected,
        );
        return root;
      };
      const root = await repo.withTransaction(async (txn) =>
        look(await commitDirectory(txn, tree, { xattrs: true })),
      );
      look(root);
      const dest = fresh('xattr-out');
      await checkout(repo, root, dest);
      const again = await repo.withTransaction((txn) => commitDirectory(txn, dest, { xattrs: true }));
      expect(again).toEqual(root);
    },
  );
});
