import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Cli,
  ensureBundle,
  listTree,
  newFolder,
  openWorld,
  removeFolder,
  writeRootfs,
} from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;
const original = `serial --unit=0 --speed=115200
set default="0"
set timeout="5"
set root='(hd0,msdos1)'

menuentry "OpenWrt" {
	linux /boot/vmlinuz root=PARTUUID=a1b2c3d4-02 rootwait console=tty1 console=ttyS0,115200n8 noinitrd
}
menuentry "OpenWrt (failsafe)" {
	linux /boot/vmlinuz failsafe=true root=PARTUUID=a1b2c3d4-02 rootwait console=tty1 console=ttyS0,115200n8 noinitrd
}
`;

interface Status {
  readonly deployments: readonly { readonly health: { readonly state: string } }[];
}

/** A stock system in two folders: what is on the root partition and on the boot partition. */
interface Stock {
  readonly root: string;
  readonly boot: string;
  readonly words: readonly string[];
}

async function makeStock(folder: string): Promise<Stock> {
  const world = await openWorld();
  const release = world.releases[0];
  if (release === undefined) throw new Error('the world has a release');
  const [root, boot] = [join(folder, 'root'), join(folder, 'boot')];
  const tar = writeRootfs(release, join(folder, 'rootfs.tar'));
  mkdirSync(root);
  execFileSync('tar', ['-xpf', tar, '--numeric-owner', '-C', root]);
  mkdirSync(join(boot, 'boot/grub'), { recursive: true });
  writeFileSync(join(boot, 'boot/grub/grub.cfg'), original);
  cpSync(release.kernel, join(boot, 'boot/vmlinuz'));
  // What an admin and the first boot leave.
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('root/notes', 'mine\n');
  write('root/.ssh/known_hosts', 'host\n');
  write('opt/tool/bin', 'tool\n');
  write('etc/config/network', "config interface 'lan'\n");
  write('etc/dropbear/host_key', 'secret\n');
  write('etc/shadow', 'root:$1$secret$hash:19000:0:99999:7:::\ndaemon:*:0:0:99999:7:::\n');
  write('tmp/volatile', 'gone\n');
  write('sysupgrade.tgz', 'left behind\n');
  return { root, boot, words: ['convert', '--root', root, '--boot', boot] };
}

