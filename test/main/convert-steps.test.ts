import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentContext, toRelPath } from '../../src/base/index.ts';
import { Sysroot } from '../../src/boot/index.ts';
import { directorySource } from '../../src/compose/directory-source.ts';
import type { ConvertRequest, ConvertStep, Environment } from '../../src/engine/index.ts';
import { convertApply, convertPlan } from '../../src/engine/rare.ts';

const dir = mkdtempSync(join(tmpdir(), 'convert-'));
afterAll(() => rmSync(dir, { recursive: true }));
const isRoot = process.getuid?.() === 0;
const env: Environment = { ...silentContext, now: () => 0, command: 'convert', by: 'test' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const menu = `set root='(hd0,msdos1)'\nmenuentry "OpenWrt" {\n\tlinux /boot/vmlinuz root=PARTUUID=0a1b2c3d-02 rootwait\n}\n`;
const pristineShadow = 'root:::0:99999:7:::\ndaemon:*:0:0:99999:7:::\n';
const status = `Package: base-files
Version: 1
Status: install user installed
Architecture: x86_64
Conffiles:
 /etc/shadow ${sha256(pristineShadow)}
 /etc/edited ${sha256('packaged\n')}
 /etc/lost ${sha256('unknown\n')}
 /etc/plain ${sha256('plain\n')}
Installed-Time: 1700000000

Package: added
Version: 2
Status: install user installed
Architecture: x86_64
Installed-Time: 1710000000

Package: homemade
Version: 3
Status: install user installed
Architecture: x86_64
Installed-Time: 1710000000

Package: library
Version: 4
Status: install ok installed
Architecture: x86_64
Installed-Time: 1710000000

`;
const files: Readonly<Record<string, string>> = {
  'bin/busybox': 'shell\n',
  'sbin/init': 'init\n',
  'lib/modules/6.6.86/a.ko': 'module\n',
  'lib/preinit/79_move_config': 'mounts over /boot\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/ash\n',
  'etc/shadow': 'root:$1$salt$hash:19000:0:99999:7:::\ndaemon:*:0:0:99999:7:::\n',
  'etc/edited': 'edited\n',
  'etc/edited-opkg': 'packaged\n',
  'etc/lost': 'edited too\n',
  'etc/plain': 'plain\n',
  'etc/own': "the admin's\n",
  'etc/openwrt_release': "DISTRIB_TARGET='x86/64'\nDISTRIB_RELEASE='24.10.1'\n",
  'root/notes': 'mine\n',
  swapfile: 'large\n',
  'data/file': 'odd\n',
  'usr/lib/opkg/status': status,
  'usr/lib/opkg/info/base-files.list': '/etc/passwd\n/etc/openwrt_release\n/bin/busybox\n',
  'usr/lib/opkg/lists/packages': 'Package: added\nVersion: 3\n\nPackage: other\n',
};
let count = 0;

function makeStock(): ConvertRequest & { readonly root: string; readonly boot: string } {
  const [root, boot] = [join(dir, `${++count}/root`), join(dir, `${count}/boot`)];
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  for (const [path, text] of Object.entries(files)) write(join(root, path), text);
  for (const name of ['proc', 'sys', 'dev', 'tmp', 'etc/rc.d'])
    mkdirSync(join(root, name), { recursive: true });
  symlinkSync('../init.d/own', join(root, 'etc/rc.d/S50own'));
  symlinkSync('tmp', join(root, 'var'));
  write(join(boot, 'boot/grub/grub.cfg'), menu);
  write(join(boot, 'boot/vmlinuz'), 'kernel\n');
  return { root, boot, branch: 'openwrt/converted', stateroot: 'openwrt' };
}

/** Every file of the old system with what it holds; the sysroot beside it left out. */
function oldSystem(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string) => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const at = join(path, name);
      if (at === 'ostree' || at === 'boot') continue;
      const stats = lstatSync(join(root, at));
      if (stats.isDirectory()) walk(at);
      else
        found.set(
          at,
          stats.isSymbolicLink() ? readlinkSync(join(root, at)) : readFileSync(join(root, at), 'latin1'),
        );
    }
  };
  walk('');
  return found;
}

const steps: readonly ConvertStep[] = [
  'record',
  'sysroot',
  'compose',
  'state',
  'stage',
  'etc',
  'finish',
  'copy',
  'stub',
  'menu',
  'history',
];

