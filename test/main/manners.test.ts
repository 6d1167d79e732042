/** What the command line promises beside its main job: which options win, what a plan tells, what is remembered. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';

interface PlanDocument {
  readonly id: string;
  readonly basis: { readonly feeds: string };
  readonly remove: readonly { readonly name: string }[];
}

describe.skipIf(process.getuid?.() !== 0)('manners of the commands', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'less');
  });
  afterAll(async () => {
    await scene?.end();
  });

  it('an option before the command wins over the environment', async () => {
    const ended = await scene.cli.run('--sysroot', `${scene.folder}/no-such-sysroot`, 'status');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('no-such-sysroot');
  });

  it('a package that has no service is installed from the cache', async () => {
    await scene.cli.ok('install', '--download-only', 'jq');
    await scene.cli.ok('install', '--cache-only', 'jq');
    await scene.cli.ok('remove', 'jq');
  });

  it('a dry run prints a plan even where there is nothing to do', async () => {
    const plan = await scene.cli.json<PlanDocument>('install', '--idempotent', '--dry-run', 'less');
    expect(plan.id).toMatch(/^[0-9a-f]{64}$/u);
  });

  it('a plan names what an override hides; a name that the base lacks is refused', async () => {
    const plan = await scene.cli.json<PlanDocument>('override', 'remove', 'fping', '--dry-run');
    expect(plan.remove.map(({ name }) => name)).toEqual(['fping']);
    expect(await scene.cli.run('override', 'remove', 'no-such-package')).toMatchObject({ status: 3 });
  });

  it('words that are no names are misuse, told on one line', async () => {
    for (const words of [
      ['install', 'jq=1\nx'],
      ['install', 'jq', '--uninstall', '../x'],
      ['override', 'remove', '../x'],
      ['info', '../x'],
      ['files', '../x'],
      ['deploy', 'a branch'],
    ]) {
      const ended = await scene.cli.run(...words);
      expect(ended).toMatchObject({ status: 2, stdout: '' });
      expect(ended.stderr).toMatch(/^error: [^\n]+\nhint: [^\n]+\n$/u);
    }
  });

  it('the beginning of a checksum is a commit, not a branch to follow', async () => {
    const [first] = await scene.deployments();
    await scene.cli.ok('deploy', (first?.['base-checksum'] ?? '').slice(0, 12));
    const status = await scene.cli.json<{ deployments: { origin: string }[] }>('status');
    expect(status.deployments[0]?.origin).toBe(scene.branch);
  });

  it('what is installed after going back comes from the feeds of the release that runs', async () => {
    const feeds = async () => (await scene.cli.json<PlanDocument>('install', '--dry-run', 'ed')).basis.feeds;
    const before = await feeds();
    await scene.compose(1);
    await scene.cli.ok('upgrade');
    expect(await feeds()).not.toBe(before);
    await scene.cli.ok('rollback');
    expect(await feeds()).toBe(before);
    await scene.cli.ok('rollback');
  });

  it('an older release can be gone back to with its own feeds', async () => {
    await scene.compose(0);
    expect(await scene.cli.run('upgrade')).toMatchObject({ status: 3 });
    await scene.cli.ok('upgrade', '--allow-downgrade');
    const [first] = await scene.deployments();
    expect(first?.packages).toContain('less');
  });

  it('a root that is rebased to becomes the base, the wish stays, and a plan for it leaves no branch', async () => {
    const { rootfs, kernel } = scene.releases[1];
    const refs = () => scene.cli.ok('repo', 'refs', '--repo', `${scene.sysroot}/ostree/repo`);
    const [before] = await scene.deployments();
    await scene.cli.ok('rebase', rootfs, '--kernel', kernel, '--dry-run');
    expect(await refs()).not.toContain('rootfs/');
    await scene.cli.ok('rebase', rootfs, '--kernel', kernel);
    const [first] = await scene.deployments();
    const status = await scene.cli.json<{ deployments: { origin: string }[] }>('status');
    expect(status.deployments[0]?.origin).toMatch(/^rootfs\//u);
    expect(first?.version).not.toBe(before?.version);
    expect(first?.packages).toContain('less');
  });

  it('a root that is refused for its age leaves no branch', async () => {
    const older = scene.releases[0];
    const refs = () => scene.cli.ok('repo', 'refs', '--repo', `${scene.sysroot}/ostree/repo`);
    const before = await refs();
    const ended = await scene.cli.run('rebase', older.rootfs, '--kernel', older.kernel, '--json');
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'DOWNGRADE_REFUSED' } });
    expect(await refs()).toBe(before);
  });

  it('as many deployments stay as /etc/config/opkg-ostree asks for', async () => {
    const count = async () => (await scene.deployments()).length;
    await scene.cli.ok('install', 'ed');
    expect(await count()).toBe(2);
    const [next] = await scene.deployments();
    writeFileSync(
      join(next?.path ?? '', 'etc/config/opkg-ostree'),
      "config core 'core'\n\toption retention '3'\n",
    );
    await scene.cli.ok('remove', 'ed');
    expect(await count()).toBe(3);
    await scene.cli.ok('install', 'ed');
    expect(await count()).toBe(3);
  });

  it('a root that holds the sysroot is refused before anything is composed', async () => {
    for (const path of ['/', scene.folder]) {
      const ended = await scene.cli.run('rebase', path);
      expect(ended.status).toBe(2);
      expect(ended.stderr).toContain('holds the sysroot itself');
    }
  });
});
