import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import { findTarget } from '../../src/boot/index.ts';
import { buildDiskImage } from '../../src/engine/rare.ts';
import { commitTree, hasOstree, isRoot, ostree, vectorTree } from '../boot/support.ts';

const mib = 1024 ** 2;
const tools = ['sfdisk', 'mke2fs', 'mkfs.vfat', 'mcopy', 'debugfs'];
const can = hasOstree && isRoot && tools.every((tool) => spawnSync('which', [tool]).status === 0);
const env = { ...silentContext, now: () => 0, command: 'test', by: 'root' };

describe.skipIf(!can)('disks of boards that cannot be emulated (needs root, ostree, mtools, fdisk)', () => {
  let scratch: string;
  let repo: string;
  beforeEach(() => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'boards-'));
    repo = join(scratch, 'repo');
    ostree(['init', `--repo=${repo}`, '--mode=bare']);
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  async function build(target: string, loader: string | undefined, size = 500) {
    const { kernel } = findTarget(target);
    const { 'usr/lib/modules/6.6.1/initramfs.img': _, ...files } = vectorTree;
    commitTree(scratch, repo, {
      ref: 'board/main',
      files: { ...files, [`usr/lib/modules/6.6.1/dtb/${kernel.devicetree}`]: 'DTB' },
    });
    const output = join(scratch, 'disk.img');
    const base = { target, repo, branch: 'board/main', output, stateroot: 'openwrt', kargs: [] };
    return await buildDiskImage(env, { ...base, bytes: size * mib, loader });
  }

  interface Partition {
    readonly start: number;
    readonly size: number;
    readonly name?: string;
  }
  const table = (disk: string): { id: string; partitions: readonly Partition[] } =>
    JSON.parse(execFileSync('sfdisk', ['-J', disk], { encoding: 'utf8' })).partitiontable;
  const bytesAt = (disk: string, offset: number, length: number) => {
    const fd = fs.openSync(disk, 'r');
    const bytes = Buffer.alloc(length);
    fs.readSync(fd, bytes, 0, length, offset);
    fs.closeSync(fd);
    return bytes;
  };

  it('the Raspberry Pi: all that its firmware reads is on the FAT partition, the rest on the other', async () => {
    const loader = join(scratch, 'firmware');
    fs.mkdirSync(loader);
    for (const name of ['start4.elf', 'fixup4.dat']) fs.writeFileSync(join(loader, name), name);
    const { output, kargs } = await build('raspberrypi-4', loader);
    const { id, partitions } = table(output);
    expect(kargs[0]).toBe(`root=PARTUUID=${id.slice(2)}-02`);
    const [fat, sysroot] = partitions;
    const image = `${output}@@${(fat?.start ?? 0) * 512}`;
    const read = (path: string) => execFileSync('mtype', ['-i', image, `::${path}`], { encoding: 'utf8' });
    expect(read('start4.elf')).toBe('start4.elf');
    expect(read('config.txt')).toContain('include ostree.txt');
    const prefix = /^os_prefix=(.*)$/mu.exec(read('ostree.txt'))?.[1] ?? '';
    expect(read(`${prefix}kernel8.img`)).toBe('KERNEL');
    expect(read(`${prefix}bcm2711-rpi-4-b.dtb`)).toBe('DTB');
    expect(read(/^cmdline=(.*)$/mu.exec(read('ostree.txt'))?.[1] ?? '')).toContain(`${kargs[0]} `);
    const ext4 = join(scratch, 'ext4');
    execFileSync('dd', [
      `if=${output}`,
      `of=${ext4}`,
      'bs=1M',
      `skip=${(sysroot?.start ?? 0) / 2048}`,
      'conv=sparse',
      'status=none',
    ]);
    const listed = (path: string) =>
      execFileSync('debugfs', ['-R', `ls -p ${path}`, ext4], { encoding: 'utf8' });
    expect(listed('/boot')).toContain('/firmware/');
    // An empty folder: the partition is mounted on it.
    expect(listed('/boot/firmware')).not.toContain('config.txt');
  });

  it('the Raspberry Pi: its files also come from another image of the board', async () => {
    const other = join(scratch, 'openwrt.img');
    fs.writeFileSync(other, '');
    fs.truncateSync(other, 70 * mib);
    execFileSync('sfdisk', ['-q', other], { input: 'label: dos\nstart=8192, size=131072, type=c\n' });
    execFileSync('mkfs.vfat', ['--offset=8192', '-F', '32', other, String(64 * 1024)], { stdio: 'ignore' });
    for (const name of ['start4.elf', 'fixup4.dat']) {
      const file = join(scratch, name);
      fs.writeFileSync(file, `image ${name}`);
      execFileSync('mcopy', ['-i', `${other}@@${4 * mib}`, file, `::${name}`]);
    }
    fs.writeFileSync(`${other}.gz`, gzipSync(fs.readFileSync(other)));
    const { output } = await build('raspberrypi-4', `${other}.gz`);
    const image = `${output}@@${(table(output).partitions[0]?.start ?? 0) * 512}`;
    expect(execFileSync('mtype', ['-i', image, '::fixup4.dat'], { encoding: 'utf8' })).toBe(
      'image fixup4.dat',
    );
  });

  it('the BPI-R3: its loader from another image, the environment leads to our script', async () => {
    const other = join(scratch, 'sdcard.img');
    const loader = Buffer.alloc(66 * mib);
    loader.write('BL2', 17 * 1024);
    loader.write('FIP', 6656 * 1024);
    fs.writeFileSync(`${other}.gz`, gzipSync(loader));
    const { output } = await build('bananapi-r3', `${other}.gz`);
    const { partitions } = table(output);
    expect(partitions.map(({ name }) => name)).toEqual([
      'bl2',
      'ubootenv',
      'factory',
      'fip',
      'recovery',
      'install',
      'production',
    ]);
    expect(partitions.map(({ start }) => start / 2)).toEqual([17, 4096, 4608, 6656, 12288, 45056, 65536]);
    expect(bytesAt(output, 17 * 1024, 3).toString()).toBe('BL2');
    expect(bytesAt(output, 6656 * 1024, 3).toString()).toBe('FIP');
    if (spawnSync('which', ['fw_printenv']).status !== 0) return;
    const config = join(scratch, 'fw_env.config');
    fs.writeFileSync(config, `${output} 0x400000 0x40000\n${output} 0x440000 0x40000\n`);
    const printed = execFileSync('fw_printenv', ['-c', config], { encoding: 'utf8' });
    expect(printed).toMatch(
      /^bootcmd=.*load mmc 0:\$distro_bootpart \$loadaddr \/boot\/boot\.scr && source/mu,
    );
    expect(printed).toMatch(/^loadaddr=0x46000000$/mu);
  });

  it('a Rockchip board: U-Boot of another image, before the partition', async () => {
    const other = join(scratch, 'openwrt.img');
    const loader = Buffer.alloc(17 * mib, 0xee);
    loader.write('IDB', 32 * 1024);
    loader.write('ITB', 8 * mib);
    fs.writeFileSync(other, loader);
    const { output } = await build('nanopi-r4s', other, 300);
    expect(bytesAt(output, 32 * 1024, 3).toString()).toBe('IDB');
    expect(bytesAt(output, 8 * mib, 3).toString()).toBe('ITB');
    // The table before it and the partition behind it are ours.
    expect(bytesAt(output, 512, 8).toString()).toBe('EFI PART');
    expect(table(output).partitions[0]?.start).toBe(16 * 2048);
  });

  const grub = ['i386-pc', 'x86_64-efi'].every((name) => fs.existsSync(`/usr/lib/grub/${name}/normal.mod`));
  it.skipIf(!grub)('a PC: GRUB behind the first sector and on the ESP (needs its modules)', async () => {
    const { output } = await build('x86-64', undefined, 300);
    const [core, esp, sysroot] = table(output).partitions;
    expect(bytesAt(output, 0x5c, 8).readBigUInt64LE()).toBe(BigInt(core?.start ?? 0));
    const image = `${output}@@${(esp?.start ?? 0) * 512}`;
    const efi = execFileSync('mtype', ['-i', image, '::EFI/BOOT/BOOTX64.EFI'], { maxBuffer: 32 * mib });
    expect(efi.subarray(0, 2).toString()).toBe('MZ');
    expect(bytesAt(output, (sysroot?.start ?? 0) * 512 + 1080, 2).readUInt16LE()).toBe(0xef53);
  });

  it.each([
    ['raspberrypi-4', undefined, /start4\.elf/u],
    ['nanopi-r5s', undefined, /OpenWrt's own image/u],
  ] as const)('%s without its loader: refused, with what to pass', async (target, loader, hint) => {
    await expect(build(target, loader)).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringMatching(hint),
    });
  });

  it('without a loader on request, with a note; refused for a board that needs none', async () => {
    const { notes } = await build('raspberrypi-4', 'none');
    expect(notes.join()).toContain('does not start by itself');
    await expect(build('turris-mox', '/tmp')).rejects.toMatchObject({ code: 'USAGE' });
  });
});
