import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyEtcMerge,
  copyEtcTree,
  type EtcMergePlan,
  planEtcMerge,
  readEtcTree,
  refuseTypeConflicts,
  stampEtc,
} from '../../src/state/etc-merge.ts';
import { xattrCapability } from '../../src/sys/index.ts';

/** path -> content; a path ending in `/` is a directory, `-> target` a symlink, content may carry `mode|`. */
type Tree = Record<string, string>;

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'etc-'));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function make(name: string, tree: Tree): string {
  const dir = join(root, name);
  fs.mkdirSync(dir);
  for (const [path, content] of Object.entries(tree)) {
    const at = join(dir, path);
    const mode = /^(\d{3,4})\|/u.exec(content);
    fs.mkdirSync(path.endsWith('/') ? at : join(at, '..'), { recursive: true });
    if (!path.endsWith('/')) {
      if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), at);
      else fs.writeFileSync(at, content.replace(/^\d{3,4}\|/u, ''));
    }
    if (mode?.[1] !== undefined) fs.chmodSync(at, Number.parseInt(mode[1], 8));
  }
  return dir;
}

function read(dir: string): Tree {
  const found: Tree = {};
  for (const [path, node] of readEtcTree(dir).nodes) {
    if (node.kind === 'dir') {
      if (fs.readdirSync(join(dir, path)).length === 0) found[`${path}/`] = '';
    } else if (node.kind === 'symlink') found[path] = `-> ${node.target}`;
    else found[path] = fs.readFileSync(join(dir, path), 'utf8');
  }
  return found;
}

function merge(
  old: Tree,
  current: Tree,
  fresh: Tree,
): { plan: EtcMergePlan; result: Tree; classes: Record<string, string> } {
  const dirs = [make('o', old), make('m', current), make('n', fresh)] as const;
  const plan = planEtcMerge(...dirs);
  const target = join(root, 'merged');
  copyEtcTree(dirs[2], target);
  applyEtcMerge(plan, dirs[1], target);
  return {
    plan,
    result: read(target),
    classes: Object.fromEntries(plan.entries.map((e) => [e.path, e.class])),
  };
}

