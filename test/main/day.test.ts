import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendLine,
  editFile,
  realRootPath,
  runProgram,
  type Scene,
  startScene,
} from '../support/world/index.ts';

const CHECKSUM = /^[0-9a-f]{64}$/;
const isRoot = process.getuid?.() === 0;
const realRoot = realRootPath();

/** What differs between the two days: the wish, its dependencies, what shows that they work. */
interface Day {
  readonly title: string;
  readonly rootfs: string | undefined;
  readonly request: readonly string[];
  readonly dependencies: readonly string[];
  readonly user: string;
  readonly service: string;
  /** A command inside the deployment, and what it prints. */
  readonly proof: readonly [command: readonly string[], output: RegExp];
  /** A package and some of its files. */
  readonly owned: readonly [name: string, files: readonly string[]];
  readonly versions: readonly [RegExp, RegExp];
  /** A package whose version in the second release's feed is newer, with both. */
  readonly newer: readonly [name: string, from: RegExp, to: RegExp];
}

const fixtureDay: Day = {
  title: 'the fixture root',
  rootfs: undefined,
  request: ['jq', 'tinyproxy', 'bash', 'ethtool'],
  dependencies: ['libjq1', 'libonig5', 'libtinfo6', 'libmnl0'],
  user: 'tinyproxy',
  service: 'tinyproxy',
  proof: [['jq', '-n', '-c', '{works: (40 + 2)}'], /^\{"works":42\}$/m],
  owned: ['jq', ['/usr/bin/jq']],
  versions: [/24\.10\.1/, /24\.10\.2/],
  newer: ['jq', /^1\.6-r2$/, /^1\.6-r3$/],
};

const realDay: Day = {
  title: `the root of OPENWRT_ROOTFS${realRoot === undefined ? ' (not set)' : ''}`,
  rootfs: realRoot,
  request: ['router-notes'],
  dependencies: ['router-notes-lib', 'router-notes-words'],
  user: 'notes',
  service: 'router-notes',
  proof: [['router-notes'], /^note [12]: all is well$/m],
  owned: ['router-notes', ['/usr/bin/router-notes', '/etc/init.d/router-notes', '/etc/config/router-notes']],
  versions: [/./, /second/],
  newer: ['router-notes', /^1\.1-1$/, /^1\.2-1$/],
};

theDay(fixtureDay, !isRoot);
theDay(realDay, !isRoot || realRoot === undefined);