describe.skipIf(!isRoot)('a conversion (skipped without root)', () => {
  it.each(steps)('cut before %s leaves the old system, and goes on when it is run again', async (cut) => {
    const stock = makeStock();
    const before = oldSystem(stock.root);
    const onStep = (step: ConvertStep) => {
      if (step === cut) throw new Error('power cut');
    };
    await expect(convertApply(env, { ...stock, onStep })).rejects.toThrow('power cut');
    const converted = join(stock.root, 'boot/grub/converted.cfg');
    expect(existsSync(converted)).toBe(cut === 'history');
    expect(readFileSync(join(stock.boot, 'boot/grub/grub.cfg'), 'utf8').endsWith(menu)).toBe(true);
    expect(oldSystem(stock.root)).toEqual(before);
    const { deployment } = await convertApply(env, stock);
    const sysroot = Sysroot.open(stock.root);
    expect(sysroot.deployments().map(({ id }) => id)).toEqual([deployment]);
    expect(existsSync(converted)).toBe(true);
    expect(oldSystem(stock.root)).toEqual(before);
    const left = readdirSync(join(stock.root, 'ostree/deploy/openwrt/deploy'));
    expect(left).toHaveLength(2);
    expect(readFileSync(join(sysroot.varPath('openwrt'), 'roothome/notes'), 'utf8')).toBe('mine\n');
  });

  it.each(['finish', 'copy', 'stub', 'menu', 'history'] as const)(
    'for a GRUB that reads FAT only, cut before %s, leaves the old system too',
    async (cut) => {
      const stock = makeStock();
      mkdirSync(join(stock.boot, 'efi/boot'), { recursive: true });
      writeFileSync(join(stock.boot, 'efi/boot/bootx64.efi'), 'no such module');
      expect(await convertPlan(env, stock)).toMatchObject({ target: 'generic-grub-esp' });
      const onStep = (step: ConvertStep) => {
        if (step === cut) throw new Error('power cut');
      };
      await expect(convertApply(env, { ...stock, onStep })).rejects.toThrow('power cut');
      const converted = join(stock.boot, 'ostree/converted.cfg');
      expect(existsSync(converted)).toBe(cut === 'history');
      expect(readFileSync(join(stock.boot, 'boot/grub/grub.cfg'), 'utf8').endsWith(menu)).toBe(true);
      await convertApply(env, stock);
      expect(readFileSync(converted, 'utf8')).toContain('source /ostree/grub.cfg\n');
      const entries = readFileSync(join(stock.boot, 'ostree/grub.cfg'), 'utf8');
      const kernel = /linux (\/boot\/[0-9a-f]{8}\/vmlinuz) /u.exec(entries)?.[1] ?? 'none';
      expect(readFileSync(join(stock.boot, kernel), 'utf8')).toBe('kernel\n');
      expect(readdirSync(join(stock.root, 'boot/firmware'))).toEqual([]);
      const history = readFileSync(
        join(stock.root, 'ostree/deploy/openwrt/var/lib/opkg-ostree/history'),
        'utf8',
      );
      expect(history).toContain('power cut');
    },
  );

  it('refuses a kernel that is not that of the modules', async () => {
    const stock = makeStock();
    writeFileSync(join(stock.boot, 'boot/vmlinuz'), 'Linux version %s\0Linux version 6.6.93 (builder@host)');
    await expect(convertApply(env, stock)).rejects.toMatchObject({
      code: 'CONVERT_UNSUPPORTED',
      message: 'the kernel is 6.6.93, but /lib/modules has 6.6.86 only',
    });
    expect(existsSync(join(stock.root, 'ostree'))).toBe(false);
    writeFileSync(join(stock.boot, 'boot/vmlinuz'), 'Linux version 6.6.86 (builder@host)');
    await convertPlan(env, stock);
  });

  it('tells defaults, edits, requests and what stays behind apart', async () => {
    const stock = makeStock();
    const plan = await convertPlan(env, stock);
    expect(plan.packages.added).toEqual([
      { name: 'added', version: '2', requested: true },
      { name: 'homemade', version: '3', requested: false },
    ]);
    expect(plan.etc.changed).toEqual([
      { path: '/etc/edited', default: 'found' },
      { path: '/etc/lost', default: 'unknown' },
      { path: '/etc/shadow', default: 'found' },
    ]);
    expect(plan.state).toEqual([{ from: '/root', to: '/var/roothome', files: 1, bytes: 4096 }]);
    expect(plan.notes).toEqual(
      expect.arrayContaining([
        'in no feed, hence plain parts of the base, which a later base need not have: homemade (install their files again after an upgrade)',
        'becomes a read-only part of the base: /data',
        'stays in the old system only: /swapfile',
      ]),
    );
    await convertApply(env, stock);
    const [deployment] = Sysroot.open(stock.root).deployments();
    if (deployment === undefined) throw new Error('there is a deployment');
    const read = (path: string) => readFileSync(join(deployment.path, path), 'utf8');
    expect([read('etc/edited'), read('usr/etc/edited')]).toEqual(['edited\n', 'packaged\n']);
    expect(read('etc/lost')).toBe('edited too\n');
    expect(existsSync(join(deployment.path, 'usr/etc/lost'))).toBe(false);
    expect([read('etc/shadow'), read('usr/etc/shadow')]).toEqual([files['etc/shadow'], pristineShadow]);
    expect(existsSync(join(deployment.path, 'usr/etc/own'))).toBe(false);
    expect(read('etc/own')).toBe("the admin's\n");
    expect(readlinkSync(join(deployment.path, 'usr/etc/rc.d/S50own'))).toBe('../init.d/own');
    expect(read('data/file')).toBe('odd\n');
    expect(existsSync(join(deployment.path, 'swapfile'))).toBe(false);
    expect(existsSync(join(deployment.path, 'usr/lib/preinit/79_move_config'))).toBe(false);
    expect(deployment.origin).toMatchObject({
      requested: ['added'],
      inactive: ['added'],
      refspec: 'openwrt/converted',
    });
  });

  it('keeps what a deployment that ran left in /var', async () => {
    const stock = makeStock();
    await convertApply(env, stock);
    const state = join(stock.root, 'ostree/opkg-ostree/boot-state');
    writeFileSync(state, readFileSync(state, 'utf8').replace('tries 3', 'tries 2'));
    const notes = join(Sysroot.open(stock.root).varPath('openwrt'), 'roothome/notes');
    writeFileSync(notes, 'written by the deployment\n');
    writeFileSync(join(stock.root, 'root/later'), 'new\n');
    const result = await convertApply(env, stock);
    expect(result.notes.join('\n')).toContain('notes.opkg-ostree-old holds what gave way');
    expect(readFileSync(`${notes}.opkg-ostree-old`, 'utf8')).toBe('mine\n');
    expect(readFileSync(join(dirname(notes), 'later'), 'utf8')).toBe('new\n');
    expect(readFileSync(notes, 'utf8')).toBe('written by the deployment\n');
  });

  it('refuses a second one at the same time', async () => {
    const stock = makeStock();
    let second: Promise<unknown> | undefined;
    const onStep = (step: ConvertStep) => {
      if (step === 'record') second = convertApply(env, stock);
    };
    await convertApply(env, { ...stock, onStep });
    await expect(second).rejects.toMatchObject({ code: 'LOCK_HELD' });
  });
});

