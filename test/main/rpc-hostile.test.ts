/** What hostile callers and an odd parent can do to the ubus object: nothing, and each gets one object in time. */
import { spawn } from 'node:child_process';
import { chmodSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Environment } from '../../src/engine/index.ts';
import { answerRpc, rpcSignatures } from '../../src/rpc/index.ts';
import { rebootSoon, spawnSelf } from '../../src/sys/runner.ts';
import { runsOf } from '../support/soak.ts';
import { bundlePath } from '../support/world/bundle.ts';
import { type Ended, listTree, runProgram, type Scene, startScene } from '../support/world/index.ts';
import { seeded } from '../uci/generate.ts';

// Nothing that is called here starts anything.
vi.mock(import('../../src/sys/runner.ts'), async (original) => ({
  ...(await original()),
  rebootSoon: vi.fn(),
  spawnSelf: vi.fn(() => Promise.reject(new Error('a hostile call started a job'))),
}));

const shim = new URL('../../files/usr/libexec/rpcd/opkg-ostree', import.meta.url).pathname;
const patience = { timeout: 60_000, interval: 50 };
const limit = 256 * 1024;
const inputs = runsOf(200, 5_000);

type Random = () => number;
const one = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** Values that fit no argument. */
const bad: readonly ((random: Random) => unknown)[] = [
  () => '../../../etc/shadow',
  () => '--force',
  () => '$(reboot)',
  () => '`reboot`; reboot',
  () => 'a\u0000b',
  () => 'http://192.0.2.1/x.ipk',
  () => '\u202e\ud800',
  () => -1,
  () => 1e308,
  () => 0.5,
  () => ({ toString: 'x' }),
  () => [[[[]]]],
  () => [{ length: 1e9 }],
  () => 'x'.repeat(50_000),
  () => Array.from({ length: 129 }, () => 'jq'),
  (random) => Array.from({ length: Math.floor(random() * 50) + 1 }, () => '-o'),
  (random) => String.fromCodePoint(...Array.from({ length: 20 }, () => Math.floor(random() * 32))),
];
/** Texts that are no JSON object. */
const broken: readonly ((random: Random) => string)[] = [
  () => '{',
  () => '[]',
  () => '7',
  () => '"status"',
  () => `${'['.repeat(20_000)}`,
  () => `{"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_001)}`,
  () => `{"x":"${'y'.repeat(70_000)}"}`,
  (random) => Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256))).toString('latin1'),
];

