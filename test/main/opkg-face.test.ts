import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, runProgram, type Scene, startScene } from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('opkg on a deployment (needs root)', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
  });
  afterAll(() => scene?.end());

  const opkg = (line: string) => scene.cli.run('opkg', ...line.split(' '));
  const next = async () => {
    const [first] = await scene.deployments();
    if (first === undefined) throw new Error('nothing is deployed');
    return first;
  };
  const lists = () => join(scene.sysroot, 'ostree/deploy/openwrt/var/lib/opkg-ostree/opkg-lists');

  it('fetches the lists through the engine and leaves them in opkg’s form', async () => {
    const ended = await opkg('update');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^Downloading http\S+\/Packages\.gz$/mu);
    expect(ended.stdout).toMatch(/^Updated list of available packages in \S+$/mu);
    expect(ended.stdout).toMatch(/^Signature check passed\.$/mu);
    const names = readdirSync(lists()).filter((name) => !name.endsWith('.sig'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(gunzipSync(readFileSync(join(lists(), name))).toString()).toMatch(/^Package: /u);
      expect(existsSync(join(lists(), `${name}.sig`))).toBe(true);
    }
  });

  it('keeps the lists where LuCI’s package page finds them: below no link, unpacked by gzip', async () => {
    // As a booted system has it: /var/opkg-lists is a link onto a tmpfs, which find does not follow.
    rmSync(lists(), { recursive: true });
    symlinkSync('/nonexistent/opkg-lists', lists());
    expect((await opkg('list jq')).stdout).toMatch(/^jq - /u);
    const page = await runProgram('sh', [
      '-c',
      'find "$1" -type f "!" -name "*.sig" | xargs -r gzip -cd',
      'sh',
      lists(),
    ]);
    expect(page).toMatchObject({ status: 0, stderr: '' });
    const paragraphs = page.stdout.split(/\n\n+/u).filter((text) => text.trim() !== '');
    expect(paragraphs.length).toBeGreaterThan(5);
    expect(paragraphs.filter((text) => !text.startsWith('Package: '))).toEqual([]);
  });

  it('answers from the deployment’s database and the lists', async () => {
    expect((await opkg('list jq')).stdout).toMatch(/^jq - 1\.6-r2 - /u);
    expect((await opkg('list-installed busybox')).stdout).toMatch(/^busybox - /u);
    expect((await opkg('list-installed jq')).stdout).toBe('');
    expect((await opkg('info jq')).stdout).toMatch(/^Status: unknown ok not-installed$/mu);
    expect((await opkg('whatdepends -A libjq1')).stdout).toMatch(/^\tjq 1\.6-r2\tdepends on libjq1/mu);
    expect(await opkg('frobnicate')).toMatchObject({ status: 1 });
  });

  it('tells what it would do and does nothing', async () => {
    const before = await next();
    const ended = await opkg('--noaction install jq');
    expect(ended.stdout).toMatch(/^Installing jq \(1\.6-r2\) to root\.\.\.$/mu);
    expect(await next()).toEqual(before);
  });

  it('installs into the next deployment and says when it is active', async () => {
    const before = await next();
    const ended = await opkg('install jq nonesuch');
    expect(ended.status).toBe(255);
    expect(ended.stdout).toMatch(/^Unknown package 'nonesuch'\.$/mu);
    expect(ended.stderr).toBe('Collected errors:\n * opkg_install_cmd: Cannot install package nonesuch.\n');
    for (const line of ['Installing libjq1 ', 'Installing jq (1.6-r2) to root...', 'Configuring jq.'])
      expect(ended.stdout).toContain(`\n${line}`);
    expect(ended.stdout).toMatch(/^The change is deployment \S+; it becomes active after the reboot\.$/mu);
    const made = await next();
    expect(made.id).not.toBe(before.id);
    expect(made['requested-packages']).toEqual(['jq']);
    expect((await opkg('status jq')).stdout).toMatch(/^Status: install user installed$/mu);
    expect((await opkg('status libjq1')).stdout).toMatch(/^Status: install ok installed$/mu);
    expect((await opkg('install jq')).stdout).toMatch(
      /^Package jq \(1\.6-r2\) installed in root is up to date\.$/mu,
    );
  });

  it('refuses to remove what is needed, and removes with what needs it', async () => {
    const refused = await opkg('remove libjq1');
    expect(refused.status).toBe(255);
    expect(refused.stderr).toContain(
      ' * print_dependents_warning: Package libjq1 is depended upon by packages:\n',
    );
    expect((await next())['requested-packages']).toEqual(['jq']);
    const ended = await opkg('remove jq');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^Removing package jq from root\.\.\.$/mu);
    expect(ended.stdout).toMatch(/^libjq1 was autoinstalled and is now orphaned, removing\.$/mu);
    expect((await next())['requested-packages']).toEqual([]);
    expect(await opkg('remove jq')).toMatchObject({ status: 0, stdout: 'No packages removed.\n' });
  });

  it('is the same program under the name opkg', async () => {
    const named = join(scene.folder, 'opkg');
    symlinkSync(ensureBundle(), named);
    const env = { OPKG_OSTREE_SYSROOT: scene.sysroot };
    const ended = await runProgram(process.execPath, [named, 'print-architecture'], { env });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^arch all 1$/mu);
  });
});
