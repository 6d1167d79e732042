/**
 * The opkg face beside opkg. The recordings in test/golden/opkg were made from our own fixture packages by opkg 38eccbb:
 * `OPKG_RECORD=/path/to/opkg npx vitest run --project interop test/interop/opkg-face.test.ts` makes them anew. With
 * OPENWRT_ROOTFS the opkg of that root runs beside, under chroot.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle } from '../support/world/index.ts';
import { type Opkg, type Played, play } from './opkg/play.ts';
import { type Scenario, scenarios } from './opkg/scenarios.ts';

const golden = fileURLToPath(new URL('../golden/opkg', import.meta.url));
const recorder = process.env['OPKG_RECORD'];
const rootfs = process.env['OPENWRT_ROOTFS'];
const isRoot = process.getuid?.() === 0;
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TMPDIR: '/tmp' };

const program =
  (path: string, ...first: string[]): Opkg =>
  (words) => {
    const ended = spawnSync(path, [...first, ...words], { encoding: 'utf8', env: environment, cwd: '/' });
    return { stdout: ended.stdout, stderr: ended.stderr, status: ended.status };
  };

const fileOf = ({ name }: Scenario) => join(golden, `${name.replace(/[^a-z]+/gu, '-')}.json`);

/** Without the lines that differ on purpose. */
function comparable(played: Played, { except }: Scenario): Played {
  if (except === undefined) return played;
  const cut = (text: string) =>
    text
      .split('\n')
      .filter((line) => !except.test(line))
      .join('\n');
  return {
    ...played,
    status: cut(played.status),
    outputs: played.outputs.map((output) => ({ ...output, stdout: cut(output.stdout) })),
  };
}

describe.skipIf(!isRoot)('the opkg face (needs root)', () => {
  let folder: string;
  let ours: Opkg;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'opkg-face-'));
    ours = program(process.execPath, ensureBundle(), 'opkg');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(recorder === undefined)('is recorded from the opkg that OPKG_RECORD names', () => {
    mkdirSync(golden, { recursive: true });
    for (const scenario of scenarios) {
      const played = play(scenario, join(folder, 'work'), program(recorder ?? ''));
      const recording = {
        command: 'opkg-38eccbb -o ROOT STEP, for each step',
        steps: scenario.steps,
        ...played,
      };
      writeFileSync(fileOf(scenario), `${JSON.stringify(recording, undefined, 1)}\n`);
    }
  });

  describe('beside the recordings of opkg 38eccbb', () => {
    it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
      const recorded: Played & { steps: readonly string[] } = JSON.parse(
        readFileSync(fileOf(scenario), 'utf8'),
      );
      expect(recorded.steps).toEqual(scenario.steps);
      const { outputs, tree, status, lists } = recorded;
      const played = play(scenario, join(folder, 'work'), ours);
      expect(comparable(played, scenario)).toEqual(comparable({ outputs, tree, status, lists }, scenario));
    });
  });

  describe.skipIf(rootfs === undefined)("beside a real root's own opkg (needs OPENWRT_ROOTFS)", () => {
    let chroot: string;
    beforeAll(() => {
      chroot = join(folder, 'chroot');
      mkdirSync(chroot);
      execFileSync('tar', ['xzf', rootfs ?? '', '-C', chroot]);
      for (const name of ['tmp', 'tmp/lock', 'tmp/run', 'proc'])
        mkdirSync(join(chroot, name), { recursive: true });
    });

    /** The root's opkg: the scenario's folder is moved into the root and back, so that all paths stay. */
    const theirs: Opkg = (words) => {
      const work = join(folder, 'work');
      const inside = join(chroot, work);
      mkdirSync(dirname(inside), { recursive: true });
      execFileSync('mv', [work, inside]);
      try {
        return program('chroot', chroot, '/bin/opkg')(words);
      } finally {
        execFileSync('mv', [inside, work]);
      }
    };

    /** 18.06 does not know ABI versions. */
    const old = (scenario: Scenario): Scenario => ({
      ...scenario,
      steps: scenario.steps.filter((step) => !step.includes('strip')),
      except: new RegExp(`^ABIVersion: |${scenario.except?.source ?? '^\\0'}`, 'u'),
    });

    it.each(
      scenarios.filter(({ name }) => !newer.has(name)).map((scenario) => [scenario.name, scenario] as const),
    )('%s', (_, newest) => {
      const scenario = old(newest);
      expect(existsSync(join(chroot, 'bin/opkg'))).toBe(true);
      const real = play(scenario, join(folder, 'work'), theirs, true);
      const played = play(scenario, join(folder, 'work'), ours, true);
      expect(comparable(played, scenario)).toEqual(comparable(real, scenario));
    });
  });
});

/** What 18.06's opkg, of 2018, does not do as the last one does: docs/formats/opkg-face.md. */
const newer: ReadonlySet<string> = new Set([
  'a replacer',
  'a stand-in',
  'unsatisfiable',
  'forced dependencies',
  'recommendations',
  'a wrong checksum',
]);
