import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checksum, RefName } from '../../src/base/index.ts';
import { fileChecksum, MutableTree, type RepoMode, Repository, v } from '../../src/ostree/index.ts';
import {
  codeOf,
  commitSpec,
  dirAttributes,
  fileAttributes,
  hasProgram,
  isRoot,
  linkAttributes,
  newRepo,
  p,
  scratch,
} from './support.ts';

const dir = scratch();
const modes: RepoMode[] = ['bare', 'bare-user', 'bare-user-only', 'archive'];
const usable = (mode: RepoMode) =>
  (mode !== 'bare-user' || hasProgram('setfattr')) && (mode !== 'bare' || isRoot);
const ref = (name: string) => name as RefName;
const zeros = '0'.repeat(64) as Checksum;

describe.each(modes.filter(usable))('a %s repository', (mode) => {
  const repo = newRepo(join(dir, mode), mode, { fsync: true });

  it('has the layout that libostree makes', () => {
    expect(readFileSync(join(repo.path, 'config'), 'utf8')).toContain(
      mode === 'archive' ? 'mode=archive-z2' : `mode=${mode}`,
    );
    for (const folder of [
      'objects',
      'tmp/cache',
      'extensions',
      'state',
      'refs/heads',
      'refs/mirrors',
      'refs/remotes',
    ]) {
      expect(statSync(join(repo.path, folder)).isDirectory()).toBe(true);
    }
    expect(Repository.open(repo.path).mode).toBe(mode);
  });

  it('gives the commit of the golden vector', async () => {
    const commit = await repo.withTransaction((txn) => {
      const tree = MutableTree.empty(repo, dirAttributes());
      tree.ensureDirectory(p('sub'), dirAttributes());
      tree.ensureDirectory(p('empty'), dirAttributes());
      tree.putFile(p('a.txt'), txn.writeFile(fileAttributes(), Buffer.from('hello\n')));
      tree.putFile(p('sub/run'), txn.writeFile(fileAttributes(0o755), Buffer.from('#!/bin/sh\n')));
      tree.putFile(p('sub/zero'), txn.writeFile(fileAttributes(0o600), new Uint8Array(0)));
      tree.putFile(p('sub/link'), txn.writeSymlink(linkAttributes, '../a.txt'));
      return txn.writeCommit({
        metadata: [
          ['version', v.string('1.0')],
          ['ostree.ref-binding', v.strings(['test/main'])],
        ],
        subject: 'first',
        body: '',
        timestamp: Date.parse('2024-01-02T03:04:05Z') / 1000,
        ...tree.write(txn),
      });
    });
    expect(commit).toBe('1405b30a5ff98724230c06c43f90302ebaf127a4003324d8e5ab1a3f2125e40c');
  });

  it('reads back what it stored, also while the transaction is open', async () => {
    const attributes = mode === 'bare-user-only' ? fileAttributes(0o640) : fileAttributes(0o4751, 12, 34);
    const content = randomBytes(70_000);
    const check = (file: Checksum, link: Checksum) => {
      const object = repo.loadFile(file);
      expect(object.attributes).toMatchObject({
        uid: attributes.uid,
        gid: attributes.gid,
        mode: attributes.mode,
      });
      expect(object.attributes.xattrs).toEqual([]);
      expect(object.size).toBe(content.length);
      expect(Buffer.from(object.readAll()).equals(content)).toBe(true);
      expect(repo.loadFile(link)).toMatchObject({ target: 'to/ü', size: 0 });
      expect(repo.loadFile(link).attributes.mode).toBe(0o120777);
      expect(() => object.readAll(10)).toThrow(expect.objectContaining({ code: 'OSTREE_OBJECT_CORRUPT' }));
    };
    const [file, link] = await repo.withTransaction((txn) => {
      const made = [txn.writeFile(attributes, content), txn.writeSymlink(linkAttributes, 'to/ü')] as const;
      expect(made[0]).toBe(fileChecksum(attributes, content));
      check(...made);
      return made;
    });
    check(file, link);
  });

  it('stores large files in pieces: from disk, from a writer, and streams them out', async () => {
    const content = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(2_000_000), randomBytes(7)]);
    const path = join(dir, `large-${mode}`);
    writeFileSync(path, content);
    const expected = fileChecksum(fileAttributes(), content);
    await repo.withTransaction((txn) => {
      const writer = txn.openFileWriter(fileAttributes(), content.length);
      for (let at = 0; at < content.length; at += 300_001) writer.write(content.subarray(at, at + 300_001));
      expect(writer.finish()).toBe(expected);
      expect(txn.writeFileFrom(fileAttributes(), path)).toBe(expected);
      expect(txn.writeFileFrom(fileAttributes(0o755), path)).not.toBe(expected);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of repo.loadFile(expected).stream()) chunks.push(Buffer.from(chunk as Uint8Array));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(chunks.length).toBeGreaterThan(1);
  });

  it('never writes an object that exists', async () => {
    const write = () => repo.withTransaction((txn) => txn.writeFile(fileAttributes(), Buffer.from('once')));
    const path = repo.objectPath('file', await write());
    const before = statSync(path);
    await write();
    expect(statSync(path).ino).toBe(before.ino);
    expect(statSync(path).ctimeMs).toBe(before.ctimeMs);
  });

  it('leaves nothing behind when the work throws', async () => {
    const before = repo.listCommits();
    let seen: Checksum | undefined;
    const failing = repo.withTransaction((txn) => {
      seen = txn.writeFile(fileAttributes(), Buffer.from('never'));
      expect(repo.hasObject('file', seen)).toBe(true);
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(repo.hasObject('file', seen ?? zeros)).toBe(false);
    expect(repo.listCommits()).toEqual(before);
    expect(readdirSync(join(repo.path, 'tmp'))).toEqual(['cache']);
  });

  it('refuses a writer that gets another length than announced', async () => {
    for (const size of [10, 2_000_000]) {
      const run = (bytes: number) =>
        repo.withTransaction((txn) => {
          const writer = txn.openFileWriter(fileAttributes(), size);
          writer.write(Buffer.alloc(bytes));
          writer.finish();
        });
      expect(await codeOf(() => run(size - 1))).toBe('SYSTEM');
      expect(await codeOf(() => run(size + 1))).toBe('SYSTEM');
    }
    expect(readdirSync(join(repo.path, 'tmp'))).toEqual(['cache']);
  });
});

describe('transactions', () => {
  const repo = newRepo(join(dir, 'transactions'), 'archive');

  it('nest by joining, and a nested failure takes its refs back', async () => {
    const base = await commitSpec(repo, undefined, { a: '1' });
    await repo.withTransaction(async (outer) => {
      outer.setRef(ref('outer'), base);
      const failing = repo.withTransaction((inner) => {
        expect(inner).toBe(outer);
        inner.setRef(ref('inner'), base);
        throw new Error('inner');
      });
      await expect(failing).rejects.toThrow('inner');
      expect(repo.readRef('outer')).toBeUndefined();
    });
    expect(repo.readRef('outer')).toBe(base);
    expect(repo.readRef('inner')).toBeUndefined();
  });

  it('cannot be used after their end', async () => {
    const txn = await repo.withTransaction((t) => t);
    expect(() => txn.writeFile(fileAttributes(), Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });

  it('refuse to point a ref at a commit that is not there', async () => {
    expect(await codeOf(() => repo.withTransaction((txn) => txn.setRef(ref('x'), zeros)))).toBe(
      'OSTREE_OBJECT_MISSING',
    );
  });

  it('check metadata that comes with a checksum', async () => {
    const run = () => repo.withTransaction((txn) => txn.writeMetadata('dirtree', Uint8Array.of(0), zeros));
    expect(await codeOf(run)).toBe('OSTREE_OBJECT_CORRUPT');
  });

  it('replace detached metadata, and only that', async () => {
    const commit = await commitSpec(repo, undefined, { a: 'detached' });
    for (const value of ['1', '2']) {
      await repo.withTransaction((txn) => txn.writeDetachedMetadata(commit, [['k', v.string(value)]]));
      expect(repo.loadDetachedMetadata(commit)).toEqual([['k', v.string(value)]]);
    }
    await repo.withTransaction((txn) => txn.writeDetachedMetadata(commit, []));
    expect(repo.loadDetachedMetadata(commit)).toEqual([]);
  });

  it('sweep what a killed process left', async () => {
    mkdirSync(join(repo.path, 'tmp/opkg-ostree-boot-dead/ab'), { recursive: true });
    writeFileSync(join(repo.path, 'tmp/opkg-ostree-boot-dead/ab/cd.filez'), 'half');
    await repo.withTransaction(() => undefined);
    expect(readdirSync(join(repo.path, 'tmp'))).toEqual(['cache']);
  });

  it('stop before the free space falls below the reserve', async () => {
    const path = join(dir, 'full');
    const full = Repository.init(path, {
      mode: 'archive',
      configure: (c) => c.set('core', 'min-free-space-size', '900000TB'),
    });
    const error = await full
      .withTransaction((txn) => txn.writeFile(fileAttributes(), Buffer.alloc(5000)))
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'NO_SPACE', details: { needed: 8192, available: 0 } });
    expect(readdirSync(join(path, 'objects'))).toEqual([]);
    // Metadata is not charged: a full repository can still be given refs and commits.
    await full.withTransaction((txn) => txn.writeDirtree({ files: [], dirs: [] }));
  });
});

describe('damaged and strange repositories', () => {
  it.each([
    ['', 'OSTREE_REPO_INVALID'],
    ['[core]\nrepo_version=2\nmode=bare\n', 'OSTREE_REPO_INVALID'],
    ['[core]\nrepo_version=1\nmode=bare-split-xattrs\n', 'OSTREE_MODE_UNSUPPORTED'],
    ['[core]\nrepo_version=1\nmode=bare\nmin-free-space-size=lots\n', 'CONFIG_INVALID'],
    ['[core]\nrepo_version=1\nmode=bare\nmin-free-space-percent=100\n', 'CONFIG_INVALID'],
    ['[core\n', 'CONFIG_INVALID'],
  ])('a config of %j is %s', async (text, code) => {
    const path = join(dir, `config-${Math.random()}`);
    mkdirSync(join(path, 'objects'), { recursive: true });
    writeFileSync(join(path, 'config'), text);
    expect(await codeOf(() => Repository.open(path))).toBe(code);
  });

  it('nothing is opened where there is nothing, and nothing is initialised twice', async () => {
    expect(await codeOf(() => Repository.open(join(dir, 'nowhere')))).toBe('OSTREE_REPO_INVALID');
    newRepo(join(dir, 'twice'), 'archive');
    expect(await codeOf(() => newRepo(join(dir, 'twice'), 'archive'))).toBe('OSTREE_REPO_EXISTS');
  });

  it('missing and corrupt objects are named', async () => {
    const repo = newRepo(join(dir, 'damaged'), 'archive');
    const commit = await commitSpec(repo, 'a', { file: 'x'.repeat(5000) });
    const { tree, meta } = repo.loadCommit(commit);
    expect(() => repo.loadCommit(zeros)).toThrow(
      expect.objectContaining({
        code: 'OSTREE_OBJECT_MISSING',
        details: { type: 'commit', checksum: zeros },
      }),
    );
    expect(() => repo.loadFile(zeros)).toThrow(expect.objectContaining({ code: 'OSTREE_OBJECT_MISSING' }));
    const file = repo.loadDirtree(tree).files[0]?.checksum ?? zeros;
    truncateSync(repo.objectPath('dirmeta', meta), 5);
    expect(() => repo.loadDirmeta(meta)).toThrow(
      expect.objectContaining({
        code: 'OSTREE_OBJECT_CORRUPT',
        details: { type: 'dirmeta', checksum: meta },
      }),
    );
    truncateSync(repo.objectPath('file', file), 40);
    expect(() => repo.loadFile(file).readAll()).toThrow(
      expect.objectContaining({ code: 'OSTREE_OBJECT_CORRUPT' }),
    );
    const drain = async () => {
      for await (const _ of repo.loadFile(file).stream());
    };
    expect(await codeOf(drain)).toBe('OSTREE_OBJECT_CORRUPT');
    truncateSync(repo.objectPath('file', file), 3);
    expect(await codeOf(() => repo.loadFile(file))).toBe('OSTREE_OBJECT_CORRUPT');
  });

  it('a metadata object above the limit is not read', async () => {
    const repo = newRepo(join(dir, 'huge'), 'archive');
    const commit = await commitSpec(repo, 'a', {});
    truncateSync(repo.objectPath('commit', commit), (128 << 20) + 1);
    expect(await codeOf(() => repo.loadCommit(commit))).toBe('OSTREE_OBJECT_CORRUPT');
  });

  it('objects are found in the parent repository', async () => {
    const parent = newRepo(join(dir, 'parent'), 'archive');
    const commit = await commitSpec(parent, 'a', { f: 'inherited' });
    const child = Repository.init(join(dir, 'child'), {
      mode: 'archive',
      configure: (c) => c.set('core', 'parent', '../parent'),
    });
    expect(child.loadCommit(commit).subject).toBe('test');
    expect(MutableTree.fromCommit(child, commit).lookup(p('f'))?.kind).toBe('file');
  });
});

describe('refs and revisions', () => {
  const repo = newRepo(join(dir, 'refs'), 'archive');

  it('are set, listed, resolved and deleted', async () => {
    const one = await commitSpec(repo, 'openwrt/23.05/x86', { a: '1' });
    const two = await commitSpec(repo, 'openwrt/23.05/x86', { a: '2' }, { parent: one });
    await repo.withTransaction((txn) => txn.setRef(ref('origin:openwrt/base'), one));
    expect([...repo.listRefs()]).toEqual([
      ['openwrt/23.05/x86', two],
      ['origin:openwrt/base', one],
    ]);
    expect([...repo.listRefs('openwrt').keys()]).toEqual(['openwrt/23.05/x86']);
    expect([...repo.listRefs('origin').keys()]).toEqual(['origin:openwrt/base']);
    expect([...repo.listRefs('open').keys()]).toEqual([]);
    expect(repo.resolveRev('openwrt/23.05/x86')).toBe(two);
    expect(repo.resolveRev('openwrt/23.05/x86^')).toBe(one);
    expect(repo.resolveRev('origin:openwrt/base')).toBe(one);
    expect(repo.resolveRev(two)).toBe(two);
    expect(repo.resolveRev(two.slice(0, 12))).toBe(two);
    expect(await codeOf(() => repo.resolveRev('openwrt/23.05/x86^^'))).toBe('OSTREE_REF_NOT_FOUND');
    expect(await codeOf(() => repo.resolveRev('no/such'))).toBe('OSTREE_REF_NOT_FOUND');
    expect(await codeOf(() => repo.resolveRev('../../etc/passwd'))).toBe('OSTREE_REF_INVALID');
    expect(await codeOf(() => repo.resolveRev(''))).toBe('OSTREE_REF_INVALID');
    await repo.withTransaction((txn) => txn.setRef(ref('openwrt/23.05/x86'), undefined));
    expect(repo.readRef('openwrt/23.05/x86')).toBeUndefined();
    expect(readdirSync(join(repo.path, 'refs/heads'))).toEqual([]);
  });

  it('conflict where one is the folder of another', async () => {
    await commitSpec(repo, 'a/b', {});
    expect(await codeOf(() => commitSpec(repo, 'a', {}))).toBe('OSTREE_REF_CONFLICT');
    expect(await codeOf(() => commitSpec(repo, 'a/b/c', {}))).toBe('OSTREE_REF_CONFLICT');
  });

  it('take the place of an empty folder', async () => {
    mkdirSync(join(repo.path, 'refs/heads/empty/deeper'), { recursive: true });
    const commit = await commitSpec(repo, 'empty', {});
    expect(repo.readRef('empty')).toBe(commit);
  });

  it('with other content than a checksum are refused', async () => {
    writeFileSync(join(repo.path, 'refs/heads/broken'), 'hello\n');
    expect(await codeOf(() => repo.readRef('broken'))).toBe('OSTREE_REF_INVALID');
  });

  it('are ambiguous as beginnings of several commits', async () => {
    const many = newRepo(join(dir, 'ambiguous'), 'archive');
    mkdirSync(join(many.path, 'objects/ab'));
    for (const end of ['0', '1'])
      writeFileSync(join(many.path, `objects/ab/${'cd'.repeat(30)}e${end}.commit`), '');
    expect(await codeOf(() => many.resolveRev('abcd'))).toBe('OSTREE_REV_AMBIGUOUS');
  });
});