function theDay(day: Day, skipped: boolean): void {
  describe.skipIf(skipped)(`a day on ${day.title}`, () => {
    let scene: Scene;
    let commit: string;
    beforeAll(async () => {
      scene = await startScene(day.rootfs);
    });
    afterAll(async () => {
      await scene?.end();
    });

    const next = async () => {
      const first = (await scene.deployments())[0];
      if (first === undefined) throw new Error('nothing is deployed');
      return first;
    };
    const textOf = async (path: string) => readFileSync(join((await next()).path, path), 'utf8');
    const installed = async (name: string) => {
      const list = await scene.cli.json<{ name: string; version: string; installed: string | null }[]>(
        'list',
        '--installed',
      );
      return list.find((entry) => entry.name === name);
    };

    it('makes a sysroot', async () => {
      await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
      expect(existsSync(join(scene.sysroot, 'ostree/repo/config'))).toBe(true);
    });

    it('composes the root into a commit, the same one each time', async () => {
      commit = await scene.compose(0);
      expect(commit).toMatch(CHECKSUM);
      expect(await scene.compose(0)).toBe(commit);
      const show = await runProgram('ostree', ['show', `--repo=${scene.sysroot}/ostree/repo`, scene.branch]);
      expect(show.stdout).toContain(commit);
    });

    it('deploys it and names it in the boot menu', async () => {
      await scene.cli.ok('deploy', scene.branch);
      const [first, ...others] = await scene.deployments();
      expect(others).toEqual([]);
      expect(first).toMatchObject({ checksum: commit, 'base-checksum': commit, 'requested-packages': [] });
      expect(first?.version).toMatch(day.versions[0]);
      const grub = readFileSync(join(scene.sysroot, 'boot/loader/grub.cfg'), 'utf8');
      expect(grub).toMatch(/ostree=\/ostree\/boot\.[01]\/openwrt\/[0-9a-f]{64}\/0/);
      const check = await runProgram('grub-script-check', [join(scene.sysroot, 'boot/loader/grub.cfg')]);
      expect(check).toMatchObject({ status: 0, stderr: '' });
    });

    it('fetches signed feeds and plans without changing anything', async () => {
      await scene.useFeedsOfRelease(1);
      await scene.cli.ok('update');
      const plan = await scene.cli.json<{ install: { name: string; reason: string }[] }>(
        'install',
        '--dry-run',
        ...day.request,
      );
      const names = plan.install.map((entry) => entry.name);
      expect(names).toEqual(expect.arrayContaining([...day.request, ...day.dependencies]));
      expect(await scene.deployments()).toHaveLength(1);
    });

    it('installs packages with their dependencies, users and services', async () => {
      await scene.cli.ok('install', ...day.request);
      const first = await next();
      expect(first).toMatchObject({ 'base-checksum': commit, 'requested-packages': [...day.request].sort() });
      expect(first.packages).toEqual(expect.arrayContaining([...day.request, ...day.dependencies]));
      expect(await textOf('etc/passwd')).toMatch(new RegExp(`^${day.user}:x:\\d+:\\d+:`, 'm'));
      const links = await scene.inside('ls', '/etc/rc.d');
      expect(links.stdout).toMatch(new RegExp(`^S\\d\\d${day.service}$`, 'm'));
      expect((await installed(day.newer[0]))?.version).toMatch(day.newer[1]);
    });

    it('runs what was installed, and opkg in the deployment knows it', async () => {
      const [command, output] = day.proof;
      const ended = await scene.inside(...command);
      expect(ended.stderr).toBe('');
      expect(ended.stdout).toMatch(output);
      const [name, files] = day.owned;
      const listed = await scene.inside('opkg', 'files', name);
      for (const file of files) expect(listed.stdout.split('\n')).toContain(file);
      const all = (await scene.inside('opkg', 'list-installed')).stdout;
      for (const wanted of [...day.request, ...day.dependencies])
        expect(all).toMatch(new RegExp(`^${wanted} - `, 'm'));
    });

    it("keeps the admin's edit and the packages over an upgrade of the base", async () => {
      appendLine(join((await next()).path, 'etc/config/dhcp'), "\nconfig host\n\toption name 'printer'");
      const second = await scene.compose(1);
      await scene.useFeedsOfRelease(2);
      await scene.cli.ok('upgrade');
      const first = await next();
      expect(first).toMatchObject({ 'base-checksum': second, 'requested-packages': [...day.request].sort() });
      expect(first.version).toMatch(day.versions[1]);
      expect(await textOf('etc/config/dhcp')).toContain("option name 'printer'");
      expect((await scene.inside(...day.proof[0])).stdout).toMatch(day.proof[1]);
      expect((await installed(day.newer[0]))?.version).toMatch(day.newer[2]);
    });

    it('finds nothing to upgrade then', async () => {
      expect((await scene.cli.run('upgrade', '--check')).status).toBe(77);
      await scene.cli.ok('upgrade');
    });

    it('says what differs between the deployments', async () => {
      expect(await scene.cli.ok('diff', '1', '0')).toContain(day.newer[0]);
    });

    it('goes back', async () => {
      const [upgraded, previous] = await scene.deployments();
      await scene.cli.ok('rollback');
      const [first, second] = await scene.deployments();
      expect([first?.id, second?.id]).toEqual([previous?.id, upgraded?.id]);
      expect(first?.version).toMatch(day.versions[0]);
      const grub = readFileSync(join(scene.sysroot, 'boot/loader/grub.cfg'), 'utf8');
      expect(grub.indexOf(first?.version ?? '?')).toBeGreaterThan(-1);
      expect((await scene.inside(...day.proof[0])).stdout).toMatch(day.proof[1]);
    });

    it('is what the real ostree reads: every object, every deployment in the same order', async () => {
      const fsck = await runProgram('ostree', ['fsck', `--repo=${scene.sysroot}/ostree/repo`]);
      expect(fsck).toMatchObject({ status: 0 });
      const status = await runProgram('ostree', ['admin', 'status', `--sysroot=${scene.sysroot}`]);
      expect(status.status).toBe(0);
      const listed = [...status.stdout.matchAll(/openwrt ([0-9a-f]{64})\.(\d+)/g)].map(
        ([, sum, serial]) => `openwrt-${sum}.${serial}`,
      );
      expect(listed).toEqual((await scene.deployments()).map((deployment) => deployment.id));
    });

    it('writes it all down', async () => {
      const history = await scene.cli.json<{ command: string; outcome: string }[]>('history');
      expect(history.filter((record) => record.outcome === 'done').length).toBeGreaterThanOrEqual(4);
    });

    it('drops what nothing needs, and stays whole', async () => {
      await scene.cli.ok('cleanup');
      const fsck = await runProgram('ostree', ['fsck', `--repo=${scene.sysroot}/ostree/repo`]);
      expect(fsck).toMatchObject({ status: 0 });
      editFile(join((await next()).path, 'etc/config/dhcp'), 'config', 'config');
      await scene.cli.ok('remove', day.request[0] ?? '');
      expect((await next())['requested-packages']).toEqual([...day.request].slice(1).sort());
    });
  });
}
