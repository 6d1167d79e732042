import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTarget } from '../../src/boot/index.ts';
import {
  commitTree,
  deploy,
  type Files,
  hasOstree,
  isRoot,
  ostree,
  Sysroot,
  vectorTree,
} from '../boot/support.ts';
import { Cli, ensureBundle } from '../support/world/index.ts';

const dhcp = (cachesize: string, rebind: string, more = '') =>
  `# the router's own\nconfig dnsmasq\n\toption cachesize '${cachesize}'\n\toption rebind '${rebind}'\n${more}`;
const profile = (first: string, last: string) => `${first}\nb\nc\nd\n${last}\n`;

const oldDefaults: Files = {
  'config/dhcp': dhcp('150', '1'),
  profile: profile('a', 'e'),
  issue: 'old\n',
  openwrt_release: 'RELEASE=23\n',
  'hotplug.d/iface/10-x': 'old\n',
  motd: 'old\n',
  localtime: '-> /usr/share/zoneinfo/UTC',
};
const newDefaults: Files = {
  ...oldDefaults,
  'config/dhcp': dhcp('1000', '0'),
  profile: profile('a', 'E'),
  issue: 'new\n',
  openwrt_release: 'RELEASE=24\n',
  'hotplug.d/iface/10-x': 'new\n',
  motd: 'new\n',
  localtime: '-> /usr/share/zoneinfo/Europe/Berlin',
};
const mine: Files = {
  'config/dhcp': dhcp('8000', '1', "\tlist server '9.9.9.9'\n"),
  profile: profile('A', 'e'),
  issue: 'mine\n',
  openwrt_release: 'RELEASE=23 mine\n',
  'hotplug.d/iface/10-x': 'mine\n',
  localtime: '-> /usr/share/zoneinfo/Asia/Tokyo',
};
/** What the upgrade leaves of the file that both changed the same option of. */
const mergedDhcp = dhcp('8000', '0', "\tlist server '9.9.9.9'\n");

