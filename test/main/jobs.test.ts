/** Every change is a job: it can be followed, called off, found again, and outlives the terminal that asked for it. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bundlePath } from '../support/world/bundle.ts';
import { type Scene, startScene } from '../support/world/index.ts';

interface Job {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly percent: number | null;
  readonly command: string;
  readonly error: { readonly code: string } | null;
  readonly result: { readonly outcome?: string } | null;
}

const patience = { timeout: 60_000, interval: 50 };

describe.skipIf(process.getuid?.() !== 0)('jobs', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    await scene?.end();
  });
  beforeEach(() => {
    scene.server.heal();
    scene.server.stalled = 0;
  });

  const jobs = () => scene.cli.json<Job[]>('jobs');
  const background = async (...words: string[]) => (await scene.cli.ok(...words, '--background')).trim();
  const stateOf = async (id: string) => (await jobs()).find((job) => job.id === id)?.state;
  /** Starts a job whose download never ends. */
  const stuckJob = async (name: string) => {
    scene.server.fail('.ipk', { kind: 'stall', after: 100 });
    const id = await background('install', name);
    await vi.waitFor(() => expect(scene.server.stalled).toBeGreaterThan(0), patience);
    return id;
  };
  const requested = async () => (await scene.deployments())[0]?.['requested-packages'] ?? [];

  it('a command in the foreground leaves the record of its job', async () => {
    await scene.cli.ok('install', 'jq');
    const [job] = await jobs();
    expect(job).toMatchObject({ kind: 'install', state: 'done', percent: 100, error: null });
    expect(job?.command).toBe('opkg-ostree install jq');
  });

  it('a job in the background is followed to its end, each event once and in order', async () => {
    const id = await background('install', 'less');
    expect(id).toMatch(/^[0-9a-f]{12}$/u);
    const watched = await scene.cli.run('watch', id, '--progress', 'json');
    expect(watched.status, watched.stderr).toBe(0);
    const events = watched.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { n: number; job: string });
    expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 1));
    expect(new Set(events.map(({ job }) => job))).toEqual(new Set([id]));
    expect(await stateOf(id)).toBe('done');
    expect(await requested()).toContain('less');
  });

  it('a second request is told who holds the lock, and status shows the job', async () => {
    const id = await stuckJob('ed');
    const refused = await scene.cli.run('remove', 'jq');
    expect(refused.status).toBe(6);
    expect(refused.stderr).toContain('opkg-ostree install ed');
    expect(refused.stderr).toContain(`opkg-ostree watch ${id}`);
    const status = await scene.cli.json<{ job: Job | null }>('status');
    expect(status.job).toMatchObject({ id, state: 'running' });
    expect((await jobs()).filter((job) => job.error?.code === 'LOCK_HELD')).toEqual([]);
    await scene.cli.ok('cancel', id);
    await vi.waitFor(async () => expect(await stateOf(id)).toBe('cancelled'), patience);
    expect(await requested()).not.toContain('ed');
    expect((await scene.cli.json<{ job: Job | null }>('status')).job).toBeNull();
    expect(await scene.cli.run('cancel', id)).toMatchObject({ status: 3 });
  });

  it('a job whose process was killed is found interrupted, and the next one succeeds', async () => {
    const id = await stuckJob('ed');
    const record = join(scene.folder, 'home/run/jobs', id, 'state.json');
    const { pid } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect(await stateOf(id)).toBe('interrupted'), patience);
    expect(await scene.cli.run('watch', id)).toMatchObject({ status: 1 });
    scene.server.heal();
    await scene.cli.ok('install', 'ed');
    const history = await scene.cli.json<{ command: string; outcome: string }[]>('history');
    expect(history.slice(-2).map(({ outcome }) => outcome)).toEqual(['interrupted', 'done']);
  });

  it('a lost terminal does not end a job', async () => {
    await scene.cli.ok('remove', 'ed');
    await scene.cli.ok('cleanup');
    scene.server.fail('.ipk', { kind: 'stall', after: 100 }, 1);
    const child = spawn(process.execPath, [bundlePath, 'install', 'tinyproxy'], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'] ?? '',
        OPKG_OSTREE_SYSROOT: scene.sysroot,
        OPKG_OSTREE_RUN: join(scene.folder, 'home/run'),
      },
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await vi.waitFor(async () => expect((await jobs())[0]).toMatchObject({ state: 'running' }), patience);
    child.kill('SIGHUP');
    // What was held back breaks off, and the download goes on from there.
    await vi.waitFor(() => expect(scene.server.stalled).toBeGreaterThan(0), patience);
    scene.server.breakStalled();
    expect(await ended).toBe(0);
    expect(await requested()).toContain('tinyproxy');
  });

  it('only so many ended jobs are kept', async () => {
    for (let round = 0; round < 24; round += 1) await scene.cli.run('install', 'no-such-package');
    expect(readdirSync(join(scene.folder, 'home/run/jobs')).length).toBeLessThanOrEqual(21);
    expect((await jobs())[0]).toMatchObject({ state: 'failed', error: { code: 'PACKAGE_UNKNOWN' } });
  });
});