describe.skipIf(!isRoot)('convert of a stock system (skipped without root)', () => {
  let folder: string;
  let stock: Stock;
  let cli: Cli;
  let before: ReturnType<typeof listTree>;
  beforeAll(async () => {
    ensureBundle();
    folder = newFolder('convert');
    stock = await makeStock(folder);
    cli = new Cli(folder, stock.root);
    before = listTree(stock.root);
  });
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });
  const deployment = () => {
    const deploy = join(stock.root, 'ostree/deploy/openwrt/deploy');
    const names = readdirSync(deploy).filter((name) => /^[0-9a-f]{64}\.\d+$/u.test(name));
    expect(names).toHaveLength(1);
    return join(deploy, names[0] ?? '');
  };
  const menu = () => join(stock.root, 'boot/grub/converted.cfg');

  it('plans without changing anything', async () => {
    const plan = await cli.json<Record<string, unknown>>(...stock.words, '--plan');
    expect(plan).toMatchObject({
      api: 1,
      target: 'x86-64',
      root: { name: 'PARTUUID=a1b2c3d4-02' },
      kargs: [
        'root=PARTUUID=a1b2c3d4-02',
        'rootwait',
        'console=tty1',
        'console=ttyS0,115200n8',
        'rw',
        'panic=10',
        'oops=panic',
      ],
      'missing-bytes': 0,
    });
    const schema = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../docs/schema/convert.json'), 'utf8'),
    );
    const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);
    expect([validate(plan), validate.errors]).toEqual([true, null]);
    expect(await cli.ok(...stock.words, '--dry-run')).toMatch(/Steps:\n {2}1\. make a sysroot for x86-64/u);
    expect(listTree(stock.root)).toEqual(before);
    expect(readFileSync(join(stock.boot, 'boot/grub/grub.cfg'), 'utf8')).toBe(original);
  });

  it('makes a deployment beside the old system', async () => {
    const result = await cli.json<{ deployment: string }>(...stock.words, '--apply');
    expect(result.deployment).toMatch(/^openwrt-[0-9a-f]{64}\.0$/u);
    const at = deployment();
    expect(readFileSync(join(at, 'etc/config/network'), 'utf8')).toBe("config interface 'lan'\n");
    expect(existsSync(join(at, 'usr/etc/config/network'))).toBe(false);
    expect(existsSync(join(at, 'usr/etc/dropbear/host_key'))).toBe(false);
    expect(readFileSync(join(at, 'etc/shadow'), 'utf8')).toContain('$1$secret$hash');
    expect(readFileSync(join(at, 'usr/etc/shadow'), 'utf8')).not.toContain('secret');
    expect(readFileSync(join(at, '../../var/roothome/notes'), 'utf8')).toBe('mine\n');
    expect(readFileSync(join(at, '../../var/opt/tool/bin'), 'utf8')).toBe('tool\n');
    expect(existsSync(join(at, 'usr/share/factory/var/roothome/notes'))).toBe(false);
    expect(existsSync(join(at, 'sysupgrade.tgz'))).toBe(false);
    expect(existsSync(join(at, 'etc/init.d/opkg-ostree'))).toBe(true);
    expect(readlinkSync(join(at, 'etc/rc.d/S99opkg-ostree'))).toBe('../init.d/opkg-ostree');
    expect(spawnSync('ostree', ['fsck', '-q', `--repo=${stock.root}/ostree/repo`]).status).toBe(0);
  });

  it('leaves every file of the old system as it was', () => {
    const now = new Map(listTree(stock.root).map((line) => [JSON.stringify(line), line]));
    for (const line of before) expect(now.has(JSON.stringify(line)), JSON.stringify(line)).toBe(true);
  });

  it('hands over on trial, with the old menu behind', () => {
    const stub = readFileSync(join(stock.boot, 'boot/grub/grub.cfg'), 'utf8');
    expect(stub.endsWith(original)).toBe(true);
    expect(stub).toContain("set root='(hd0,msdos2)'\nconfigfile /boot/grub/converted.cfg\n");
    expect(readFileSync(join(stock.boot, 'boot/grub/stock.cfg'), 'utf8')).toBe(original);
    expect(readFileSync(menu(), 'utf8')).toContain('configfile /boot/grub/stock.cfg');
    expect(readFileSync(join(stock.root, 'ostree/opkg-ostree/boot-state'), 'utf8')).toMatch(
      /^format 1\npending openwrt\/deploy\/[0-9a-f]{64}\.0\ntries 3\n$/u,
    );
    for (const file of [
      join(stock.boot, 'boot/grub/grub.cfg'),
      menu(),
      join(stock.root, 'boot/loader/grub.cfg'),
    ])
      expect(spawnSync('grub-script-check', [file]).status).toBe(0);
    const entry = readFileSync(join(stock.root, 'boot/loader/grub.cfg'), 'utf8');
    expect(entry).toMatch(
      /linux \/boot\/ostree\/openwrt-[0-9a-f]{64}\/vmlinuz-\S+ root=PARTUUID=a1b2c3d4-02 rootwait console=tty1 console=ttyS0,115200n8 rw panic=10 oops=panic init=\/ostree\/opkg-ostree\/prepare-root ostree=/u,
    );
  });

  it('can be repeated: what changed meanwhile comes along, nothing is lost', async () => {
    writeFileSync(join(stock.root, 'root/notes'), 'mine, later\n');
    writeFileSync(join(stock.root, 'etc/config/network'), "config interface 'wan'\n");
    await cli.ok(...stock.words, '--apply');
    const at = deployment();
    expect(readFileSync(join(at, 'etc/config/network'), 'utf8')).toBe("config interface 'wan'\n");
    expect(readFileSync(join(at, '../../var/roothome/notes'), 'utf8')).toBe('mine, later\n');
    expect(readFileSync(join(stock.boot, 'boot/grub/grub.cfg'), 'utf8').endsWith(original)).toBe(true);
    const history = await cli.json<unknown[]>('history');
    expect(history).toHaveLength(2);
  });

  it('refuses to end while the deployment is on trial, and goes back on request', async () => {
    const refused = await cli.run('convert', '--finish');
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('has not been found good yet');
    expect(await cli.ok('convert', '--undo')).toBe('The old system starts at the next boot.\n');
    expect(existsSync(menu())).toBe(false);
    await cli.ok(...stock.words, '--apply');
    expect(existsSync(menu())).toBe(true);
  });

  it('ends by deleting the old system, when the deployment is good', async () => {
    const name = /^pending (.*)$/mu.exec(
      readFileSync(join(stock.root, 'ostree/opkg-ostree/boot-state'), 'utf8'),
    )?.[1];
    writeFileSync(join(stock.root, 'ostree/opkg-ostree/boot-state'), `format 1\ngood ${name}\n`);
    const shell = lstatSync(join(stock.root, 'bin/busybox'));
    const plan = await cli.json<{ removes: { path: string }[]; finished: boolean }>(
      'convert',
      '--finish',
      '--dry-run',
    );
    expect(plan.finished).toBe(false);
    expect(plan.removes.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/etc', '/usr', '/root', '/tmp/volatile']),
    );
    expect(existsSync(join(stock.root, 'etc/passwd'))).toBe(true);
    const ended = await cli.ok('convert', '--finish');
    expect(ended).toContain('The old system is gone');
    expect(readdirSync(stock.root).sort()).toEqual(
      expect.arrayContaining(['bin', 'boot', 'dev', 'ostree', 'proc', 'sys', 'tmp']),
    );
    for (const gone of ['etc', 'usr', 'root', 'opt', 'sysupgrade.tgz', 'sbin'])
      expect(existsSync(join(stock.root, gone)), gone).toBe(false);
    expect(lstatSync(join(stock.root, 'bin/busybox')).ino).toBe(shell.ino);
    expect(spawnSync('chroot', [stock.root, '/bin/busybox', 'true']).status).toBe(0);
    expect(readFileSync(menu(), 'utf8')).not.toContain('stock.cfg');
    expect((await cli.json<Status>('status')).deployments).toMatchObject([{ health: { state: 'good' } }]);
    expect((await cli.run('convert', '--undo')).status).toBe(3);
  });
});