describe.skipIf(!hasOstree || !isRoot)('conflicts of /etc are settled (needs ostree and root)', () => {
  let scratch: string;
  let root: string;
  let cli: Cli;
  let sysroot: Sysroot;

  const commit = (defaults: Files) =>
    commitTree(scratch, join(root, 'ostree/repo'), {
      ref: 'openwrt/x86',
      files: {
        ...vectorTree,
        ...Object.fromEntries(
          Object.entries(defaults).map(([path, content]) => [`usr/etc/${path}`, content]),
        ),
      },
    });
  const at = (path: string) => join(Sysroot.open(root).deployments()[0]?.path ?? '', 'etc', path);
  const exists = (path: string) => fs.lstatSync(at(path), { throwIfNoEntry: false }) !== undefined;
  const text = (path: string) => {
    const stats = fs.lstatSync(at(path), { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    return stats.isSymbolicLink() ? `-> ${fs.readlinkSync(at(path))}` : fs.readFileSync(at(path), 'utf8');
  };
  const write = (path: string, content: string) => {
    fs.rmSync(at(path), { recursive: true, force: true });
    fs.mkdirSync(dirname(at(path)), { recursive: true });
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), at(path));
    else fs.writeFileSync(at(path), content);
  };
  const conflicts = async () => {
    const { conflicts: found } = await cli.json<{ conflicts: { path: string }[] }>('etc', 'conflicts');
    return found.map(({ path }) => path);
  };
  const upgrade = async (defaults: Files) => {
    sysroot = Sysroot.open(root);
    await deploy(sysroot, commit(defaults));
  };

  beforeEach(async () => {
    ensureBundle();
    scratch = fs.mkdtempSync(join(tmpdir(), 'etc-settle-'));
    root = join(scratch, 'root');
    sysroot = Sysroot.init(root, { target: findTarget('generic-grub'), stateroot: 'openwrt' });
    cli = new Cli(scratch, root);
    await deploy(sysroot, commit(oldDefaults), { kargs: ['quiet'] });
    for (const [path, content] of Object.entries(mine)) write(path, content);
    fs.chmodSync(at('issue'), 0o600);
    fs.rmSync(at('motd'));
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  it('the upgrade leaves one of each kind', async () => {
    await upgrade(newDefaults);
    expect(await conflicts()).toEqual([
      'config/dhcp',
      'hotplug.d/iface/10-x',
      'issue',
      'localtime',
      'openwrt_release',
      'profile',
    ]);
    expect(text('config/dhcp')).toBe(mergedDhcp);
    expect(await cli.ok('etc', 'conflicts')).toContain('dhcp.@dnsmasq[0].cachesize: kept "8000", not "1000"');
    expect(exists('motd')).toBe(false);
  });

  const copyOf: Readonly<Record<string, string>> = {
    openwrt_release: 'openwrt_release.opkg-ostree-old',
    'hotplug.d/iface/10-x': 'opkg-ostree/new/hotplug.d/iface/10-x.opkg-ostree-new',
  };
  it.each([
    ['accept', 'config/dhcp', newDefaults['config/dhcp']],
    ['keep', 'config/dhcp', mergedDhcp],
    ['accept', 'profile', profile('a', 'E')],
    ['keep', 'profile', profile('A', 'e')],
    ['merge', 'profile', profile('A', 'E')],
    ['accept', 'hotplug.d/iface/10-x', 'new\n'],
    ['keep', 'hotplug.d/iface/10-x', 'mine\n'],
    ['accept', 'openwrt_release', 'RELEASE=24\n'],
    ['keep', 'openwrt_release', 'RELEASE=23 mine\n'],
    ['accept', 'localtime', '-> /usr/share/zoneinfo/Europe/Berlin'],
    ['keep', 'localtime', '-> /usr/share/zoneinfo/Asia/Tokyo'],
    ['accept', 'issue', 'new\n'],
  ])('%s %s', async (decision, path, expected) => {
    await upgrade(newDefaults);
    const before = await conflicts();
    await cli.ok('etc', decision, `/etc/${path}`);
    expect(text(path)).toBe(expected);
    expect(exists(copyOf[path] ?? `${path}.opkg-ostree-new`)).toBe(false);
    expect(await conflicts()).toEqual(before.filter((other) => other !== path));
    // The admin's owner and mode are no part of the question.
    if (path === 'issue') expect(fs.statSync(at(path)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['config/dhcp', 'both changed dhcp.@dnsmasq[0].cachesize'],
    ['issue', 'both changed the same lines'],
    ['localtime', 'only two files can be merged'],
  ])('merge %s is refused where there is no answer', async (path, why) => {
    await upgrade(newDefaults);
    const before = text(path);
    const ended = await cli.run('etc', 'merge', path);
    expect([ended.status, ended.stderr]).toEqual([3, expect.stringContaining(why)]);
    expect(text(path)).toBe(before);
    expect(await conflicts()).toContain(path);
  });

  it('merge takes a UCI file whose option the admin made the new default', async () => {
    await upgrade(newDefaults);
    write('config/dhcp', mergedDhcp.replace('8000', '1000'));
    await cli.ok('etc', 'merge', 'config/dhcp');
    expect(text('config/dhcp')).toBe(mergedDhcp.replace('8000', '1000'));
    expect(await conflicts()).not.toContain('config/dhcp');
  });

  it('is settled without the copy that somebody removed, where that can be', async () => {
    await upgrade(newDefaults);
    for (const path of ['issue', 'profile']) fs.rmSync(at(`${path}.opkg-ostree-new`));
    fs.rmSync(at('openwrt_release.opkg-ostree-old'));
    await cli.ok('etc', 'keep', 'issue');
    await cli.ok('etc', 'accept', 'profile');
    expect([text('issue'), text('profile')]).toEqual(['mine\n', profile('a', 'E')]);
    expect((await cli.run('etc', 'keep', 'openwrt_release')).status).toBe(3);
    await cli.ok('etc', 'accept', 'openwrt_release');
    expect(await conflicts()).toEqual(['config/dhcp', 'hotplug.d/iface/10-x', 'localtime']);
  });

  it('goes back to what it was before, and to the default', async () => {
    await upgrade(newDefaults);
    await cli.ok('etc', 'accept', 'config/dhcp');
    expect(text('config/dhcp')).toBe(newDefaults['config/dhcp']);
    await cli.ok('etc', 'revert', 'config/dhcp', '0');
    expect(text('config/dhcp')).toBe(mergedDhcp);
    await cli.ok('etc', 'reset', 'config/dhcp');
    expect(text('config/dhcp')).toBe(newDefaults['config/dhcp']);
    await cli.ok('etc', 'reset', 'motd');
    expect(text('motd')).toBe('new\n');
    await cli.ok('etc', 'reset', 'localtime');
    expect(text('localtime')).toBe('-> /usr/share/zoneinfo/Europe/Berlin');
  });

  it('what is settled is no conflict of the next upgrade that leaves the file alone', async () => {
    await upgrade(newDefaults);
    for (const path of ['config/dhcp', 'profile', 'issue']) await cli.ok('etc', 'keep', path);
    await upgrade({ ...newDefaults, banner: 'x' });
    expect(await conflicts()).toEqual(['hotplug.d/iface/10-x', 'localtime', 'openwrt_release']);
    expect([text('config/dhcp'), text('issue')]).toEqual([mergedDhcp, 'mine\n']);
    expect(text('hotplug.d/iface/10-x')).toBe('mine\n');
    expect(text(copyOf['hotplug.d/iface/10-x'] ?? '')).toBe('new\n');
  });

  it('the preview is by whole files where the merge is', async () => {
    const repo = join(root, 'ostree/repo');
    ostree([`--repo=${repo}`, 'config', 'set', '--group=opkg-ostree', 'etc-merge', 'files']);
    const rev = commit(newDefaults);
    const preview = await cli.json<{ entries: { path: string; class: string; diff: string[] | null }[] }>(
      ...['etc', 'merge', '--preview', '--to', rev],
    );
    const dhcpEntry = preview.entries.find(({ path }) => path === '/etc/config/dhcp');
    expect(dhcpEntry).toMatchObject({ class: 'conflict', diff: [] });
    const ahead = await cli.run('etc', 'accept', 'config/dhcp');
    expect([ahead.status, ahead.stderr]).toEqual([3, expect.stringContaining('by whole files')]);
    expect(exists('opkg-ostree/merge.d/settled')).toBe(false);
    await upgrade(newDefaults);
    expect(text('config/dhcp')).toBe(mine['config/dhcp']);
  });

  it.each([
    ['accept', { main: 'new\n', 'deep/er': 'new\n' }],
    ['keep', undefined],
  ])('%s a folder that gave way before the restart, over another upgrade', async (decision, expected) => {
    await upgrade(newDefaults);
    const beside = 'opkg-ostree/new/banner.opkg-ostree-new';
    write('banner', 'mine\n');
    write(`${beside}/main`, 'new\n');
    write(`${beside}/deep/er`, 'new\n');
    const record = JSON.parse(text('opkg-ostree/conflicts.json') ?? '');
    record.conflicts.push({ path: 'banner', kind: 'both', beside });
    write('opkg-ostree/conflicts.json', JSON.stringify(record));
    await upgrade({ ...newDefaults, motd: 'newer\n' });
    expect(await conflicts()).toContain('banner');
    expect((await cli.run('etc', 'merge', 'banner')).status).toBe(3);
    await cli.ok('etc', decision, 'banner');
    expect(await conflicts()).not.toContain('banner');
    expect(exists(beside)).toBe(false);
    for (const [name, content] of Object.entries(expected ?? {}))
      expect(text(`banner/${name}`)).toBe(content);
    if (expected === undefined) expect(text('banner')).toBe('mine\n');
  });

  describe('ahead of the upgrade', () => {
    it.each([
      ['accept', 'config/dhcp', newDefaults['config/dhcp']],
      ['keep', 'config/dhcp', mine['config/dhcp']],
      ['merge', 'config/dhcp', mergedDhcp],
      ['accept', 'profile', profile('a', 'E')],
      ['keep', 'profile', profile('A', 'e')],
      ['merge', 'profile', profile('A', 'E')],
      ['accept', 'motd', 'new\n'],
      ['keep', 'motd', undefined],
    ])('%s %s', async (decision, path, expected) => {
      expect(await cli.ok('etc', decision, `/etc/${path}`)).toContain('at the next upgrade');
      await upgrade(newDefaults);
      expect(text(path)).toBe(expected);
      const isOpen = decision === 'merge' && path === 'config/dhcp';
      expect((await conflicts()).includes(path)).toBe(isOpen);
    });

    it.each([
      ['accept', { 'issue/main': 'new\n' }, 'issue/main', 'new\n'],
      ['keep', { 'issue/main': 'new\n' }, 'issue', 'mine\n'],
    ])(
      '%s lets an upgrade pass that makes a folder of a changed file',
      async (decision, folder, path, expected) => {
        const { issue: _, ...others } = newDefaults;
        await expect(upgrade({ ...others, ...folder })).rejects.toMatchObject({ code: 'ETC_TYPE_CONFLICT' });
        await cli.ok('etc', decision, 'issue');
        await upgrade({ ...others, ...folder });
        expect(text(path)).toBe(expected);
        expect(await conflicts()).not.toContain('issue');
      },
    );
  });
});
