import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError, toRelPath, utf8 } from '../../src/base/index.ts';
import { alternativePriorities } from '../../src/compose/database.ts';
import { type Member, member, plan, rootWith, smallRoot } from './support.ts';

function winnerAt(path: string, ...lines: (string | Member)[]): unknown {
  const found = plan(rootWith(...lines)).tree.get(toRelPath(path));
  if (found?.type === 'symlink') return `-> ${found.target}`;
  return found?.type === 'file' && found.content.kind === 'source' ? found.content.path : found?.type;
}

describe('two files of one name after the /usr merge', () => {
  it.each<[string, string, string[], unknown]>([
    [
      'a link to itself goes',
      'usr/bin/bzip2',
      ['bin/bzip2 -> ../usr/bin/bzip2', 'usr/bin/bzip2'],
      'usr/bin/bzip2',
    ],
    [
      'an absolute one too',
      'usr/sbin/kexec',
      ['sbin/kexec -> /usr/sbin/kexec', 'usr/sbin/kexec'],
      'usr/sbin/kexec',
    ],
    ['one to itself alone goes', 'usr/bin/x', ['bin/x -> ../usr/bin/x'], undefined],
    ['a file beats busybox', 'usr/bin/mount', ['bin/mount -> busybox', 'usr/bin/mount'], 'usr/bin/mount'],
    [
      'in either direction',
      'usr/sbin/ntpd',
      ['sbin/ntpd', 'usr/sbin/ntpd -> ../../bin/busybox'],
      'sbin/ntpd',
    ],
    ['through lib64', 'usr/lib/x', ['lib64/x -> ../bin/busybox', 'usr/lib/x'], 'usr/lib/x'],
    [
      'another link beats busybox',
      'usr/bin/getopt',
      ['bin/getopt -> busybox', 'usr/bin/getopt -> /usr/libexec/getopt'],
      '-> /usr/libexec/getopt',
    ],
    [
      'two links to one place are one',
      'usr/bin/vi',
      ['bin/vi -> busybox', 'usr/bin/vi -> ../../bin/busybox'],
      '-> ../../bin/busybox',
    ],
    ['folders merge', 'usr/lib/a', ['lib/a/x', 'usr/lib/a/y'], 'directory'],
  ])('%s', (_, path, lines, expected) => {
    expect(winnerAt(path, ...lines)).toBe(expected);
    expect(winnerAt(path, ...[...lines].reverse())).toBe(expected);
  });

  it.each([
    ['two files', ['bin/x', 'usr/bin/x'], ['bin/x', 'usr/bin/x']],
    ['a file and a folder', ['lib/x', 'usr/lib/x/y'], ['lib/x', 'usr/lib/x']],
    ['two links that no package ranks', ['bin/x -> /a', 'usr/bin/x -> /b'], ['bin/x', 'usr/bin/x']],
    [
      'a file and a link to another program',
      ['bin/x', 'usr/bin/x -> /usr/libexec/x'],
      ['bin/x', 'usr/bin/x'],
    ],
    ['lib and usr/lib64', ['lib/z', 'usr/lib64/z'], ['lib/z', 'usr/lib64/z']],
  ])('%s are refused, both named', (_, lines, paths) => {
    const attempt = () => plan(rootWith(...lines));
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'ROOTFS_CLASH', kind: 'refused', details: { paths } }),
    );
    for (const path of paths) expect(attempt).toThrow(`/${path}`);
  });

  it('goes to the higher Alternatives priority', () => {
    const status =
      'Package: a\nAlternatives: 200:/bin/x:/usr/libexec/x-a, 100:/bin/y:/bin/busybox\n\n' +
      'Package: b\nAlternatives: 300:/usr/bin/x:/usr/libexec/x-b\n\n';
    const members = [
      ...smallRoot.filter((item) => item.path !== 'usr/lib/opkg/status'),
      ...['bin/x -> /usr/libexec/x-a', 'usr/bin/x -> /usr/libexec/x-b'].map(member),
      { path: 'usr/lib/opkg/status', content: status },
    ];
    expect(plan(members).tree.get(toRelPath('usr/bin/x'))).toMatchObject({ target: '/usr/libexec/x-b' });
  });

  it('takes the loser out of the file list of its package', () => {
    const members = rootWith(
      'bin/mount -> busybox',
      'usr/bin/mount',
      'usr/lib/opkg/info/busybox.list = /bin/mount\n/bin/sh\n',
    );
    const list = plan(members).tree.get(toRelPath('usr/lib/opkg/info/busybox.list'));
    expect(list).toMatchObject({ content: { kind: 'bytes', bytes: Buffer.from('/bin/sh\n') } });
  });
});

describe('alternativePriorities', () => {
  it('reads folded fields and drops what is not whole', () => {
    const priority = alternativePriorities(
      utf8(
        'Package: a\nAlternatives: 5:/bin/a:/lib/a,\n 7:/bin/a:/lib/a, x:/bin/b:/b, 9:bin/c:/c, 9:/bin/d:\n\n',
      ),
    );
    expect(priority('/bin/a', '/usr/lib/a')).toBe(7);
    for (const path of ['/bin/b', '/bin/c', '/bin/d']) expect(priority(path, '/b')).toBeUndefined();
  });
});

describe('errors', () => {
  it('are of the one hierarchy', () => {
    try {
      plan(rootWith('bin/x', 'usr/bin/x'));
      expect.unreachable();
    } catch (error) {
      expect(isOpkgOstreeError(error)).toBe(true);
    }
  });
});
