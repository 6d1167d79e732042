import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { parseStatus } from '../../src/ipk/index.ts';
import { readLayerMetadata } from '../../src/layer/index.ts';
import { dictString } from '../../src/ostree/index.ts';
import { baseFiles, control, LayerWorld, refusal, stub } from './support.ts';

let world: LayerWorld;
beforeAll(async () => {
  world = await LayerWorld.make();
});
afterAll(() => world.close());

const a = {
  ...control('a', { Depends: 'b' }),
  files: { 'usr/bin/a': 'a', 'etc/init.d/a': '#!/bin/sh /etc/rc.common\nSTART=20\nSTOP=80\n' },
};
const b = {
  ...control('b', { 'Require-User': 'bee:bee' }),
  files: { 'usr/share/b/data': 'b', 'etc/config/b': 'config b\n' },
  conffiles: ['/etc/config/b'],
};

describe('assemble', () => {
  it('gives one commit whatever the order of everything', async () => {
    const feeds = [
      { name: 'x', url: 'u1', digest: 'd1', keyId: 'k' },
      { name: 'y', url: 'u2', digest: 'd2', keyId: 'k' },
    ];
    const one = await world.layer([a, b], { feeds, requested: ['a', 'b'], remove: ['oldtool', 'nothing'] });
    const other = await world.layer([b, a], {
      feeds: [...feeds].reverse(),
      requested: ['b', 'a'],
      remove: ['nothing', 'oldtool'],
    });
    expect(other.commit).toBe(one.commit);
    const second = await LayerWorld.make();
    try {
      expect(second.base).toBe(world.base);
      const there = await second.layer([b, a], {
        feeds,
        requested: ['b', 'a'],
        remove: ['oldtool', 'nothing'],
      });
      expect(there.commit).toBe(one.commit);
    } finally {
      second.close();
    }
  });

  it('puts files, links, accounts and the database where opkg would have them', async () => {
    const { commit, services } = await world.layer([a, { ...b, reason: 'depends' }], { requested: ['a'] });
    expect(services).toEqual(['a']);
    expect(world.at(commit, 'usr/bin/a')).toBe('a');
    expect(world.at(commit, 'usr/etc/rc.d/S20a')).toBe('-> ../init.d/a');
    expect(world.at(commit, 'usr/etc/rc.d/K80a')).toBe('-> ../init.d/a');
    expect(world.at(commit, 'usr/etc/passwd')).toMatch(
      /^root:.*\nbee:x:(\d+):\1:bee:\/var\/run\/bee:\/bin\/false\n$/u,
    );
    expect(world.at(commit, 'usr/etc/group')).toMatch(/\nbee:x:\d+:bee\n$/u);
    expect(world.at(commit, 'usr/etc/shadow')).toMatch(/\nbee:x:0:0:99999:7:::\n$/u);
    expect(world.at(commit, 'usr/lib/opkg/info/a.list')).toBe('/etc/init.d/a\n/usr/bin/a\n');
    const status = world.at(commit, 'usr/lib/opkg/status') ?? '';
    expect(status.startsWith(baseFiles['usr/lib/opkg/status'] ?? '-')).toBe(true);
    expect(status.slice((baseFiles['usr/lib/opkg/status'] ?? '').length)).toBe(
      'Package: a\nVersion: 1.0\nDepends: b\nStatus: install user installed\nArchitecture: all\nInstalled-Time: 1534405875\n\n' +
        'Package: b\nVersion: 1.0\nStatus: install ok installed\nArchitecture: all\nConffiles:\n' +
        ' /etc/config/b ba70c5e7b1ea0c15ffcd5e8ff8ce57bd2a98d4f4e2b09e8b7f1ad4b2f2a2d9a1\n'.replace(
          /[0-9a-f]{64}/u,
          parseStatus(status).find((e) => e.name === 'b')?.conffiles[0]?.hash ?? '',
        ) +
        'Installed-Time: 1534405875\nAuto-Installed: yes\n\n',
    );
  });

  it('describes itself in the commit', async () => {
    const { commit } = await world.layer(
      [
        { ...a, reason: 'requested' },
        { ...b, reason: 'depends' },
      ],
      { requested: ['a'], remove: ['oldtool'] },
    );
    const loaded = world.repo.loadCommit(commit);
    expect(loaded.parent).toBe(world.base);
    expect(loaded.timestamp).toBe(1534405875);
    expect(loaded.metadata.map(([key]) => key)).toEqual([
      'version',
      'ostree.linux',
      ...[
        'layer-version',
        'base',
        'packages',
        'removed',
        'replaced',
        'feeds',
        'inputs-sha256',
        'requested',
      ].map((k) => `opkgostree.${k}`),
    ]);
    expect(dictString(loaded.metadata, 'version')).toBe('24.10');
    expect(readLayerMetadata(loaded)).toMatchObject({
      ...{
        version: 1,
        base: world.base,
        removed: ['oldtool'],
        replaced: [],
        requested: ['a'],
        scriptWarnings: [],
      },
      packages: [
        { name: 'a', version: '1.0', architecture: 'all', feed: 'feed', reason: 'requested' },
        { name: 'b', reason: 'depends' },
      ],
    });
    expect(readLayerMetadata(world.repo.loadCommit(world.base))).toBeUndefined();
  });

  it('is the base where nothing is layered', async () => {
    expect(await world.layer([])).toMatchObject({ commit: world.base, layered: false });
  });

  it('keeps attributes of directories that the base has and takes those of new ones', async () => {
    const { commit } = await world.layer([
      {
        ...control('dirs'),
        files: [
          { name: './usr/etc/', type: 'directory', mode: 0o700 },
          { name: './usr/share/', type: 'directory', mode: 0o711 },
          { name: './usr/share/x', content: 'x' },
        ],
      },
    ]);
    expect(world.mode(commit, 'usr/etc')).toBe('0:0 40755');
    expect(world.mode(commit, 'usr/share')).toBe('0:0 40711');
  });

  it('refuses files that differ, all at once, naming both owners', async () => {
    try {
      await world.layer([
        { ...control('x'), files: { 'usr/bin/oldtool': 'new', 'usr/share/same': '1', 'bin/ls': 'real ls' } },
        { ...control('y'), files: { 'usr/share/same': '2' } },
      ]);
      expect.unreachable();
    } catch (error) {
      if (!isOpkgOstreeError(error)) throw error;
      expect(error.code).toBe('FILE_CONFLICT');
      expect(error.message).toBe(
        'package x and package oldtool both have /usr/bin/oldtool: they differ (and 1 more files)',
      );
      expect(error.details['conflicts']).toEqual([
        { path: '/usr/bin/oldtool', owners: ['x', 'oldtool'], reason: 'they differ' },
        { path: '/usr/share/same', owners: ['y', 'x'], reason: 'they differ' },
      ]);
    }
  });

  it('takes equal files of two packages', async () => {
    const { commit } = await world.layer([
      { ...control('x'), files: { 'usr/share/same': '1' } },
      { ...control('y'), files: { 'usr/share/same': '1' } },
    ]);
    expect(world.at(commit, 'usr/lib/opkg/info/x.list')).toBe(world.at(commit, 'usr/lib/opkg/info/y.list'));
  });

  it('lets the one that replaces another have the file, and takes it off the list of the other', async () => {
    const base = await world.layer([
      { ...control('x', { Replaces: 'tool' }), files: { 'usr/bin/oldtool': 'new' } },
    ]);
    expect(world.at(base.commit, 'usr/bin/oldtool')).toBe('new');
    expect(world.at(base.commit, 'usr/lib/opkg/info/oldtool.list')).toBe('/etc/init.d/oldd\n');
    for (const [one, two] of [
      ['p', 'q'],
      ['q', 'p'],
    ] as const) {
      const { commit } = await world.layer([
        { ...control(one, { Replaces: two }), files: { 'usr/share/same': one, 'usr/share/x': 'x' } },
        { ...control(two), files: { 'usr/share/same': two, 'usr/share/y': 'y' } },
      ]);
      expect(world.at(commit, 'usr/share/same')).toBe(one);
      expect(world.at(commit, `usr/lib/opkg/info/${two}.list`)).toBe('/usr/share/y\n');
      expect(world.at(commit, `usr/lib/opkg/info/${one}.list`)).toBe('/usr/share/same\n/usr/share/x\n');
    }
    const mutual = [
      { ...control('p', { Replaces: 'q' }), files: { 'usr/share/same': 'p' } },
      { ...control('q', { Replaces: 'p' }), files: { 'usr/share/same': 'q' } },
    ];
    expect(await refusal(() => world.layer(mutual))).toMatch(/^FILE_CONFLICT/u);
    const wrongVersion = [
      { ...control('x', { Replaces: 'oldtool (<< 1.0)' }), files: { 'usr/bin/oldtool': 'new' } },
    ];
    expect(await refusal(() => world.layer(wrongVersion))).toMatch(/^FILE_CONFLICT/u);
  });

  it('lets a program stand in front of the busybox applet, and never the other way round', async () => {
    const real = await world.layer([{ ...control('mount-utils'), files: { 'bin/mount': 'real mount' } }]);
    expect(world.at(real.commit, 'usr/bin/mount')).toBe('real mount');
    const links = await world.layer([
      {
        ...control('bb2'),
        files: {
          'bin/oldtool': { type: 'symlink', link: 'busybox' },
          'bin/ls': { type: 'symlink', link: '../bin/busybox' },
        },
      },
    ]);
    expect(world.at(links.commit, 'usr/bin/oldtool')).toBe('old\n');
    expect(world.at(links.commit, 'usr/bin/ls')).toBe('-> busybox');
  });

  it('puts a configuration file beside the one that the tree has', async () => {
    const { commit, notes } = await world.layer([
      { ...control('c'), files: { 'etc/config/system': 'config new\n' }, conffiles: ['/etc/config/system'] },
    ]);
    expect(world.at(commit, 'usr/etc/config/system')).toBe('config system\n');
    expect(world.at(commit, 'usr/etc/config/system-opkg')).toBe('config new\n');
    expect(notes.join()).toContain('/usr/etc/config/system-opkg');
    expect(world.at(commit, 'usr/lib/opkg/status')).toMatch(
      /Conffiles:\n \/etc\/config\/system [0-9a-f]{64}\n/u,
    );
  });

  it.each([
    ['a file over a directory', { 'usr/bin': { content: 'x' } }, 'a file would go where a directory is'],
    [
      'a directory over a file',
      { 'usr/bin/oldtool/x': { content: 'x' } },
      'a directory would go where a file is',
    ],
    [
      'a write through a symlink',
      { 'usr/bin/editor/x': { content: 'x' } },
      'a directory would go where a symlink is',
    ],
  ])('refuses %s', async (_name, files, reason) => {
    expect(await refusal(() => world.layer([{ ...control('x'), files }]))).toContain(`: ${reason}`);
  });

  it('refuses a write through the link of another package', async () => {
    const packages = [
      { ...control('p'), files: { 'usr/share/d': { type: 'symlink', link: '/etc' } } },
      { ...control('q'), files: { 'usr/share/d/passwd': 'x' } },
    ] as const;
    expect(await refusal(() => world.layer(packages))).toMatch(/^FILE_CONFLICT: package q and package p /u);
  });

  it('removes what a base package owns, but not what another shares', async () => {
    const { commit } = await world.layer([], { remove: ['oldtool'] });
    for (const path of [
      'usr/bin/oldtool',
      'usr/etc/init.d/oldd',
      'usr/etc/rc.d/S50oldd',
      'usr/lib/opkg/info/oldtool.list',
    ]) {
      expect(world.at(commit, path)).toBeUndefined();
    }
    expect(world.at(commit, 'usr/bin/editor')).toBe('-> /bin/busybox');
    expect(world.at(commit, 'usr/lib/opkg/info/oldtool.extra.control')).toBeDefined();
    const status = world.at(commit, 'usr/lib/opkg/status') ?? '';
    expect(status).not.toContain('oldtool');
    expect((baseFiles['usr/lib/opkg/status'] ?? '').startsWith(status)).toBe(true);
  });

  it('keeps configuration that the base had changed when its package goes', async () => {
    const changed = await LayerWorld.make({
      'usr/lib/opkg/status': `Package: conf\nVersion: 1\nStatus: install ok installed\nConffiles:\n /etc/mine ${'0'.repeat(64)}\n /etc/plain ${'d41d8cd98f00b204e9800998ecf8427e'}\n\n`,
      'usr/lib/opkg/info/conf.list': '/etc/mine\n/etc/plain\n',
      ...{ 'usr/etc/mine': 'mine\n', 'usr/etc/plain': '' },
    });
    try {
      const { commit } = await changed.layer([], { remove: ['conf'] });
      expect([changed.at(commit, 'usr/etc/mine'), changed.at(commit, 'usr/etc/plain')]).toEqual([
        'mine\n',
        undefined,
      ]);
    } finally {
      changed.close();
    }
  });

  it('replaces a base package of the same name, and keeps its service off where the base had it off', async () => {
    const next = {
      ...control('oldtool', { Version: '2.0' }),
      files: { 'usr/bin/oldtool2': 'new', 'etc/init.d/oldd': '#!/bin/sh\nSTART=60\n' },
    };
    const { commit } = await world.layer([next]);
    expect(world.at(commit, 'usr/bin/oldtool')).toBeUndefined();
    expect(world.at(commit, 'usr/etc/rc.d/S60oldd')).toBeDefined();
    expect(world.at(commit, 'usr/etc/rc.d/S50oldd')).toBeUndefined();
    expect(readLayerMetadata(world.repo.loadCommit(commit))?.replaced).toEqual(['oldtool']);
    const off = await LayerWorld.make({ 'usr/etc/rc.d/S50oldd': '' });
    try {
      const layer = await off.layer([next], { replace: ['oldtool'] });
      expect(off.at(layer.commit, 'usr/etc/rc.d/S60oldd')).toBeDefined();
    } finally {
      off.close();
    }
  });

  it('gives an alternative to the highest priority of base and layer', async () => {
    const alt = (name: string, priority: number) => ({
      ...control(name, { Alternatives: `${priority}:/bin/editor:/usr/bin/${name}` }),
      files: { [`usr/bin/${name}`]: name },
    });
    const target = async (...packages: ReturnType<typeof alt>[]) =>
      world.at((await world.layer(packages)).commit, 'usr/bin/editor');
    expect(await target(alt('low', 50))).toBe('-> /usr/bin/oldtool');
    expect(await target(alt('high', 300), alt('mid', 200))).toBe('-> /usr/bin/high');
    expect(await target(alt('zz', 200), alt('aa', 200))).toBe('-> /usr/bin/aa');
  });

  it('leaves a real file alone where an alternative would be, and refuses forbidden places', async () => {
    const real = await world.layer([
      {
        ...control('x', { Alternatives: '500:/usr/bin/oldtool:/usr/bin/x, 300:/bin/x:/usr/bin/x' }),
        files: { 'usr/bin/x': 'x' },
      },
    ]);
    expect(world.at(real.commit, 'usr/bin/oldtool')).toBe('old\n');
    expect(world.at(real.commit, 'usr/bin/x')).toBe('x');
    expect(real.notes).toEqual([
      '/usr/bin/oldtool exists but is not a symlink; no alternative is linked there',
    ]);
    const evil = { ...control('x', { Alternatives: '500:/etc/opkg/keys/0:/tmp/x' }) };
    expect(await refusal(() => world.layer([evil]))).toMatch(/^LAYER_FORBIDDEN_PATH/u);
  });

  it('refuses clashing user ids, naming both packages', async () => {
    const user = (name: string, field: string) => control(name, { 'Require-User': field });
    expect(await refusal(() => world.layer([user('x', 'x=7'), user('y', 'y=7')]))).toMatch(
      /^USER_ID_CONFLICT: package y .* of package x /u,
    );
    const based = await LayerWorld.make({ 'usr/etc/group': 'root:x:0:\naudio:x:29:\n' });
    try {
      expect(await refusal(() => based.layer([user('x', ':snd=29')]))).toMatch(
        /'audio' of package base-files /u,
      );
    } finally {
      based.close();
    }
  });

  it('queues a script that needs the live system for the first boot', async () => {
    const { commit, scripts } = await world.layer([
      {
        ...control('live'),
        files: { 'usr/bin/live': 'x' },
        scripts: { postinst: stub, 'postinst-pkg': 'uci commit live\n' },
      },
    ]);
    expect(scripts).toMatchObject([{ package: 'live', script: 'postinst-pkg', outcome: 'deferred' }]);
    const folder = 'usr/lib/opkg-ostree/first-boot/live';
    expect(world.at(commit, `${folder}/script`)).toBe('uci commit live\n');
    expect(world.at(commit, `${folder}/postinst`)).toMatch(/^#!\/bin\/sh\n/u);
    expect(world.mode(commit, `${folder}/postinst`)).toBe('0:0 100755');
  });

  it('refuses two versions of one package', async () => {
    expect(await refusal(() => world.layer([control('x'), control('x', { Version: '2' })]))).toMatch(
      /^UNSATISFIABLE/u,
    );
  });

  it('works in an archive repository with the same result', async () => {
    const archive = await LayerWorld.make({}, { mode: 'archive' });
    try {
      expect((await archive.layer([a, b])).commit).toBe((await world.layer([a, b])).commit);
    } finally {
      archive.close();
    }
  });
});
