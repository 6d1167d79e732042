/** A process of a running job is killed at some moment: the job list tells the truth, and the system is whole. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { limitOf, runsOf } from '../support/soak.ts';
import { listTree, type Scene, startScene, treeChanges } from '../support/world/index.ts';
import { seeded } from '../uci/generate.ts';

interface Job {
  readonly id: string;
  readonly state: string;
}

const rounds = runsOf(10, 100);
const patience = { timeout: 60_000, interval: 50 };
const ended = ['done', 'failed', 'cancelled', 'interrupted'];
const name = 'tinyproxy';

describe.skipIf(process.getuid?.() !== 0)('a killed job', () => {
  let scene: Scene;
  /** Milliseconds that the job takes when nobody disturbs it. */
  let length = 0;
  let before: readonly { readonly id: string; readonly tree: readonly string[] }[];

  const state = async () =>
    (await scene.deployments()).map(({ id, path }) => ({ id, tree: listTree(join(path, 'usr')) }));
  const jobs = () => scene.cli.json<Job[]>('jobs');
  const begin = async () => (await scene.cli.ok('install', name, '--background')).trim();
  const end = async (id: string) => {
    let found: Job | undefined;
    await vi.waitFor(async () => {
      found = (await jobs()).find((job) => job.id === id);
      expect(ended).toContain(found?.state);
    }, patience);
    return found?.state;
  };
  /** Back to the deployments before, by the commands that an admin has. */
  const restore = async () => {
    await scene.cli.ok('remove', name, '--idempotent');
    while ((await scene.deployments()).length > 1) await scene.cli.ok('undeploy', '1');
    await scene.cli.ok('cleanup');
  };

  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    const began = Date.now();
    expect(await end(await begin())).toBe('done');
    length = Date.now() - began;
  });
  afterAll(async () => {
    await scene?.end();
  });

  it(
    `is found at ${rounds} moments to be what it became`,
    async () => {
      const random = seeded(7);
      const outcomes = new Map<string, number>();
      const commands = new Set<string>();
      for (let round = 0; round < rounds; round += 1) {
        await restore();
        before = await state();
        const id = await begin();
        await delay(Math.floor(random() * length));
        const victim = pick(processesOf(recordOf(scene, id).pid), random());
        if (victim !== undefined) commands.add(victim.command);
        kill(victim?.pid);
        const told = await end(id);
        outcomes.set(String(told), (outcomes.get(String(told)) ?? 0) + 1);
        const after = await state();
        const isNew = (await scene.deployments())[0]?.['requested-packages'].includes(name) === true;
        // Nothing that was there is another thing now, whatever came of the job.
        for (const { id: old, tree } of before) {
          const found = after.find((one) => one.id === old);
          expect(treeChanges(tree, found?.tree ?? []), `round ${round}`).toEqual([]);
        }
        if (told === 'done') expect(isNew, `round ${round}`).toBe(true);
        if (told === 'failed' || told === 'cancelled') expect(isNew, `round ${round}`).toBe(false);
        // A new deployment that is there is all there.
        if (isNew) expect(after[0]?.tree.some((line) => line.startsWith(`bin/${name} `))).toBe(true);
        expect((await scene.cli.json<{ job: unknown }>('status')).job).toBeNull();
        expect(
          (await scene.cli.run('repo', 'fsck', '--repo', join(scene.sysroot, 'ostree/repo'))).status,
        ).toBe(0);
      }
      // The moments were such that some jobs had the time and some had not.
      expect([...outcomes.values()].reduce((sum, count) => sum + count, 0)).toBe(rounds);
      expect(outcomes.get('interrupted') ?? 0).toBeGreaterThan(0);
      expect([...commands].some((command) => command.includes('node'))).toBe(true);
      await restore();
      expect(await end(await begin())).toBe('done');
    },
    limitOf(rounds, 30_000),
  );
});

interface Running {
  readonly pid: number;
  readonly command: string;
}

function recordOf(scene: Scene, id: string): { readonly pid: number | null } {
  return JSON.parse(readFileSync(join(scene.folder, 'home/run/jobs', id, 'state.json'), 'utf8')) as {
    pid: number | null;
  };
}

/** A process and all that it started. */
function processesOf(pid: number | null): Running[] {
  if (pid === null) return [];
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/u.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').join(' ');
        return fields[0] === 'Z' ? [] : [{ pid: Number(entry), parent: Number(fields[1]), command }];
      } catch {
        // It has ended since the folder was listed.
        return [];
      }
    });
  const found = all.filter((one) => one.pid === pid);
  for (const one of found) found.push(...all.filter(({ parent }) => parent === one.pid));
  return found;
}

function pick(running: readonly Running[], random: number): Running | undefined {
  return running[Math.floor(random * running.length)];
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}
