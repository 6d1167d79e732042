import { describe, expect, it } from 'vitest';
import { conflictsFile, parseConflicts } from '../../src/state/index.ts';
import { merge, type Tree } from './etc-trees.ts';

const record = (...conflicts: readonly object[]) => `600|${JSON.stringify({ api: 1, conflicts })}`;
const folder = 'opkg-ostree/new/issue.opkg-ostree-new';

describe('what earlier merges left', () => {
  it('a folder that gave way stays with all that is in it, until its conflict is settled', () => {
    const conflict = { path: 'issue', kind: 'both', beside: folder };
    const live: Tree = {
      issue: 'mine',
      [`${folder}/main`]: 'new',
      [`${folder}/deep/er`]: '600|new',
      [conflictsFile]: record(conflict),
    };
    const { result } = merge({ 'issue/main': 'new' }, live, { 'issue/main': 'new', banner: 'x' });
    expect(result).toMatchObject({
      issue: 'mine',
      banner: 'x',
      [`${folder}/main`]: 'new',
      [`${folder}/deep/er`]: '600|new',
    });
    const text = result[conflictsFile] ?? '';
    expect(parseConflicts(Buffer.from(text.replace(/^600\|/u, '')))).toEqual([conflict]);
  });

  it('a file that only looks like a copy is the admin’s', () => {
    const own = {
      'a.opkg-ostree-new': 'mine',
      'notes.opkg-ostree-old/x': 'mine',
      'd.d/b.opkg-ostree-old': 'mine',
    };
    const defaults: Tree = { a: '1', 'd.d/b': '1' };
    expect(merge(defaults, { ...defaults, ...own }, { a: '2' }).result).toEqual({ a: '2', ...own });
  });

  it('a copy goes when its file is the default again', () => {
    const conflict = { path: 'a', kind: 'both', beside: 'a.opkg-ostree-new' };
    const live = { a: '1', 'a.opkg-ostree-new': '1', [conflictsFile]: record(conflict) };
    expect(merge({ a: '1' }, live, { a: '2' }).result).toEqual({ a: '2', 'opkg-ostree/': '' });
  });
});
