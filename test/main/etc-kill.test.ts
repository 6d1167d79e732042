import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import { findTarget, holdStaged, newOrigin, stageDeployment } from '../../src/boot/index.ts';
import { commitTree, deploy, hasOstree, isRoot, ostree, Sysroot, vectorTree } from '../boot/support.ts';
import { limitOf, runsOf } from '../support/soak.ts';
import { type Ended, ensureBundle, runProgram } from '../support/world/index.ts';
import { seeded } from '../uci/generate.ts';

const preload = join(import.meta.dirname, '../support/kill-at.mjs');
const ways = ['before', 'half', 'after'] as const;
/** Points where `finalize` is killed: 25 in the suite, 500 in a soak; parts of 50, to be run by name. */
const points = runsOf(25, 500);
const part = 50;

/** Everything below a folder: names, types, modes, owners, link targets and content; with `times` those of files too. */
function state(dir: string, times: boolean): string {
  const format = `%p %y %m %U:%G ${times ? '%T@ ' : ''}%l\\n`;
  const script = 'cd "$1" && find . -printf "$2" | sort; find . -type f | sort | xargs -d "\\n" sha256sum';
  return execFileSync('sh', ['-c', script, 'sh', dir, format], { encoding: 'utf8' });
}

describe.skipIf(!hasOstree || !isRoot)('finalize, killed anywhere (needs ostree and root)', () => {
  let scratch: string;
  let prepared: string;
  let root: string;
  let oldEtc: string;
  let newId: string;
  let before: string;
  let merged: string;
  let steps: number;
  let switchStep: number;

  const finalize = (kill: Record<string, string>): Promise<Ended> => {
    const env = { HOME: scratch, OPKG_OSTREE_SYSROOT: root, OPKG_OSTREE_RUN: join(scratch, 'run'), ...kill };
    return runProgram(process.execPath, ['--import', preload, ensureBundle(), 'finalize'], { env });
  };
  /** Hard links stay links: the copy is the same sysroot. */
  const restore = () => {
    fs.rmSync(root, { recursive: true, force: true });
    execFileSync('cp', ['-a', prepared, root]);
  };
  const deployments = () => Sysroot.open(root).deployments();

  beforeAll(async () => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'etc-kill-'));
    prepared = join(scratch, 'prepared');
    root = join(scratch, 'root');
    const sysroot = Sysroot.init(prepared, { target: findTarget('generic-grub'), stateroot: 'openwrt' });
    const config = (n: number, a: string, b: string) =>
      `config t 'x'\n\toption a '${a}'\n\toption keep '1'\n\toption b '${b}${n}'\n`;
    const files = (b: string) =>
      Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`usr/etc/config/c${n}`, config(n, '1', b)]));
    const commit = (b: string) =>
      commitTree(scratch, join(prepared, 'ostree/repo'), {
        ref: 'openwrt/x86',
        files: {
          ...vectorTree,
          ...files(b),
          'usr/etc/profile': b,
          'usr/etc/d/e/f': b,
          'usr/etc/link': `-> ${b}`,
        },
        version: b,
      });
    const { deployment } = await deploy(sysroot, commit('1'), { kargs: ['quiet'] });
    const etc = join(deployment.path, 'etc');
    for (let n = 0; n < 20; n += 2)
      fs.writeFileSync(join(etc, `config/c${n}`), config(n, 'mine', n % 4 ? '1' : 'mine'));
    fs.writeFileSync(join(etc, 'profile'), 'mine');
    fs.writeFileSync(join(etc, 'secret'), 'mine', { mode: 0o600 });
    fs.rmSync(join(etc, 'd'), { recursive: true });
    const staged = await stageDeployment(
      sysroot,
      { commit: commit('2'), origin: newOrigin('openwrt/x86'), stateroot: 'openwrt', mergeFrom: deployment },
      silentContext,
    );
    holdStaged(sysroot, staged);
    oldEtc = join(root, etc.slice(prepared.length));
    newId = `openwrt-${staged.checksum}.${staged.serial}`;
    restore();
    before = state(oldEtc, true);
    const counted = join(scratch, 'count');
    expect(await finalize({ KILL_COUNT: counted })).toMatchObject({ status: 0 });
    [steps = 0, switchStep = 0] = fs.readFileSync(counted, 'utf8').split('\n').map(Number);
    expect(steps).toBeGreaterThan(200);
    expect(switchStep).toBeGreaterThan(100);
    merged = state(join(deployments()[0]?.path ?? '', 'etc'), false);
    expect(merged).toContain('profile.opkg-ostree-new');
  }, 300_000);
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  async function killedAt(at: number, how: string): Promise<void> {
    restore();
    const killed = await finalize({ KILL_AT: String(at), KILL_HOW: how });
    expect(killed.status).toBe(137);
    expect(state(oldEtc, true)).toBe(before);
    for (const { path } of deployments()) expect(fs.existsSync(join(path, 'usr/lib/os-release'))).toBe(true);
    execFileSync('grub-script-check', [join(root, 'boot/loader/grub.cfg')]);
    const isSwitched = deployments()[0]?.id === newId;
    // A deployment that boots has the whole merge already.
    if (isSwitched) expect(state(join(deployments()[0]?.path ?? '', 'etc'), false)).toBe(merged);
    // What boots is nobody's to merge again: it may be running, and edited, when the command is given once more.
    if (isSwitched) fs.writeFileSync(join(deployments()[0]?.path ?? '', 'etc/edited'), 'later');
    const again = await finalize({});
    if (again.status !== 0)
      expect([isSwitched, again.stderr]).toEqual([true, expect.stringContaining('no deployment waits')]);
    const [first, ...others] = deployments();
    expect(first?.id).toBe(newId);
    expect(others).toHaveLength(1);
    if (isSwitched) fs.unlinkSync(join(first?.path ?? '', 'etc/edited'));
    expect(state(join(first?.path ?? '', 'etc'), false)).toBe(merged);
    expect(state(oldEtc, true)).toBe(before);
    expect(fs.readdirSync(first?.path ?? '').filter((name) => name.includes('.tmp-'))).toEqual([]);
  }

  it(
    'around the switch',
    async () => {
      for (let at = switchStep - 2; at <= switchStep + 5; at++) await killedAt(at, 'before');
    },
    limitOf(8, 10_000),
  );

  const parts = Array.from({ length: Math.ceil(points / part) }, (_, index) => index);
  it.each(parts)(
    'the old /etc is as it was, and the next run gives the same merge (part %i)',
    async (index) => {
      const random = seeded(4 + index);
      for (let n = index * part; n < Math.min(points, (index + 1) * part); n++) {
        const at = 1 + Math.floor(random() * steps);
        const how = ways[n % ways.length] ?? 'before';
        await killedAt(at, how).catch((error: unknown) => {
          throw new Error(`killed ${how} step ${at} of ${steps}`, { cause: error });
        });
      }
      ostree(['fsck', `--repo=${root}/ostree/repo`]);
    },
    limitOf(part, 10_000),
  );
});
