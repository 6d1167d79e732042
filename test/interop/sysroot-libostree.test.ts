import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import {
  cleanup,
  entryField,
  findTarget,
  initStateroot,
  withDefault,
  withoutDeployment,
  writeBootState,
  writeDeployments,
} from '../../src/boot/index.ts';
import {
  bootState,
  commitTree,
  deploy,
  type Files,
  hasOstree,
  isRoot,
  ostree,
  Sysroot,
  snapshot,
  vectorTree,
} from '../boot/support.ts';

const bootcsum = 'fb13acf66d021b3783543b13f262f424ca339a8546258f6319333a83c111dc09';
const kargs = ['root=/dev/sda2', 'quiet'];

describe.skipIf(!hasOstree || !isRoot)(
  'a sysroot shared with the real ostree (needs ostree and root)',
  () => {
    let scratch: string;
    let mine: string;
    let theirs: string;

    beforeEach(() => {
      scratch = fs.mkdtempSync(join(tmpdir(), 'sysroot-'));
      mine = join(scratch, 'mine');
      theirs = join(scratch, 'theirs');
    });
    afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

    /** Merges /etc as the real tool does, and keeps no history of it: both are ours alone. */
    function makeMine(target = 'generic-grub'): Sysroot {
      Sysroot.init(mine, { target: findTarget(target), stateroot: 'openwrt' });
      fs.appendFileSync(join(mine, 'ostree/repo/config'), 'etc-merge=files\netc-history=0\n');
      return Sysroot.open(mine);
    }
    function makeTheirs(): string {
      fs.mkdirSync(theirs);
      ostree(['admin', 'init-fs', theirs]);
      ostree(['admin', 'os-init', 'openwrt', `--sysroot=${theirs}`]);
      return join(theirs, 'ostree/repo');
    }
    function theirDeploy(args: readonly string[] = [], root = theirs, os = 'openwrt'): string {
      return ostree(['admin', 'deploy', `--sysroot=${root}`, `--os=${os}`, ...args, 'openwrt/x86']);
    }
    const status = (root = mine) => ostree(['admin', 'status', `--sysroot=${root}`]);
    const commitBoth = (files: Files, version?: string) => {
      const spec = { ref: 'openwrt/x86', files, ...(version === undefined ? {} : { version }) };
      const a = commitTree(scratch, join(mine, 'ostree/repo'), spec);
      expect(commitTree(scratch, join(theirs, 'ostree/repo'), spec)).toBe(a);
      return a;
    };
    /** Their boot folder has no loader files of ours. */
    const comparable = (root: string) =>
      Object.fromEntries(
        Object.entries(bootState(root)).filter(([path]) => !/grub|extlinux|loader\.[01]\/link$/u.test(path)),
      );

    it('gives the vectors of docs/formats/boot.md', async () => {
      const sysroot = makeMine();
      const commit = commitTree(scratch, join(mine, 'ostree/repo'), {
        ref: 'openwrt/x86',
        files: vectorTree,
      });
      const versions = () => [
        fs.readlinkSync(join(mine, 'boot/loader')),
        ...['boot.0', 'boot.1'].flatMap((n) =>
          fs.existsSync(join(mine, 'ostree', n)) ? fs.readlinkSync(join(mine, 'ostree', n)) : [],
        ),
      ];
      const { deployment } = await deploy(sysroot, commit, { kargs });
      expect(deployment.bootChecksum).toBe(bootcsum);
      expect(versions()).toEqual(['loader.1', 'boot.1.1']);
      expect(
        fs.readFileSync(join(mine, 'boot/loader/entries/ostree-1-openwrt.conf'), 'utf8'),
      ).toBe(`title OpenWrt 23.05 23.05.1 (ostree:0)
version 1
options root=/dev/sda2 quiet ostree=/ostree/boot.1/openwrt/${bootcsum}/0
linux /ostree/openwrt-${bootcsum}/vmlinuz-6.6.1
initrd /ostree/openwrt-${bootcsum}/initramfs-6.6.1.img
`);
      expect(fs.readFileSync(`${deployment.path}.origin`, 'utf8')).toBe('[origin]\nrefspec=openwrt/x86\n');
      await deploy(sysroot, commit);
      expect(versions()).toEqual(['loader.0', 'boot.0.1']);
      // The end of a trial: during one every switch writes the loader's files, which count its starts.
      const found = () => writeBootState(mine, {});
      found();
      await deploy(sysroot, commit);
      expect(versions()).toEqual(['loader.0', 'boot.0.0']);
      found();
      await deploy(sysroot, commit);
      expect(versions()).toEqual(['loader.0', 'boot.0.1']);
      expect(sysroot.deployments().map((d) => d.serial)).toEqual([3, 2]);
    });

    const withoutInitramfs = { ...vectorTree } as Record<string, string>;
    delete withoutInitramfs['usr/lib/modules/6.6.1/initramfs.img'];
    const { 'usr/lib/os-release': osRelease = '', ...rest } = vectorTree;

    it.each<[string, Files]>([
      ['kernel and initramfs', vectorTree],
      ['no initramfs', withoutInitramfs],
      ['a device tree', { ...vectorTree, 'usr/lib/modules/6.6.1/devicetree': 'DTB' }],
      [
        'a folder of device trees',
        {
          ...withoutInitramfs,
          'usr/lib/modules/6.6.1/dtb/b/two.dtb': '2',
          'usr/lib/modules/6.6.1/dtb/a.dtb': '1',
        },
      ],
      ['ID only', { ...rest, 'usr/lib/os-release': 'ID=openwrt\n' }],
      ['the version in the name', { ...rest, 'usr/lib/os-release': osRelease.replace('23.05', '23.05.1') }],
    ])('writes what the real tool writes: %s', async (_, files) => {
      const sysroot = makeMine();
      makeTheirs();
      const first = commitBoth(files);
      const theirKargs = kargs.map((karg) => `--karg=${karg}`);
      await deploy(sysroot, first, { kargs });
      theirDeploy(theirKargs);
      expect(comparable(mine)).toEqual(comparable(theirs));
      for (const version of ['23.05.1', '23.05.2', '23.05.2']) {
        const next = commitBoth({ ...files, 'usr/share/x': version }, version);
        await deploy(sysroot, next);
        theirDeploy();
        expect(comparable(mine)).toEqual(comparable(theirs));
      }
      expect(
        ostree([`--repo=${mine}/ostree/repo`, 'refs'])
          .split('\n')
          .sort(),
      ).toEqual(
        ostree([`--repo=${theirs}/ostree/repo`, 'refs'])
          .split('\n')
          .sort(),
      );
      expect(status()).toBe(status(theirs));
    });

    it('writes what the real tool writes: U-Boot environment and several stateroots', async () => {
      const sysroot = makeMine('generic-uboot');
      const repo = makeTheirs();
      ostree(['config', `--repo=${repo}`, 'set', 'sysroot.bootloader', 'uboot']);
      fs.mkdirSync(join(theirs, 'boot/loader.0'));
      fs.writeFileSync(join(theirs, 'boot/loader.0/uEnv.txt'), '');
      fs.symlinkSync('loader.0', join(theirs, 'boot/loader'));
      fs.symlinkSync('loader/uEnv.txt', join(theirs, 'boot/uEnv.txt'));
      initStateroot(mine, 'lab');
      ostree(['admin', 'os-init', 'lab', `--sysroot=${theirs}`]);
      const commit = commitBoth({ ...vectorTree, 'usr/lib/ostree-boot/uEnv.txt': 'board=x\n' });
      await deploy(sysroot, commit, { kargs });
      await deploy(sysroot, commit, { kargs: ['lab'], stateroot: 'lab' });
      theirDeploy(kargs.map((karg) => `--karg=${karg}`));
      theirDeploy(['--karg=lab'], theirs, 'lab');
      const ours = comparable(mine);
      expect(ours).toEqual(comparable(theirs));
      expect(Object.keys(ours)).toContain('boot/loader.0/uEnv.txt');
      expect(status()).toBe(status(theirs));
    });

    it('merges /etc as the real tool does', async () => {
      const sysroot = makeMine();
      makeTheirs();
      const first = commitBoth({
        ...vectorTree,
        'usr/etc/del': '1',
        'usr/etc/up': '1',
        'usr/etc/d/a': '1',
        'usr/etc/gone/x': '1',
      });
      await deploy(sysroot, first, { kargs });
      theirDeploy();
      for (const root of [mine, theirs]) {
        const etc = join(Sysroot.open(root).deployments()[0]?.path ?? '', 'etc');
        fs.writeFileSync(join(etc, 'conf'), 'local\n');
        fs.rmSync(join(etc, 'del'));
        fs.writeFileSync(join(etc, 'new'), 'n', { mode: 0o600 });
        fs.mkdirSync(join(etc, 'sub/deep'), { recursive: true });
        fs.writeFileSync(join(etc, 'sub/deep/file'), 'x');
        fs.symlinkSync('/nowhere', join(etc, 'link'));
        fs.chmodSync(join(etc, 'd'), 0o700);
        fs.rmSync(join(etc, 'gone'), { recursive: true });
      }
      const second = commitBoth({
        ...vectorTree,
        'usr/etc/conf': 'upstream\n',
        'usr/etc/up': '2',
        'usr/etc/d/a': '2',
        'usr/etc/fresh': 'f',
        'usr/etc/gone/x': '1',
        'usr/etc/gone/y': '1',
      });
      const { etc } = await deploy(sysroot, second);
      theirDeploy();
      const etcOf = (root: string) => snapshot(Sysroot.open(root).deployments()[0]?.path ?? '', ['etc']);
      expect(etcOf(mine)).toEqual(etcOf(theirs));
      expect(etcOf(mine)).toMatchObject({
        'etc/conf': 'local\n',
        'etc/up': '2',
        'etc/fresh': 'f',
        'etc/new': 'n',
      });
      expect(etc).toMatchObject({ modified: 2, removed: 2, added: 5 });
    });

    it('reads what the real tool made, and the real tool reads pins of ours', async () => {
      const repo = makeTheirs();
      const commit = commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
      theirDeploy(['--karg=quiet']);
      theirDeploy();
      ostree(['admin', 'pin', `--sysroot=${theirs}`, '1']);
      const sysroot = Sysroot.open(theirs);
      expect(sysroot.target).toBeUndefined();
      const read = sysroot.deployments();
      expect(read.map((d) => [d.index, d.serial, d.bootSerial, d.pinned, d.version])).toEqual([
        [0, 1, 0, false, '23.05.1'],
        [1, 0, 1, true, '23.05.1'],
      ]);
      expect(read[0]).toMatchObject({
        checksum: commit,
        kargs: ['quiet'],
        origin: { refspec: 'openwrt/x86' },
      });
      const [first, second] = read;
      if (first === undefined || second === undefined) throw new Error('two deployments');
      sysroot.setPinned(first, true);
      sysroot.setPinned(second, false);
      expect(status(theirs).match(/Pinned: yes/gu)).toHaveLength(1);
      expect(status(theirs).indexOf('Pinned')).toBeLessThan(status(theirs).indexOf(`${commit}.0`));
      await deploy(sysroot, commit);
      expect(sysroot.deployments().map((d) => d.serial)).toEqual([2, 1]);
      ostree(['fsck', `--repo=${repo}`]);
    });

    it('the real tool goes on where ours stopped, and ours repairs the loader’s file afterwards', async () => {
      const sysroot = makeMine();
      const repo = join(mine, 'ostree/repo');
      const one = commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
      await deploy(sysroot, one, { kargs });
      const two = commitTree(scratch, repo, {
        ref: 'openwrt/x86',
        files: { ...vectorTree, 'usr/x': '2' },
        version: '24',
      });
      await deploy(sysroot, two);
      expect(sysroot.deployments().map((d) => d.checksum)).toEqual([two, one]);
      theirDeploy(['--retain'], mine);
      ostree(['admin', 'undeploy', `--sysroot=${mine}`, '2']);
      expect(sysroot.deployments().map((d) => [d.checksum, d.serial])).toEqual([
        [two, 1],
        [two, 0],
      ]);
      expect(fs.existsSync(join(mine, 'boot/loader/grub.cfg'))).toBe(false);
      const report = await cleanup(sysroot, silentContext);
      expect(report).toMatchObject({ loaderRepaired: true, removed: [] });
      const config = fs.readFileSync(join(mine, 'boot/loader/grub.cfg'), 'utf8');
      execFileSync('grub-script-check', { input: config });
      expect(config.match(/menuentry/gu)).toHaveLength(2);
      ostree(['fsck', `--repo=${repo}`]);
    });

    it('early boot on the sysroot is named by our entries, and the real tool reads and continues them', async () => {
      const sysroot = makeMine();
      const repo = join(mine, 'ostree/repo');
      const early = ['prepare-root', 'boot.sh', 'loaders.sh', 'switch.sh', 'choose.sh', 'populate.sh'].map(
        (name) => [`usr/lib/opkg-ostree/${name}`, '#\n'] as const,
      );
      const { 'usr/lib/modules/6.6.1/initramfs.img': _, ...plain } = vectorTree;
      const files = { ...plain, ...Object.fromEntries(early) };
      await deploy(sysroot, commitTree(scratch, repo, { ref: 'openwrt/x86', files }), { kargs });
      const inits = () =>
        sysroot.deployments().map((d) => /init=\S+/u.exec(entryField(d.entry, 'options') ?? '')?.[0]);
      const physical = 'init=/ostree/opkg-ostree/prepare-root';
      expect(inits()).toEqual([physical]);
      theirDeploy(['--retain'], mine);
      const theirs = expect.stringMatching(/^init=\/ostree\/boot\.[01]\/.*prepare-root$/u);
      expect(inits()).toEqual([theirs, theirs]);
      const newer = commitTree(scratch, repo, { ref: 'openwrt/x86', files: { ...files, 'usr/x': '2' } });
      await deploy(sysroot, newer, { finish: { retain: true } });
      expect(inits()).toEqual([physical, physical, physical]);
      expect(status()).toContain(newer);
    });

    it('rollback, set-default and undeploy are switches that the real tool follows', async () => {
      const sysroot = makeMine('generic-extlinux');
      const repo = join(mine, 'ostree/repo');
      const one = commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
      await deploy(sysroot, one, { kargs });
      const two = commitTree(scratch, repo, {
        ref: 'openwrt/x86',
        files: { ...vectorTree, 'usr/lib/modules/6.6.1/vmlinuz': 'K2' },
      });
      await deploy(sysroot, two);
      expect(await writeDeployments(sysroot, sysroot.deployments(), silentContext)).toBe(false);
      await writeDeployments(sysroot, withDefault(sysroot.deployments(), 1), silentContext);
      await cleanup(sysroot, silentContext);
      expect(status().indexOf(one)).toBeLessThan(status().indexOf(two));
      expect(fs.readFileSync(join(mine, 'boot/extlinux/extlinux.conf'), 'utf8')).toMatch(
        new RegExp(`default ostree-0[^]*${bootcsum}`, 'u'),
      );
      await writeDeployments(sysroot, withoutDeployment(sysroot.deployments(), 1), silentContext);
      await cleanup(sysroot, silentContext);
      expect(status()).not.toContain(two);
      expect(fs.readdirSync(join(mine, 'boot/ostree'))).toEqual([`openwrt-${bootcsum}`]);
      expect(fs.readdirSync(join(mine, 'ostree/deploy/openwrt/deploy')).sort()).toEqual([
        `${one}.0`,
        `${one}.0.origin`,
      ]);
      ostree(['fsck', `--repo=${repo}`]);
    });

    it('removes deployments that the real tool marked immutable', async () => {
      const repo = makeTheirs();
      commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
      const plain = { env: { ...process.env, OSTREE_SYSROOT_DEBUG: '' } };
      for (const extra of [[], []]) {
        execFileSync(
          'ostree',
          ['admin', 'deploy', `--sysroot=${theirs}`, '--os=openwrt', ...extra, 'openwrt/x86'],
          plain,
        );
      }
      const sysroot = Sysroot.open(theirs);
      await writeDeployments(sysroot, sysroot.deployments().slice(0, 1), silentContext);
      expect((await cleanup(sysroot, silentContext)).removed).toHaveLength(1);
      await writeDeployments(sysroot, [], silentContext);
      expect((await cleanup(sysroot, silentContext)).removed).toHaveLength(1);
    });

    it('locks out the real tool, and is locked out by it', async () => {
      const sysroot = makeMine();
      commitTree(scratch, join(mine, 'ostree/repo'), { ref: 'openwrt/x86', files: vectorTree });
      const lock = await sysroot.lock();
      await expect(sysroot.lock()).rejects.toMatchObject({ code: 'LOCK_HELD', kind: 'busy' });
      expect(() =>
        execFileSync(
          'timeout',
          ['1', 'ostree', 'admin', 'deploy', `--sysroot=${mine}`, '--os=openwrt', 'openwrt/x86'],
          { stdio: 'ignore' },
        ),
      ).toThrow();
      lock.release();
      await sysroot.withLock(() => expect(sysroot.deployments()).toEqual([]));
    });
  },
);
