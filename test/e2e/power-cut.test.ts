import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { run } from './support/disk.ts';
import { boardObstacle, boards, Router, reboot } from './support/router.ts';
import { WriteLog } from './support/write-log.ts';

const cuts = Number(process.env['POWER_CUTS'] ?? 30);
const board = boards.find(({ firmware }) => firmware === 'bios');
const obstacle = board === undefined ? 'no such board' : boardObstacle(board);
const minutes = 60_000;

describe.skipIf(obstacle !== undefined)(`power cuts${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let router: Router | undefined;
  let folder: string | undefined;
  afterEach(() => router?.kill());
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });

  it(
    `${cuts} of them, from the first boot of a new deployment to its rollback: each ends in a shell`,
    async () => {
      if (board === undefined) return;
      ensureBundle();
      folder = newFolder('cuts');
      const made = new Router(folder, board);
      router = made;
      await made.build({ name: 'one' });
      const first = await made.started('one');
      await first.run('echo mine > /etc/note; echo kept > /var/lib/kept');
      await reboot(first);
      await made.outside(async (cli, repo) => {
        made.commit(repo, { name: 'two' });
        await cli('upgrade');
      });

      const before = join(folder, 'before.img');
      run('cp', ['--sparse=always', made.image, before]);
      const writeLog = join(folder, 'writes');
      writeFileSync(writeLog, '');
      const recorded = await made.started('two', { writeLog });
      await recorded.run('opkg-ostree rollback', 60_000);
      await reboot(recorded);

      const log = new WriteLog(writeLog);
      const total = log.writes.length;
      expect(total).toBeGreaterThan(cuts);
      const replayed = join(folder, 'replayed.img');
      const trial = join(folder, 'trial.img');
      run('cp', ['--sparse=always', before, replayed]);
      let done = 0;
      const seen = new Set<string>();
      for (let cut = 1; cut <= cuts; cut++) {
        const at = Math.floor((total * cut) / cuts);
        const certain = log.flushedBefore(at);
        log.apply(replayed, done, certain);
        done = Math.max(done, certain);
        run('cp', ['--sparse=always', replayed, trial]);
        // What no flush followed may be on the disk or not: every second cut loses some of it.
        log.apply(trial, done, at, (index) => cut % 2 === 0 || (index * 2_654_435_761) % 7 < 3);
        const machine = made.start({ image: trial, reboots: true });
        const [, name = ''] = await machine.waitFor(/FIXTURE STARTED (one|two)\n/u, 2 * minutes);
        seen.add(name);
        await machine.waitFor(/FIXTURE READY/u, minutes);
        expect(await machine.run('cat /etc/note /var/lib/kept'), `cut ${at} of ${total}`).toBe('mine\nkept');
        machine.kill();
        await machine.ended();
      }
      log.close();
      expect([...seen].sort()).toEqual(['one', 'two']);
    },
    15 * minutes,
  );
});
