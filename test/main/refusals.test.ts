import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  buildIpk,
  file,
  fixtureKey,
  listTree,
  runProgram,
  type Scene,
  startScene,
  treeChanges,
} from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;
/** What an operation may leave although it changed nothing: its log, locks. */
const LOGS =
  /^ostree\/deploy\/openwrt\/var(\/lib(\/opkg-ostree.*)?)?$|^ostree(\/repo)?(\/(tmp.*|\.?lock))?$|^\.$/;

interface Refusal {
  readonly status: number;
  readonly code: string;
}

describe.skipIf(!isRoot)('what is refused changes nothing and says what to do', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'less');
  });
  afterAll(async () => {
    await scene?.end();
  });
  afterEach(() => {
    scene?.server.heal();
  });

  /** Runs the command twice, for people and for programs, and compares the whole sysroot before and after. */
  async function refused(words: readonly string[], expected: Refusal): Promise<string> {
    const before = listTree(scene.sysroot, LOGS);
    const plain = await scene.cli.run(...words);
    const json = await scene.cli.run(...words, '--json');
    expect(treeChanges(before, listTree(scene.sysroot, LOGS))).toEqual([]);
    expect(plain.stderr).toMatch(/^error: [^\n]+$/m);
    expect(plain).toMatchObject({ status: expected.status, stdout: '' });
    expect(json).toMatchObject({ status: expected.status });
    const document = JSON.parse(json.stdout) as {
      error: { code: string; message: string; hint: string | null };
    };
    expect(document.error.code).toBe(expected.code);
    expect(plain.stderr).toContain(`error: ${document.error.message}\n`);
    expect(document.error.hint).toBeTruthy();
    expect(plain.stderr).toContain(`hint: ${document.error.hint}`);
    return document.error.message;
  }

  it('a feed whose index was changed after it was signed', async () => {
    const body = gzipSync('Package: evil\nVersion: 1\nArchitecture: all\nFilename: evil.ipk\n\n');
    scene.server.fail('/packages/x86_64/packages/Packages.gz', { kind: 'replace', body });
    const message = await refused(['update'], { status: 4, code: 'SIGNATURE_INVALID' });
    expect(message).toContain('openwrt_packages');
  });

  it('a feed whose new index has no signature', async () => {
    const body = gzipSync('Package: new\nVersion: 1\nArchitecture: all\nFilename: new.ipk\n\n');
    scene.server.fail('/packages/x86_64/packages/Packages.gz', { kind: 'replace', body });
    scene.server.fail('Packages.sig', { kind: 'status', status: 404 });
    const message = await refused(['update'], { status: 4, code: 'SIGNATURE_MISSING' });
    expect(message).toContain('openwrt_packages');
  });

  it('but not a feed that lost the signature of the index that is stored with it: the stored one is verified again', async () => {
    scene.server.fail('Packages.sig', { kind: 'status', status: 404 });
    const before = listTree(scene.sysroot, LOGS);
    await scene.cli.ok('update');
    expect(treeChanges(before, listTree(scene.sysroot, LOGS))).toEqual([]);
  });

  it('a feed that is signed with a key that the router does not know', async () => {
    const keys = join((await scene.deployments())[0]?.path ?? '', 'etc/opkg/keys');
    const [name = ''] = readdirSync(keys);
    const stranger = join(keys, fixtureKey('stranger').fingerprint);
    renameSync(join(keys, name), join(scene.folder, 'key'));
    writeFileSync(stranger, fixtureKey('stranger').publicText);
    try {
      await refused(['update'], { status: 4, code: 'SIGNATURE_KEY_UNKNOWN' });
    } finally {
      rmSync(stranger);
      renameSync(join(scene.folder, 'key'), join(keys, name));
    }
  });

  it('a package that is not what the index says', async () => {
    scene.server.fail('.ipk', { kind: 'corrupt' });
    const message = await refused(['install', 'tree'], { status: 4, code: 'CHECKSUM_MISMATCH' });
    expect(message).toContain('tree');
  });

  it('a package that no feed has', async () => {
    const message = await refused(['install', 'no-such-package'], { status: 3, code: 'PACKAGE_UNKNOWN' });
    expect(message).toContain('no-such-package');
  });

  it.each([
    ['with a package of the base', ['dnsmasq-full'], 'WOULD_CHANGE_BASE', 'dnsmasq'],
    ['with another request', ['iperf3', 'iperf3-ssl'], 'UNSATISFIABLE', 'iperf3'],
  ])('a conflict %s', async (_, names, code, named) => {
    const message = await refused(['install', ...names], { status: 3, code });
    expect(message).toContain(named);
  });

  it('two packages with one file, naming both', async () => {
    const message = await refused(['install', 'terminfo', 'terminfo-clash'], {
      status: 3,
      code: 'FILE_CONFLICT',
    });
    expect(message).toMatch(/terminfo-clash.*terminfo|terminfo.*terminfo-clash/);
  });

  it('a kernel module for another kernel', async () => {
    await refused(['install', kmodOfAnotherKernel(scene.folder)], { status: 3, code: 'UNSATISFIABLE' });
  });

  it('removing what the base needs', async () => {
    await refused(['override', 'remove', 'busybox'], { status: 3, code: 'WOULD_CHANGE_BASE' });
  });

  it('a feed that is not there', async () => {
    scene.server.fail('Packages.gz', { kind: 'status', status: 404 });
    await refused(['update'], { status: 7, code: 'FEED_MISSING' });
  });

  it('a mirror that does not answer', async () => {
    scene.server.fail('.ipk', { kind: 'status', status: 503 });
    await refused(['install', 'tree'], { status: 7, code: 'NETWORK_HTTP_STATUS' });
  });

  it('words that make no sense', async () => {
    await refused(['install'], { status: 2, code: 'USAGE' });
    await refused(['set-default', '17'], { status: 3, code: 'DEPLOYMENT_NOT_FOUND' });
  });

  it('a sysroot that is none, wherever it is named', async () => {
    const none = join(scene.folder, 'home');
    await refused(['--sysroot', none, 'status'], { status: 1, code: 'SYSROOT_INVALID' });
    await refused(['status', '--sysroot', none], { status: 1, code: 'SYSROOT_INVALID' });
  });

  it('a URL without a checksum', async () => {
    await refused(['install', `${scene.server.url}/x.ipk`], { status: 3, code: 'UNTRUSTED_URL' });
  });

  it('a second instance while one runs', async () => {
    const holder = await holdLock(join(scene.sysroot, 'ostree/lock'));
    try {
      await refused(['install', 'tree'], { status: 6, code: 'LOCK_HELD' });
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('frees the lock when an instance is killed', async () => {
    scene.server.fail('.ipk', { kind: 'stall', after: 100 });
    const abort = new AbortController();
    const running = scene.cli.runWith({ signal: abort.signal }, 'install', 'tree');
    await waitFor(() => scene.server.stalled > 0);
    expect((await scene.cli.run('install', 'dc')).status).toBe(6);
    abort.abort();
    expect((await running).status).toBe(137);
    scene.server.heal();
    await scene.cli.ok('install', 'tree');
    expect((await scene.deployments())[0]?.['requested-packages']).toEqual(['less', 'tree']);
  });

  it('goes on with what was there after each of them', async () => {
    const fsck = await runProgram('ostree', ['fsck', `--repo=${scene.sysroot}/ostree/repo`]);
    expect(fsck).toMatchObject({ status: 0 });
    await scene.cli.ok('install', 'dc');
    expect((await scene.inside('dc', '-e', '6 7 * p')).stdout).toBe('42\n');
  });
});

describe.skipIf(!isRoot)('a full disk', () => {
  let scene: Scene;
  const mounted: string[] = [];
  beforeAll(async () => {
    scene = await startScene();
  });
  afterAll(async () => {
    for (const path of mounted) await runProgram('umount', [path]);
    await scene?.end();
  });

  it('is refused before anything is lost', async (context) => {
    mkdirSync(scene.sysroot);
    const image = join(scene.folder, 'disk.img');
    await runProgram('truncate', ['-s', '96M', image]);
    await runProgram('mkfs.ext4', ['-q', image]);
    const mount = await runProgram('mount', ['-o', 'loop', image, scene.sysroot]);
    if (mount.status !== 0) {
      context.skip(`no loop mounts here: ${mount.stderr}`);
      return;
    }
    mounted.push(scene.sysroot);
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    const deployments = await scene.deployments();
    const free = Number((await runProgram('stat', ['-f', '-c', '%a', scene.sysroot])).stdout) * 4096;
    await runProgram('fallocate', ['-l', String(free - 6_000_000), join(scene.sysroot, 'filler')]);

    const before = listTree(scene.sysroot, LOGS);
    const ended = await scene.cli.run('install', 'bash', 'vim', 'wget-ssl', 'tcpdump', 'rsync');
    expect(ended).toMatchObject({ status: 5 });
    expect(ended.stderr).toMatch(/^error: [^\n]+\nhint: [^\n]+\n$/);
    expect(treeChanges(before, listTree(scene.sysroot, LOGS))).toEqual([]);
    expect(await scene.deployments()).toEqual(deployments);
    const fsck = await runProgram('ostree', ['fsck', `--repo=${scene.sysroot}/ostree/repo`]);
    expect(fsck).toMatchObject({ status: 0 });
  });
});

/** A module package built for a kernel that this router does not have. */
function kmodOfAnotherKernel(folder: string): string {
  const built = buildIpk({
    name: 'kmod-strange',
    version: '1.0-r1',
    arch: 'x86_64',
    fields: { Depends: 'kernel (=9.9.9~00000000000000000000000000000000-r1)' },
    description: 'A module for another kernel',
    data: [file('lib/modules/9.9.9/strange.ko', 'x')],
    conffiles: [],
    scripts: {},
    mtime: 1,
  });
  const specFile = join(folder, built.fileName);
  writeFileSync(specFile, built.bytes);
  return specFile;
}

/** Another process that holds the lock as another instance would. */
async function holdLock(path: string): Promise<ChildProcess> {
  const holder = spawn('flock', ['-o', path, 'sh', '-c', 'echo held; sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return holder;
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 200) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
