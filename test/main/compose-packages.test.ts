import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIpk, file, lastLine, runProgram, type Scene, startScene } from '../support/world/index.ts';

interface Row {
  readonly checksum: string;
  readonly packages: readonly string[];
  readonly signatures: readonly {
    readonly type: string;
    readonly valid: boolean;
    readonly key: string | null;
  }[];
  readonly 'unique-bytes': number | null;
  readonly path: string;
}

describe.skipIf(process.getuid?.() !== 0)('compose with packages and a signature', () => {
  let scene: Scene;
  let repo: string;
  let commit: string;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    repo = join(scene.sysroot, 'ostree/repo');
  });
  afterAll(async () => {
    await scene?.end();
  });

  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const publicText = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const secretText = Buffer.concat([seed, Buffer.from(publicText, 'base64')]).toString('base64');

  const compose = (...words: string[]) => {
    const { rootfs, kernel } = scene.releases[0];
    const place = ['--repo', repo, '--branch', scene.branch, '--kernel', kernel, '--target', 'x86-64'];
    return scene.cli.run('compose', rootfs, ...place, ...words);
  };
  const rows = async () => (await scene.cli.json<{ deployments: Row[] }>('status')).deployments;

  it('puts packages from the feeds and from files into the base, the same commit each time', async () => {
    const ipk = buildIpk({
      name: 'notes',
      version: '1-r1',
      arch: 'all',
      fields: { Depends: 'bc' },
      description: 'A file of the vendor',
      data: [file('usr/share/notes', 'notes\n')],
      conffiles: [],
      scripts: {},
      mtime: 1_700_000_000,
    });
    const given = join(scene.folder, 'notes.ipk');
    writeFileSync(given, ipk.bytes);
    const key = join(scene.folder, 'secret');
    writeFileSync(key, `${secretText}\n`, { mode: 0o600 });
    const words = ['--add-package', 'jq', '--add-package', given, '--sign-key', key];
    const made = await compose(...words);
    expect(made.stderr).toBe('');
    commit = lastLine(made.stdout);
    expect(lastLine((await compose(...words)).stdout)).toBe(commit);
    const refs = await runProgram('ostree', ['refs', `--repo=${repo}`]);
    expect(refs.stdout.trim().split('\n')).toEqual([scene.branch]);
    expect((await runProgram('ostree', ['fsck', `--repo=${repo}`])).status).toBe(0);
  });

  it('makes a base like any other: nothing is layered, and opkg knows the packages', async () => {
    await scene.cli.ok('deploy', scene.branch);
    const [first] = await rows();
    expect(first).toMatchObject({ checksum: commit, packages: [] });
    const listed = (await scene.inside('opkg', 'list-installed')).stdout;
    for (const name of ['jq', 'libjq1', 'notes', 'bc'])
      expect(listed).toMatch(new RegExp(`^${name} - `, 'm'));
    const ran = await scene.inside('jq', '-n', '-c', '{works: (40 + 2)}');
    expect(ran.stdout).toBe('{"works":42}\n');
  });

  it('shows the signature, and whether its key is trusted', async () => {
    expect((await rows())[0]?.signatures).toMatchObject([{ type: 'ed25519', valid: false, key: null }]);
    const path = (await rows())[0]?.path ?? '';
    mkdirSync(join(path, 'etc/ostree'), { recursive: true });
    writeFileSync(join(path, 'etc/ostree/trusted.ed25519'), `${publicText}\n`);
    expect((await rows())[0]?.signatures).toMatchObject([{ type: 'ed25519', valid: true, key: publicText }]);
    expect(await scene.cli.ok('status', '-v')).toContain(`ed25519: ${publicText}`);
  });

  it('counts what a deployment holds alone', async () => {
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'sqlite3-cli');
    const [layered, base] = await rows();
    const size = 1_000_000;
    expect(layered?.['unique-bytes']).toBeGreaterThan(size);
    expect(base?.['unique-bytes']).toBeGreaterThan(0);
    expect(base?.['unique-bytes']).toBeLessThan(layered?.['unique-bytes'] ?? 0);
    await scene.cli.ok('install', 'bc', '--idempotent');
  });

  it('leaves the branch where it was when a package cannot be had', async () => {
    const before = (await runProgram('ostree', ['rev-parse', `--repo=${repo}`, scene.branch])).stdout;
    const failed = await compose('--add-package', 'no-such-package', '--json');
    expect(failed.status).toBe(3);
    expect(JSON.parse(failed.stdout)).toMatchObject({ error: { code: 'PACKAGE_UNKNOWN' } });
    expect((await compose('--add-package', '/no/such.ipk')).status).toBe(2);
    expect((await compose('--sign-key', '/no/such.key')).status).not.toBe(0);
    expect((await runProgram('ostree', ['rev-parse', `--repo=${repo}`, scene.branch])).stdout).toBe(before);
  });
});
