/** An in-place change that is killed anywhere: the database is whole, and the same command finishes what was begun. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitOf, runsOf } from '../support/soak.ts';
import { type Ended, ensureBundle, runProgram } from '../support/world/index.ts';
import { seeded } from '../uci/generate.ts';
import { writeFeeds, writeRoot } from './opkg/fixture.ts';
import { listsOf, statusOf, treeOf } from './opkg/play.ts';

const preload = join(import.meta.dirname, '../support/kill-at.mjs');
const ways = ['before', 'half', 'after'] as const;
/** Points at which each change is killed: 25 in the suite, 200 in a soak. */
const points = runsOf(25, 200);

const changes = [
  ['an upgrade with new and orphaned packages', '--force-postinstall install app choice'],
  ['a removal', '--force-postinstall --autoremove remove app'],
] as const;

describe.skipIf(process.getuid?.() !== 0).each(changes)('%s, killed anywhere (needs root)', (_, line) => {
  let folder: string;
  let prepared: string;
  let root: string;
  let wanted: unknown;
  let statusBefore: string;
  let steps: number;

  const opkg = (words: string, env: Record<string, string> = {}): Promise<Ended> =>
    runProgram(
      process.execPath,
      ['--import', preload, ensureBundle(), 'opkg', '-o', root, ...words.split(' ')],
      { env: { TMPDIR: join(folder, 'tmp'), ...env } },
    );
  const restore = () => {
    rmSync(root, { recursive: true, force: true });
    execFileSync('cp', ['-a', prepared, root]);
  };
  const state = () => ({ tree: treeOf(root), status: statusOf(root), lists: listsOf(root) });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'opkg-kill-'));
    prepared = join(folder, 'prepared');
    root = prepared;
    execFileSync('mkdir', [join(folder, 'tmp')]);
    writeFeeds(folder, { forOldOpkg: false });
    writeRoot(root, join(folder, 'feeds'));
    expect(await opkg('update')).toMatchObject({ status: 0 });
    expect(await opkg(`install ${folder}/feeds/old/app_1.0-1_all.ipk`)).toMatchObject({ status: 0 });
    writeFileSync(join(root, 'etc/config/app'), 'config mine\n');
    root = join(folder, 'root');
    restore();
    statusBefore = statusOf(root);
    const counted = join(folder, 'count');
    expect(await opkg(line, { KILL_COUNT: counted })).toMatchObject({ status: 0 });
    steps = Number(readFileSync(counted, 'utf8').split('\n')[0]);
    expect(steps).toBeGreaterThan(20);
    wanted = state();
    expect(statusOf(root)).not.toBe(statusBefore);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function killedAt(at: number, how: string): Promise<void> {
    restore();
    const killed = await opkg(line, { KILL_AT: String(at), KILL_HOW: how });
    expect(killed.status).toBe(137);
    expect([statusBefore, (wanted as { status: string }).status]).toContain(statusOf(root));
    const again = await opkg(line);
    expect(again, again.stdout + again.stderr).toMatchObject({ status: 0 });
    expect(state()).toEqual(wanted);
  }

  it(
    'leaves a whole database, and is finished by running it again',
    async () => {
      const random = seeded(7);
      for (let n = 0; n < points; n++) {
        const at = 1 + Math.floor(random() * steps);
        const how = ways[n % ways.length] ?? 'before';
        await killedAt(at, how).catch((error: unknown) => {
          throw new Error(`killed ${how} step ${at} of ${steps}`, { cause: error });
        });
      }
    },
    limitOf(points, 5_000),
  );
});
