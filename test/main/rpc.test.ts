/** The ubus object's shim and what is behind it, called as rpcd calls a plug-in, on a sysroot. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundlePath } from '../support/world/bundle.ts';
import { type Ended, runProgram, type Scene, startScene } from '../support/world/index.ts';

const shim = new URL('../../files/usr/libexec/rpcd/opkg-ostree', import.meta.url).pathname;
const shells = ['/bin/dash', '/bin/busybox'].filter((path) => spawnSync(path, ['true']).error === undefined);
const patience = { timeout: 60_000, interval: 50 };

interface Reply {
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly [name: string]: unknown;
}

describe.skipIf(process.getuid?.() !== 0)('the ubus object', () => {
  let scene: Scene;
  let command: string;
  beforeAll(async () => {
    scene = await startScene();
    // What /usr/bin/opkg-ostree is on a router: the bundle, which counts its starts here.
    command = join(scene.folder, 'opkg-ostree');
    writeFileSync(
      command,
      `#!/bin/sh\necho >>'${command}.started'\nexec '${process.execPath}' '${bundlePath}' "$@"\n`,
    );
    chmodSync(command, 0o755);
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    await scene?.end();
  });

  const raw = (words: readonly string[], input: string, shell: readonly string[] = []): Promise<Ended> => {
    const [program = shim, ...rest] = [...shell, shim, ...words];
    return runProgram(program, rest, {
      input,
      env: {
        OPKG_OSTREE_COMMAND: command,
        OPKG_OSTREE_SYSROOT: scene.sysroot,
        OPKG_OSTREE_RUN: join(scene.folder, 'home/run'),
        HOME: scene.folder,
      },
    });
  };
  const call = async (method: string, args: unknown = {}): Promise<Reply> => {
    const ended = await raw(['call', method], JSON.stringify(args));
    expect(ended.status).toBe(0);
    expect(Buffer.byteLength(ended.stdout)).toBeLessThanOrEqual(256 * 1024);
    return JSON.parse(ended.stdout) as Reply;
  };
  const starts = () => readFileSync(`${command}.started`, 'utf8').length;
  const ended = async (id: unknown) => {
    let found: { state: string; error: unknown } | undefined;
    await vi.waitFor(async () => {
      found = (await call('job', { id }))['job'] as typeof found;
      expect(['done', 'failed', 'cancelled', 'interrupted']).toContain(found?.state);
    }, patience);
    return found;
  };
  const requested = async () => (await scene.deployments())[0]?.['requested-packages'] ?? [];

  it.each(shells)('%s: the constant that rpcd reads at its start is what the methods take', async (shell) => {
    const listed = await raw(['list'], '', shell.endsWith('busybox') ? [shell, 'sh'] : [shell]);
    const { stdout } = await scene.cli.run('rpc', 'signatures');
    expect(JSON.parse(listed.stdout)).toEqual(JSON.parse(stdout));
  });

  it('status costs no start of Node until something is touched', async () => {
    const first = await call('status');
    expect(first).toMatchObject({ api: 1, job: null });
    // Times are compared by whole seconds: the file is a second older than what it was made from.
    await vi.waitFor(async () => {
      const before = starts();
      expect(await call('status')).toMatchObject({ serial: first['serial'] });
      expect(starts()).toBe(before);
    }, patience);
    await scene.cli.ok('pin', '0');
    const pinned = await call('status');
    expect(pinned['serial']).not.toBe(first['serial']);
    await scene.cli.ok('unpin', '0');
  });

  it('packages come in pages, by what they are', async () => {
    const page = await call('list', { what: 'available', offset: 2, limit: 3 });
    expect(page['items']).toHaveLength(3);
    expect(page['total']).toBeGreaterThan(50);
    expect(await call('search', { query: 'Less' })).toMatchObject({ total: 2, offset: 0 });
    expect(await call('info', { name: 'less' })).toMatchObject({ name: 'less' });
    expect(await call('info', { name: 'no-such-package' })).toMatchObject({
      error: { code: 'PACKAGE_UNKNOWN' },
    });
  });

  it('a plan is agreed to, run as a job, and followed by its events', async () => {
    const { plan } = (await call('plan', { install: ['less', 'jq'] })) as { plan: { id: string } };
    const { serial } = await call('status');
    const started = await call('install', {
      packages: ['less', 'jq'],
      plan_id: plan.id,
      expect_serial: serial,
    });
    expect(await ended(started['job'])).toMatchObject({ state: 'done', kind: 'install', by: 'luci' });
    const log = (await call('job', { id: started['job'], since: 0 })) as {
      log: { n: number }[];
      next: number;
    };
    expect(log.log.map(({ n }) => n)).toEqual(log.log.map((_, index) => index + 1));
    expect(await call('job', { id: started['job'], since: log.next })).toMatchObject({
      log: [],
      next: log.next,
    });
    expect(await requested()).toEqual(expect.arrayContaining(['jq', 'less']));
    const [newest] = (await call('history'))['history'] as readonly unknown[];
    expect(newest).toMatchObject({ command: 'opkg-ostree install less jq', by: 'luci' });
  });

  it('a request that was made on another state or another plan is refused', async () => {
    const { serial } = await call('status');
    const { plan } = (await call('plan', { install: ['ed'] })) as { plan: { id: string } };
    await scene.cli.ok('install', 'dc');
    expect(await call('install', { packages: ['ed'], expect_serial: serial })).toMatchObject({
      error: { code: 'STALE_PLAN' },
    });
    const started = await call('install', { packages: ['ed'], plan_id: plan.id });
    expect(await ended(started['job'])).toMatchObject({ state: 'failed', error: { code: 'STALE_PLAN' } });
    expect(await requested()).not.toContain('ed');
  });

  it('remove, rollback to a named deployment, upgrade and cleanup', async () => {
    expect(await ended((await call('remove', { packages: ['jq'] }))['job'])).toMatchObject({ state: 'done' });
    expect(await requested()).not.toContain('jq');
    const second = (await scene.deployments())[1]?.id;
    expect(await ended((await call('rollback', { target: second }))['job'])).toMatchObject({ state: 'done' });
    expect((await scene.deployments())[0]?.id).toBe(second);
    await scene.compose(1);
    expect(await ended((await call('upgrade'))['job'])).toMatchObject({ state: 'done', error: null });
    expect(await ended((await call('cleanup'))['job'])).toMatchObject({ state: 'done' });
  });

  it('hostile calls always get one object, and nothing is run', async () => {
    const inputs = [
      '',
      '{',
      '[]',
      'null',
      '"x"',
      '{"packages":"x"}',
      '{"packages":["--help"]}',
      `{"packages":["${'a'.repeat(70_000)}"]}`,
      '\0\0',
      '{"__proto__":{"packages":["x"]}}',
    ];
    const before = (await call('jobs', {}))['jobs'];
    for (const input of inputs) {
      const { status, stdout } = await raw(['call', 'install'], input);
      expect(status).toBe(0);
      expect((JSON.parse(stdout) as Reply).error, input.slice(0, 40)).toMatchObject({ code: 'USAGE' });
    }
    for (const method of ['no_such', '../status', '-x', '', 'constructor', 'a;reboot']) {
      const { stdout } = await raw(['call', method], '{}');
      expect((JSON.parse(stdout) as Reply).error).toMatchObject({ code: 'USAGE' });
    }
    expect((await call('jobs', {}))['jobs']).toEqual(before);
  });

  it('many calls at once are each answered', async () => {
    const replies = await Promise.all(
      Array.from({ length: 6 }, (_, index) => call('list', { offset: index, limit: 1 })),
    );
    expect(replies.map(({ offset, error }) => offset ?? error)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