describe('the merge of /etc', () => {
  it('follows libostree’s rules, each path with its class', () => {
    const { plan, result, classes } = merge(
      { conf: 'old', del: 'x', same: '1', up: '1', gone: '1', both: '1' },
      { conf: 'local', same: '1', up: '1', gone: '1', both: 'mine', mine: 'new' },
      { conf: 'old', del: 'x', same: '1', up: '2', fresh: 'f', both: 'theirs' },
    );
    expect(result).toEqual({ conf: 'local', same: '1', up: '2', fresh: 'f', both: 'mine', mine: 'new' });
    expect(classes).toEqual({
      conf: 'kept',
      del: 'deleted',
      up: 'updated',
      gone: 'updated',
      fresh: 'updated',
      both: 'conflict',
      mine: 'kept',
    });
    expect(plan).toMatchObject({ modified: 2, removed: 1, added: 1 });
  });

  it.each<[string, Tree, Tree, Tree, Tree]>([
    ['a changed file that upstream deleted stays', { a: '1' }, { a: '2' }, {}, { a: '2' }],
    [
      'a deleted directory takes new defaults below it along',
      { 'd/a': '1' },
      {},
      { 'd/a': '1', 'd/b': '1' },
      {},
    ],
    [
      'an added directory comes whole',
      {},
      { 'd/e/f': '1', 'd/x/': '' },
      { a: '1' },
      { a: '1', 'd/e/f': '1', 'd/x/': '' },
    ],
    ['a changed link wins', { l: '-> a' }, { l: '-> b' }, { l: '-> c' }, { l: '-> b' }],
    ['a file that became a link', { l: '1' }, { l: '-> /tmp/x' }, { l: '2' }, { l: '-> /tmp/x' }],
    ['a file that became a directory', { l: '1' }, { 'l/a': '1' }, { l: '2' }, { 'l/a': '1' }],
    [
      'the mode of a directory alone is lost',
      { 'd/a': '1' },
      { 'd/': '700|', 'd/a': '1' },
      { 'd/a': '2' },
      { 'd/a': '2' },
    ],
    ['an untouched file follows a type change', { l: '1' }, { l: '1' }, { 'l/a': '1' }, { 'l/a': '1' }],
  ])('%s', (_, old, current, fresh, expected) => {
    expect(merge(old, current, fresh).result).toEqual(expected);
  });

  it.each<[string, Tree, Tree, Tree]>([
    ['a changed file is a directory now', { a: '1' }, { a: '2' }, { 'a/b': '1' }],
    ['an added file is a directory now', {}, { a: '2' }, { 'a/b': '1' }],
    ['a folder of an added file is a file now', { 'd/a': '1' }, { 'd/a': '1', 'd/new': '1' }, { d: 'file' }],
    ['a folder of a changed file is a link now', { 'd/a': '1' }, { 'd/a': '2' }, { d: '-> /' }],
  ])('%s: refused before anything changes', (_, old, current, fresh) => {
    const plan = planEtcMerge(make('o', old), make('m', current), make('n', fresh));
    expect(() => refuseTypeConflicts(plan)).toThrow(
      expect.objectContaining({ code: 'ETC_TYPE_CONFLICT', kind: 'refused' }),
    );
  });

  it('never follows a symlink out of /etc', () => {
    const outside = make('outside', { secret: 's' });
    const { result } = merge({ d: '1' }, { d: `-> ${outside}`, 'e/x': '1' }, { d: '2', f: `-> ${outside}` });
    expect(result).toEqual({ d: `-> ${outside}`, 'e/x': '1', f: `-> ${outside}` });
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  it('a deletion never reaches through a link of the new defaults', () => {
    const outside = make('outside', { gone: 's', sub: '' });
    const { result } = merge({ 'd/gone': '1', 'd/e': '1' }, { 'd/e': '1' }, { d: `-> ${outside}` });
    expect(result).toEqual({ d: `-> ${outside}` });
    expect(fs.readdirSync(outside).sort()).toEqual(['gone', 'sub']);
  });

  it('a deletion below what became a file is done already', () => {
    expect(merge({ 'd/gone': '1', 'd/e': '1' }, { 'd/e': '1' }, { d: 'file' }).result).toEqual({ d: 'file' });
  });

  it('a folder with a new mode replaces the file that the new defaults have there', () => {
    const { result } = merge({ 'd/e/z': '1' }, { 'd/': '700|', 'd/e/z': '3' }, { d: 'file' });
    expect(result).toEqual({ 'd/e/z': '3' });
  });

  it('refuses a link in place of a directory of the defaults, as libostree does', () => {
    const plan = planEtcMerge(
      make('o', { 'd/a': '1' }),
      make('m', { d: '-> /tmp' }),
      make('n', { 'd/a': '1' }),
    );
    expect(plan.entries).toEqual([expect.objectContaining({ path: 'd', class: 'type-conflict' })]);
  });

  it('keeps owner, mode and time', () => {
    const current = make('m', { s: '4755|x' });
    fs.utimesSync(join(current, 's'), 1000, 2000);
    const fresh = make('n', {});
    const target = join(root, 't');
    copyEtcTree(fresh, target);
    applyEtcMerge(planEtcMerge(make('o', {}), current, fresh), current, target);
    const stats = fs.statSync(join(target, 's'));
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o4755, 2_000_000]);
  });

  it.skipIf(!xattrCapability().write)(
    'keeps extended attributes where getfattr and setfattr are (tmpfs may refuse them)',
    () => {
      const current = make('m', { a: 'x' });
      try {
        execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(current, 'a')], { stdio: 'ignore' });
      } catch {
        return;
      }
      const fresh = make('n', {});
      const target = join(root, 't');
      copyEtcTree(fresh, target);
      applyEtcMerge(planEtcMerge(make('o', {}), current, fresh), current, target);
      const shown = execFileSync('getfattr', ['--only-values', '-n', 'user.note', join(target, 'a')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      expect(shown).toBe('kept');
    },
  );

  it('leaves fifos out and says so', () => {
    const current = make('m', { a: '1' });
    execFileSync('mkfifo', [join(current, 'pipe')]);
    const fresh = make('n', {});
    const plan = planEtcMerge(make('o', {}), current, fresh);
    expect(plan.entries.find((e) => e.path === 'pipe')?.class).toBe('skipped');
    const target = join(root, 't');
    copyEtcTree(fresh, target);
    expect(applyEtcMerge(plan, current, target)).toEqual([expect.stringContaining('pipe')]);
    expect(read(target)).toEqual({ a: '1' });
  });

  it('gives one file the time that a router without a clock starts from', () => {
    const dir = make('m', { 'a/b': '1', link: '-> a/b' });
    expect(stampEtc(dir, 5000)).toBe(join(dir, 'a/b'));
    expect(fs.statSync(join(dir, 'a/b')).mtimeMs).toBe(5_000_000);
  });

  it('returns the changed side when the other is unchanged', () => {
    const tree = fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd/x', 'd/y', 'e/f/g'),
      fc.constantFrom('1', '2'),
    );
    let n = 0;
    const property = fc.property(tree, tree, (old, changed) => {
      root = join(tmpdir(), `etc-p${process.pid}-${n++}`);
      fs.mkdirSync(root);
      try {
        expect(merge(old, old, changed).result).toEqual(read(join(root, 'n')));
        fs.rmSync(root, { recursive: true });
        fs.mkdirSync(root);
        expect(merge(old, changed, old).result).toEqual(read(join(root, 'm')));
      } finally {
        fs.rmSync(root, { recursive: true, force: true });
      }
    });
    fc.assert(property, { numRuns: 60 });
  });
});
