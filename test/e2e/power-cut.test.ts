import { appendFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { limitOf, runsOf } from '../support/soak.ts';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { planCuts, Recording, Replayer, survive } from './support/power-cuts.ts';
import { boardObstacle, boards, Router } from './support/router.ts';

const cuts = runsOf(30, 200);
/** `2/8`: the second eighth of them; with POWER_CUTS_FOLDER, which keeps the record, a soak in parts. */
const [part = 1, parts = 1] = (process.env['POWER_CUTS_PART'] ?? '1/1').split('/').map(Number);
const kept = process.env['POWER_CUTS_FOLDER'];
const board = boards.find(({ firmware }) => firmware === 'bios');
const obstacle = board === undefined ? 'no such board' : boardObstacle(board);
const workers = ['a', 'b'];
const verdicts = fileURLToPath(new URL('../../.cache/e2e/power-cuts.txt', import.meta.url));

describe.skipIf(obstacle !== undefined)(`power cuts${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let router: Router | undefined;
  let folder: string | undefined;
  afterEach(() => router?.kill());
  afterAll(async () => {
    if (folder !== undefined && kept === undefined) await removeFolder(folder);
  });

  it(
    `${cuts} of them, during install, upgrade, finalize, rollback and first boots: each ends in a shell`,
    async () => {
      if (board === undefined) return;
      ensureBundle();
      folder = kept ?? newFolder('cuts');
      mkdirSync(folder, { recursive: true });
      const made = new Router(folder, board);
      router = made;
      const recording = await Recording.make(made);
      const planned = planCuts(recording, cuts).filter((_, index) => index % parts === part - 1);
      const faults: unknown[] = [];
      const seen = new Map<string, Set<string>>();
      await Promise.all(
        workers.map(async (name, worker) => {
          const replayer = new Replayer(recording, name);
          for (const cut of planned.filter((_, index) => index % workers.length === worker)) {
            try {
              const state = await survive(made, replayer.disk(cut), cut, `power-cut-${cut.at}`);
              appendFileSync(verdicts, `${cut.title}: ${state}\n`);
              const { operation } = cut.stretch;
              seen.set(operation, (seen.get(operation) ?? new Set()).add(state));
            } catch (error) {
              appendFileSync(verdicts, `${cut.title}: FAULT ${String(error)}\n`);
              faults.push(new Error(cut.title, { cause: error }));
            }
          }
          replayer.remove();
        }),
      );
      expect(faults).toEqual([]);
      // Else the cuts did not lie where anything is decided.
      if (parts === 1)
        expect(Object.fromEntries([...seen].map(([key, { size }]) => [key, size]))).toMatchObject({
          install: 2,
          upgrade: 2,
        });
    },
    limitOf(cuts, 25_000),
  );
});
