/** The automatic upgrade with the real command, on a router in a folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, runProgram, type Scene, startScene } from '../support/world/index.ts';
import { repoRoot } from '../support/world/repo-root.ts';

describe.skipIf(process.getuid?.() !== 0)('automatic upgrades (needs root)', () => {
  let scene: Scene;
  let work: string;
  beforeAll(async () => {
    scene = await startScene();
    work = join(scene.folder, 'work');
    mkdirSync(join(work, 'bin'), { recursive: true });
    const command = `#!/bin/sh\nexec '${process.execPath}' '${ensureBundle()}' "$@"\n`;
    writeFileSync(join(work, 'bin/opkg-ostree'), command, { mode: 0o755 });
    writeFileSync(join(work, 'bin/uci'), '#!/bin/sh\ncase "$3" in *.policy) echo "$POLICY" ;; esac\n', {
      mode: 0o755,
    });
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.compose(1);
  });
  afterAll(() => scene.end());

  async function automatic(policy: string) {
    const ended = await runProgram('sh', [join(repoRoot, 'files/usr/lib/opkg-ostree/automatic'), 'run'], {
      cwd: work,
      env: {
        PATH: `${join(work, 'bin')}:${process.env['PATH'] ?? ''}`,
        HOME: work,
        POLICY: policy,
        OPKG_OSTREE_COMMAND: join(work, 'bin/opkg-ostree'),
        OPKG_OSTREE_SYSROOT: scene.sysroot,
        OPKG_OSTREE_RUN: join(work, 'run'),
        OPKG_OSTREE_AUTOMATIC: join(work, 'automatic.json'),
      },
    });
    const kept: unknown = JSON.parse(readFileSync(join(work, 'automatic.json'), 'utf8'));
    return { status: ended.status, kept };
  }

  it('looks, makes the deployment, and has nothing more to do', async () => {
    expect(await automatic('check')).toMatchObject({ status: 0, kept: { outcome: 'available' } });
    expect(await scene.deployments()).toHaveLength(1);
    expect(await automatic('stage')).toMatchObject({ status: 0, kept: { outcome: 'staged' } });
    const [next] = await scene.deployments();
    expect(next?.version).not.toBe((await scene.deployments())[1]?.version);
    const made = (await scene.deployments()).length;
    expect(await automatic('stage')).toMatchObject({ status: 0, kept: { outcome: 'current' } });
    expect(await scene.deployments()).toHaveLength(made);
  });

  it('is in the history as any other upgrade', async () => {
    expect(await scene.cli.ok('history')).toContain('upgrade');
  });
});
