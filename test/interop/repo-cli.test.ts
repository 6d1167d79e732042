import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle } from '../support/world/index.ts';

const hasOstree = spawnSync('ostree', ['--version']).status === 0;
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' };

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
}

function theirs(repo: string, words: readonly string[]): Ended {
  const ended = spawnSync('ostree', [`--repo=${repo}`, ...words], { env });
  return { status: ended.status, stdout: ended.stdout.toString() };
}

function ours(repo: string, words: readonly string[]): Ended {
  const ended = spawnSync(process.execPath, [ensureBundle(), 'repo', ...words, '--repo', repo], { env });
  return { status: ended.status, stdout: ended.stdout.toString() };
}

describe.skipIf(!hasOstree)("the repo commands print what ostree's print", () => {
  let folder: string;
  let repo: string;
  let tree: string;

  beforeAll(() => {
    ensureBundle();
    folder = mkdtempSync(join(tmpdir(), 'repo-cli-'));
    repo = join(folder, 'repo');
    tree = join(folder, 'tree');
    mkdirSync(join(tree, 'sub/deep'), { recursive: true });
    writeFileSync(join(tree, 'a'), 'first\n');
    writeFileSync(join(tree, 'sub/run'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(tree, 'sub/deep/é b'), '');
    symlinkSync('../a', join(tree, 'sub/link'));
    execFileSync('ostree', [`--repo=${repo}`, 'init', '--mode=archive']);
    commit('ostree', [
      'first',
      '2024-01-02T03:04:05Z',
      '--add-metadata-string=version=1.0',
      '--body=two\nlines',
    ]);
    writeFileSync(join(tree, 'a'), 'second\n');
    rmSync(join(tree, 'sub/link'));
    writeFileSync(join(tree, 'sub/new'), 'n');
    commit('ostree', ['second', '2024-02-02T03:04:05Z']);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function commit(
    program: 'ostree' | 'ours',
    [subject = '', timestamp = '', ...rest]: string[],
    into = repo,
  ): string {
    const words = [
      'commit',
      '-b',
      'test/main',
      '-s',
      subject,
      `--tree=dir=${tree}`,
      '--owner-uid=0',
      '--owner-gid=0',
      '--no-xattrs',
      `--timestamp=${timestamp}`,
      ...rest,
    ];
    const ended = program === 'ostree' ? theirs(into, words) : ours(into, words);
    if (ended.status !== 0) throw new Error(`commit ended with ${ended.status}`);
    return ended.stdout.trim();
  }

  const commands = [
    ['ls', 'test/main'],
    ['ls', '-R', 'test/main'],
    ['ls', '-R', '-C', 'test/main'],
    ['ls', '-d', 'test/main', '/sub'],
    ['ls', 'test/main', '/sub', '/a'],
    ['ls', '--nul-filenames-only', '-R', 'test/main'],
    ['cat', 'test/main', '/a'],
    ['cat', 'test/main^', '/a', '/sub/run'],
    ['log', 'test/main'],
    ['show', 'test/main^'],
    ['show', '--print-metadata-key=version', 'test/main^'],
    ['show', '--print-metadata-key=ostree.ref-binding', 'test/main'],
    ['rev-parse', 'test/main^'],
    ['refs'],
    ['refs', '--list', 'test'],
    ['refs', 'test'],
    ['config', 'get', 'core.mode'],
  ];

  it.each(commands.map((words) => ({ line: words.join(' '), words })))('$line', ({ words }) => {
    const expected = theirs(repo, words);
    expect(expected.status).toBe(0);
    expect(ours(repo, words)).toEqual(expected);
  });

  it('diff lists the same paths', () => {
    const lines = (ended: Ended) => ended.stdout.trim().split('\n').sort();
    expect(lines(ours(repo, ['diff', 'test/main']))).toEqual(lines(theirs(repo, ['diff', 'test/main'])));
    expect(lines(ours(repo, ['diff', 'test/main^', 'test/main']))).toHaveLength(3);
  });

  it('commit gives the same checksum', () => {
    const other = join(folder, 'other');
    expect(ours(other, ['init', '--mode=archive']).status).toBe(0);
    const made = commit('ours', ['third', '@1709000000', '--add-metadata-string=version=3'], other);
    const fresh = join(folder, 'fresh');
    execFileSync('ostree', [`--repo=${fresh}`, 'init', '--mode=archive']);
    expect(commit('ostree', ['third', '@1709000000', '--add-metadata-string=version=3'], fresh)).toBe(made);
    expect(theirs(other, ['fsck', '-q']).status).toBe(0);
  });

  it('checkout, pull-local, refs, reset and prune do to a repository what ostree understands', () => {
    const copy = join(folder, 'copy');
    expect(ours(copy, ['init', '--mode=bare-user']).status).toBe(0);
    expect(ours(copy, ['pull-local', repo, 'test/main', '--depth=-1']).status).toBe(0);
    expect(theirs(copy, ['fsck', '-q']).status).toBe(0);
    expect(ours(copy, ['checkout', '-U', 'test/main', join(folder, 'out')]).status).toBe(0);
    expect(execFileSync('cat', [join(folder, 'out/a')]).toString()).toBe('second\n');
    expect(ours(copy, ['refs', '--create=kept', 'test/main^']).status).toBe(0);
    expect(theirs(copy, ['rev-parse', 'kept']).stdout).toBe(theirs(copy, ['rev-parse', 'test/main^']).stdout);
    expect(ours(copy, ['reset', 'test/main', 'kept']).status).toBe(0);
    expect(ours(copy, ['prune', '--refs-only']).stdout).toMatch(/Deleted [1-9]\d* objects/u);
    expect(theirs(copy, ['log', 'test/main']).stdout).toBe(theirs(repo, ['log', 'test/main^']).stdout);
    expect(ours(copy, ['refs', '--delete', 'kept']).status).toBe(0);
    expect(theirs(copy, ['refs']).stdout).toBe('test/main\n');
    expect(ours(copy, ['fsck']).status).toBe(0);
  });

  it('remotes are those that ostree sees', () => {
    expect(
      ours(repo, ['remote', 'add', '--no-gpg-verify', 'origin', 'https://example.org/repo', 'a/b']).status,
    ).toBe(0);
    expect(theirs(repo, ['remote', 'list', '-u']).stdout).toBe('origin  https://example.org/repo\n');
    expect(ours(repo, ['remote', 'list', '-u'])).toEqual(theirs(repo, ['remote', 'list', '-u']));
    expect(ours(repo, ['remote', 'delete', 'origin']).status).toBe(0);
    expect(theirs(repo, ['remote', 'list']).stdout).toBe('');
  });

  it('fsck finds a damaged object and says so', () => {
    const bad = join(folder, 'bad');
    execFileSync('cp', ['-a', repo, bad]);
    const meta =
      execFileSync('find', [join(bad, 'objects'), '-name', '*.dirtree'])
        .toString()
        .trim()
        .split('\n')[0] ?? '';
    writeFileSync(meta, 'damage');
    const ended = ours(bad, ['fsck', '--json']);
    expect(ended.status).toBe(1);
    expect(JSON.parse(ended.stdout).error.code).toBe('OSTREE_FSCK_FAILED');
  });
});