describe.skipIf(process.getuid?.() !== 0)('hostile calls', () => {
  let scene: Scene;
  let command: string;
  beforeAll(async () => {
    scene = await startScene();
    command = join(scene.folder, 'opkg-ostree');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${bundlePath}' "$@"\n`);
    chmodSync(command, 0o755);
    vi.stubEnv('OPKG_OSTREE_RUN', join(scene.folder, 'home/run'));
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await scene?.end();
  });
  beforeEach(() => {
    scene.server.heal();
    scene.server.stalled = 0;
  });

  const env: Environment = {
    onProgress: () => undefined,
    signal: undefined,
    now: () => Date.now(),
    command: 'opkg-ostree rpc',
    by: 'luci',
  };
  const variables = (more: Readonly<Record<string, string>> = {}) => ({
    OPKG_OSTREE_COMMAND: command,
    OPKG_OSTREE_SYSROOT: scene.sysroot,
    OPKG_OSTREE_RUN: join(scene.folder, 'home/run'),
    HOME: scene.folder,
    ...more,
  });
  const viaShim = (method: string, input: string, more?: Readonly<Record<string, string>>): Promise<Ended> =>
    runProgram(shim, ['call', method], { input, env: variables(more) });

  it(`${inputs} seeded ones get one object each, none large, and start nothing`, async () => {
    const random = seeded(20_260_801);
    const signatures = rpcSignatures();
    const methods = [...Object.keys(signatures), 'no_such', '__proto__', 'constructor', 'toString', ''];
    const before = await scene.deployments();
    for (let round = 0; round < inputs; round += 1) {
      const method = one(random, methods);
      const names = [...Object.keys(signatures[method] ?? {}), 'unknown', '__proto__', 'ubus_rpc_session_'];
      const good = { limit: 1, offset: 0, packages: ['jq'], pinned: true, name: 'jq' };
      const args = JSON.stringify({ ...good, [one(random, names)]: one(random, bad)(random), unknown: 1 });
      const input = random() < 0.2 ? one(random, broken)(random) : args;
      const reply = await answerRpc(env, { sysroot: scene.sysroot, stateroot: undefined }, method, input);
      const text = JSON.stringify(reply);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
      expect(JSON.parse(text), `${method} ${input.slice(0, 80)}`).toMatchObject({ error: { code: 'USAGE' } });
    }
    expect(vi.mocked(spawnSelf)).not.toHaveBeenCalled();
    expect(vi.mocked(rebootSoon)).not.toHaveBeenCalled();
    expect(await scene.deployments()).toEqual(before);
  });

  it('the shim gives one object whatever comes in, to many at once', async () => {
    const random = seeded(5);
    const asked = Array.from({ length: 12 }, () => one(random, broken)(random));
    const replies = await Promise.all(asked.map((input) => viaShim('info', input)));
    for (const { status, stdout } of replies) {
      expect(status).toBe(0);
      expect(Object.keys(JSON.parse(stdout) as object)).toEqual(['error']);
    }
  });

  it('what does not answer is ended, and the caller is told', async () => {
    const stuck = join(scene.folder, 'stuck');
    const alive = join(scene.folder, 'alive');
    writeFileSync(stuck, `#!/bin/sh\necho $$ >'${alive}'\nexec sleep 1000\n`);
    chmodSync(stuck, 0o755);
    const { stdout } = await viaShim('info', '{}', {
      OPKG_OSTREE_COMMAND: stuck,
      OPKG_OSTREE_RPC_LIMIT: '1',
    });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'COMMAND_FAILED' } });
    const pid = readFileSync(alive, 'utf8').trim();
    expect(readdirSync('/proc')).not.toContain(pid);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'Segmentation fault'],
    ['a list', '[]'],
  ])('a command that prints %s is told as a failure', async (_what, printed) => {
    const odd = join(scene.folder, 'odd');
    writeFileSync(odd, `#!/bin/sh\nprintf '%s' '${printed}'\nexit 139\n`);
    chmodSync(odd, 0o755);
    const { stdout } = await viaShim('info', '{}', { OPKG_OSTREE_COMMAND: odd });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'COMMAND_FAILED' } });
  });

  it("rpcd's umask, signals and descriptors do not reach the job, and its files have the right modes", async () => {
    await scene.cli.ok('install', 'jq');
    const [made] = await scene.deployments();
    const expected = listTree(made?.path ?? '');
    await scene.cli.ok('rollback');
    await scene.cli.ok('undeploy', '1');
    scene.server.fail('.ipk', { kind: 'stall', after: 100 }, 1);
    await scene.cli.ok('cleanup');
    const stray = join(scene.folder, 'stray');
    const descriptor = openSync(stray, 'w');
    const child = spawn('sh', ['-c', 'umask 077; trap "" PIPE; exec "$0" call install', shim], {
      env: { PATH: '/usr/bin:/bin', ...variables() },
      stdio: ['pipe', 'pipe', 'ignore', ...Array.from({ length: 12 }, () => descriptor)],
    });
    const output: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => output.push(part));
    child.stdin?.end('{"packages":["jq"]}');
    await new Promise((resolve) => child.once('close', resolve));
    const { job } = JSON.parse(Buffer.concat(output).toString()) as { job: string };
    await vi.waitFor(() => expect(scene.server.stalled).toBeGreaterThan(0), patience);
    const state = join(scene.folder, 'home/run/jobs', job, 'state.json');
    const { pid } = JSON.parse(readFileSync(state, 'utf8')) as { pid: number };
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(open).not.toContain(stray);
    const facts = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(facts).toMatch(/^Umask:\t0022$/mu);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]).toBe(String(pid));
    scene.server.breakStalled();
    expect((await scene.cli.run('watch', job)).status).toBe(0);
    const [again] = await scene.deployments();
    expect(again?.checksum).toBe(made?.checksum);
    expect(listTree(again?.path ?? '')).toEqual(expected);
  });
});
