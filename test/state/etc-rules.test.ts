import { describe, expect, it } from 'vitest';
import { sha256Hex, utf8 } from '../../src/base/index.ts';
import { mergeLines, parseEtcRules, renderEtcRule, unifiedDiff } from '../../src/state/index.ts';
import { merge, type Tree } from './etc-trees.ts';

const settled = (lines: string): Tree => ({ 'opkg-ostree/merge.d/settled': lines });
const sum = (text: string) => sha256Hex(utf8(text));

describe('merge.d', () => {
  const both = (rules: Tree, path = 'f') => {
    const { result, classes } = merge(
      { [path]: '1\n2\n3\n4\n' },
      { ...rules, [path]: 'one\n2\n3\n4\n' },
      { [path]: '1\n2\n3\nfour\n' },
    );
    return [result[path], classes[path], result[`${path}.opkg-ostree-new`]];
  };
  const mine = 'one\n2\n3\n4\n';

  it.each<[string, Tree, unknown]>([
    ['no rule', {}, [mine, 'conflict', '1\n2\n3\nfour\n']],
    ['lines', { 'opkg-ostree/merge.d/10': 'lines /etc/f\n' }, ['one\n2\n3\nfour\n', 'merged', undefined]],
    ['keep', { 'opkg-ostree/merge.d/10': '# why\nkeep f\n' }, [mine, 'kept', undefined]],
    ['accept', { 'opkg-ostree/merge.d/10': 'accept /etc/*\n' }, ['1\n2\n3\nfour\n', 'updated', undefined]],
    ['live', { 'opkg-ostree/merge.d/10': 'live f\n' }, [mine, 'kept', undefined]],
    ['release', { 'opkg-ostree/merge.d/10': 'release f\n' }, ['1\n2\n3\nfour\n', 'conflict', undefined]],
    [
      'the first file counts',
      { 'opkg-ostree/merge.d/20': 'accept f\n', 'opkg-ostree/merge.d/10': 'keep f\n' },
      [mine, 'kept', undefined],
    ],
    [
      'a decision for this file',
      settled(`merge /etc/f ${sum(mine)}\n`),
      ['one\n2\n3\nfour\n', 'merged', undefined],
    ],
    [
      'a decision for the file of another day',
      settled(`accept /etc/f ${sum('x')}\n`),
      [mine, 'conflict', '1\n2\n3\nfour\n'],
    ],
    [
      'a line that is none',
      { 'opkg-ostree/merge.d/10': 'explode f\nlines\n' },
      [mine, 'conflict', '1\n2\n3\nfour\n'],
    ],
  ])('%s', (_, rules, expected) => {
    expect(both(rules)).toEqual(expected);
  });

  it('keeps a file that equals the old default, where the admin says so', () => {
    const rules = settled(`keep /etc/f ${sum('old\n')}\n`);
    expect(merge({ f: 'old\n' }, { ...rules, f: 'old\n' }, { f: 'new\n' }).result['f']).toBe('old\n');
  });

  it('merges a UCI file by section where only a merge was asked for', () => {
    const file = (a: string, b: string) => `config t 'x'\n\toption a '${a}'\n\toption b '${b}'\n`;
    const rules = settled(`merge /etc/config/u ${sum(file('2', '1'))}\n`);
    const { result } = merge(
      { 'config/u': file('1', '1') },
      { ...rules, 'config/u': file('2', '1') },
      { 'config/u': file('1', '2') },
    );
    expect(result['config/u']).toBe(file('2', '2'));
  });

  it('writes names that it reads again', () => {
    const line = renderEtcRule('keep', 'odd name*%', 'absent');
    expect(parseEtcRules(line, 'x')).toEqual([{ pattern: 'odd name*%', rule: 'keep', token: 'absent' }]);
  });
});

describe('texts by line', () => {
  it.each<[string, string, string, string | undefined]>([
    ['a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n', 'A\nb\nC\n'],
    ['a\nb\nc\n', 'a\nc\n', 'a\nb\nc\nd\n', 'a\nc\nd\n'],
    ['a\n', 'b\n', 'b\n', 'b\n'],
    ['a\n', 'b\n', 'c\n', undefined],
    ['', 'x\n', '', 'x\n'],
  ])('%j, %j and %j', (base, ours, theirs, expected) => {
    expect(mergeLines(base, ours, theirs)).toBe(expected);
  });

  it('shows a difference as diff -u does', () => {
    expect(unifiedDiff('1\n2\n3\n4\n5\n6\n7\n8\n', '1\n2\n3\n4\nx\n6\n7\n8')).toEqual([
      '@@ -2,7 +2,7 @@',
      ' 2',
      ' 3',
      ' 4',
      '-5',
      '+x',
      ' 6',
      ' 7',
      '-8',
      '+8',
      '\\ No newline at end of file',
    ]);
    expect(unifiedDiff('', 'a\n')).toEqual(['@@ -0,0 +1 @@', '+a']);
  });
});

describe('board.json', () => {
  const board = (live: Tree, script: string) => {
    const { plan, result } = merge(
      { 'board.d/02_network': '1' },
      { 'board.d/02_network': '1', ...live },
      {
        'board.d/02_network': script,
      },
    );
    return [result['board.json'], plan.entries.find(({ path }) => path === 'board.json')?.note];
  };

  it('stays, and it is told where the scripts that made it are others now', () => {
    expect(board({ 'board.json': '{}' }, '2')).toEqual(['{}', expect.stringContaining('board.d of before')]);
    expect(board({ 'board.json': '{}' }, '1')).toEqual(['{}', undefined]);
    expect(board({}, '2')).toEqual([undefined, undefined]);
  });
});