describe('a directory that is in use', () => {
  it('is refused with the file that was written in place, though its size is the same', async () => {
    const root = join(dir, `${++count}`);
    mkdirSync(root);
    writeFileSync(join(root, 'file'), 'one');
    const source = directorySource(root);
    await source.scan(silentContext);
    writeFileSync(join(root, 'file'), 'two');
    utimesSync(join(root, 'file'), 1, 1);
    await expect(
      source.readFiles(new Map([[toRelPath('file'), 3]]), () => undefined, silentContext),
    ).rejects.toMatchObject({ code: 'ROOTFS_INVALID', details: { changed: 'file' } });
  });

  it('is refused where the file changes while it is read', async () => {
    const root = join(dir, `${++count}`);
    mkdirSync(root);
    writeFileSync(join(root, 'file'), 'one');
    const source = directorySource(root);
    await source.scan(silentContext);
    const sink = () => utimesSync(join(root, 'file'), 1, 1);
    await expect(
      source.readFiles(new Map([[toRelPath('file'), 3]]), sink, silentContext),
    ).rejects.toMatchObject({
      details: { changed: 'file' },
    });
  });

  it('gives other bytes, and leaves paths out, as it is told', async () => {
    const root = join(dir, `${++count}`);
    mkdirSync(join(root, 'left'), { recursive: true });
    writeFileSync(join(root, 'left/file'), 'x');
    writeFileSync(join(root, 'file'), 'mine');
    spawnSync('mkfifo', [join(root, 'fifo')]);
    const path = toRelPath('file');
    const source = directorySource(root, {
      omit: (at, stats) => at === 'left' || stats.isFIFO(),
      content: new Map([[path, new TextEncoder().encode('packaged')]]),
    });
    const { entries } = await source.scan(silentContext);
    expect([...entries.keys()].sort()).toEqual(['', 'file']);
    expect(entries.get(path)).toMatchObject({ size: 8 });
    const read: string[] = [];
    await source.readFiles(
      new Map([[path, 8]]),
      async (_, bytes) => {
        if (bytes.kind !== 'stream') throw new Error('bytes come as a stream');
        for await (const chunk of bytes.chunks) read.push(Buffer.from(chunk).toString());
      },
      silentContext,
    );
    expect(read).toEqual(['packaged']);
  });
});