describe.skipIf(!isRoot)('convert refuses (skipped without root)', () => {
  let folder: string;
  let stock: Stock;
  let cli: Cli;
  beforeAll(async () => {
    ensureBundle();
    folder = newFolder('convert');
    stock = await makeStock(folder);
    cli = new Cli(folder, stock.root);
  });
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });

  it('a disk that cannot hold both systems, with the figures', async () => {
    const image = join(folder, 'small.img');
    const at = join(folder, 'small');
    mkdirSync(at);
    // As large as Node is on such a system.
    writeFileSync(join(stock.root, 'usr/bin/large'), Buffer.alloc(40 << 20, 1));
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', stock.root, image, '104M']);
    const mounted = spawnSync('mount', ['-o', 'loop', image, at]);
    if (mounted.status !== 0) throw new Error(`cannot mount: ${mounted.stderr}`);
    try {
      const ended = await cli.run('convert', '--root', at, '--boot', stock.boot, '--apply', '--json');
      expect(ended.status).toBe(5);
      const { error } = JSON.parse(ended.stdout) as {
        error: { code: string; details: Record<string, number> };
      };
      expect(error.code).toBe('NO_SPACE');
      expect(error.details['missing']).toBe((error.details['needed'] ?? 0) - (error.details['free'] ?? 0));
      expect(error.details['missing']).toBeGreaterThan(0);
      expect(existsSync(join(at, 'ostree'))).toBe(false);
    } finally {
      execFileSync('umount', [at]);
    }
  });

  it.each([
    [
      'a board of another family',
      () => writeFileSync(join(stock.root, 'etc/openwrt_release'), "DISTRIB_TARGET='ath79/generic'\n"),
      /ath79\/generic cannot be converted/u,
    ],
    ['a system without GRUB', () => rmSync(join(stock.boot, 'boot/grub/grub.cfg')), /not started by GRUB/u],
  ])('%s', async (_, spoil, message) => {
    const kept = readFileSync(join(stock.root, 'etc/openwrt_release'));
    spoil();
    const ended = await cli.run(...stock.words, '--apply');
    expect(ended.stderr).toMatch(message);
    expect(ended.status).toBe(3);
    expect(existsSync(join(stock.root, 'ostree'))).toBe(false);
    writeFileSync(join(stock.root, 'etc/openwrt_release'), kept);
    writeFileSync(join(stock.boot, 'boot/grub/grub.cfg'), original);
  });

  it('a sysroot that somebody made', async () => {
    mkdirSync(join(stock.root, 'ostree/repo'), { recursive: true });
    const ended = await cli.run(...stock.words, '--apply');
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain('holds a sysroot that no conversion made');
    rmSync(join(stock.root, 'ostree'), { recursive: true });
  });
});
