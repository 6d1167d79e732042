import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  clearStockBoot,
  closeStock,
  handBack,
  handOver,
  isHandedOver,
  keptKargs,
  locateStock,
  parseStockConfig,
  placeOfRoot,
  readExtFacts,
  readStock,
  wasStarted,
  writeBootState,
  writeStock,
} from '../../src/boot/index.ts';
import { isStub, renderConvertedMenu, renderStub, withoutStock } from '../../src/boot/stock/grub-config.ts';

const dir = mkdtempSync(join(tmpdir(), 'stock-'));
afterAll(() => rmSync(dir, { recursive: true }));
let count = 0;
const folder = () => {
  const path = join(dir, String(++count));
  mkdirSync(path);
  return path;
};

const bios = `set default="0"
set timeout="5"
set root='(hd0,msdos1)'

menuentry "OpenWrt" {
	linux /boot/vmlinuz root=PARTUUID=0a1b2c3d-02 rootwait console=tty1 noinitrd
}
menuentry "OpenWrt (failsafe)" {
	linux /boot/vmlinuz failsafe=true root=PARTUUID=0a1b2c3d-02 rootwait noinitrd
}
`;
const efi = `set default="0"
set timeout="5"
search -l kernel -s root

menuentry "OpenWrt" {
	linux /efi/openwrt/vmlinuz root=PARTUUID=5452574f-2211-4433-5566-778899aabb02 rootwait
}
`;

describe('the stock menu', () => {
  it('tells the kernel and its arguments', () => {
    expect(parseStockConfig(bios, 'grub.cfg')).toEqual({
      kernel: '/boot/vmlinuz',
      kargs: ['root=PARTUUID=0a1b2c3d-02', 'rootwait', 'console=tty1', 'noinitrd'],
    });
  });

  it.each([
    ['no entry', 'set timeout=1\n'],
    ['an entry without a kernel', 'menuentry "x" {\n\tchainloader +1\n}\n'],
    ['an initramfs', 'menuentry "x" {\n\tlinux /vmlinuz root=x\n\tinitrd /initrd\n}\n'],
    ['another device', 'menuentry "x" {\n\tlinux (hd1,gpt1)/vmlinuz root=x\n}\n'],
    ['a way out of the partition', 'menuentry "x" {\n\tlinux /../vmlinuz root=x\n}\n'],
  ])('is refused with %s', (_, text) => {
    expect(() => parseStockConfig(text, 'grub.cfg')).toThrow(
      expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }),
    );
  });

  it('loses what belongs to one boot', () => {
    const words =
      'BOOT_IMAGE=/boot/vmlinuz root=PARTUUID=x init=/etc/preinit noinitrd failsafe=true quiet'.split(' ');
    expect(keptKargs(words)).toEqual(['root=PARTUUID=x', 'quiet']);
  });

  it.each([
    ['root=PARTUUID=0a1b2c3d-02', { table: 'msdos', partition: 2 }],
    ['root=PARTUUID=5452574f-2211-4433-5566-778899aabb02', { table: 'gpt', partition: 2 }],
    ['root=/dev/sda2', undefined],
  ])('%s leads to a partition', (word, place) => {
    expect(placeOfRoot([word])).toEqual(place);
  });

  const valid = spawnSync('grub-script-check', ['--version']).status === 0;
  it.skipIf(!valid).each([
    ['BIOS', bios],
    ['EFI', efi],
  ])('stays whole below ours: %s (grub-script-check)', (_, text) => {
    const place = { table: 'gpt', partition: 2, uuid: '12345678-1234-1234-1234-123456789abc' } as const;
    const stub = renderStub(text, place);
    expect(isStub(stub)).toBe(true);
    expect(stub.endsWith(`\n${text}`)).toBe(true);
    expect(stub.includes(`search -u ${place.uuid} -s root`)).toBe(text === efi);
    const onFat = renderStub(text, undefined);
    expect(onFat.endsWith(`\n${text}`)).toBe(true);
    expect(onFat.indexOf('search -l kernel') > 0).toBe(text === efi);
    const menus = (['sysroot', 'boot partition'] as const).map((at) =>
      renderConvertedMenu('boot/grub/stock.cfg', at),
    );
    for (const made of [stub, withoutStock(stub), onFat, withoutStock(onFat), ...menus]) {
      const file = join(folder(), 'grub.cfg');
      writeFileSync(file, made);
      expect(spawnSync('grub-script-check', [file], { encoding: 'utf8' }).stderr).toBe('');
    }
    expect(withoutStock(stub)).not.toContain('menuentry');
    expect(withoutStock(stub)).toMatch(/\nconfigfile \/boot\/grub\/converted\.cfg\n$/u);
    expect(withoutStock(onFat)).toMatch(/\nconfigfile \/ostree\/converted\.cfg\n$/u);
    expect(withoutStock(text)).toBe(text);
  });
});

describe('handing over', () => {
  const make = () => {
    const [root, path] = [folder(), folder()];
    mkdirSync(join(path, 'boot/grub'), { recursive: true });
    writeFileSync(join(path, 'boot/grub/grub.cfg'), bios);
    return { root, boot: { path, config: 'boot/grub/grub.cfg' } };
  };
  const place = { table: 'msdos', partition: 2 } as const;

  it.each(['copy', 'stub', 'menu'] as const)(
    'cut before %s, the old menu still starts; repeating it ends well',
    (cut) => {
      const { root, boot } = make();
      const stop = (step: string) => {
        if (step === cut) throw new Error('power cut');
      };
      expect(() => handOver(root, boot, place, stop)).toThrow('power cut');
      expect(isHandedOver(root)).toBe(false);
      expect(readFileSync(join(boot.path, boot.config), 'utf8').endsWith(bios)).toBe(true);
      handOver(root, boot, place);
      handOver(root, boot, place);
      expect(isHandedOver(root)).toBe(true);
      expect(readFileSync(join(boot.path, boot.config), 'utf8')).toBe(renderStub(bios, place));
      expect(readFileSync(join(boot.path, 'boot/grub/stock.cfg'), 'utf8')).toBe(bios);
      expect(handBack(root)).toBe(true);
      expect(handBack(root)).toBe(false);
    },
  );
});

describe('a boot partition that holds all that GRUB reads', () => {
  const make = () => {
    const root = folder();
    const path = join(root, 'boot/firmware');
    mkdirSync(join(path, 'boot/grub'), { recursive: true });
    writeFileSync(join(path, 'boot/grub/grub.cfg'), bios);
    writeFileSync(join(path, 'boot/vmlinuz'), 'kernel');
    return { root, boot: { path, config: 'boot/grub/grub.cfg' } };
  };

  it('gets the menu too, and loses it on the way back', () => {
    const { root, boot } = make();
    handOver(root, boot, undefined);
    expect(isHandedOver(root)).toBe(true);
    const menu = readFileSync(join(boot.path, 'ostree/converted.cfg'), 'utf8');
    expect(menu).toContain('source /ostree/grub.cfg\n');
    expect(menu).toContain('configfile /boot/grub/stock.cfg\n');
    expect(handBack(root)).toBe(true);
    expect(isHandedOver(root)).toBe(false);
    expect(readFileSync(join(boot.path, boot.config), 'utf8').endsWith(bios)).toBe(true);
  });

  it('loses the old menu, its copy and the kernel once the old system is gone', () => {
    const { root, boot } = make();
    expect(clearStockBoot(boot)).toBe(false);
    handOver(root, boot, undefined);
    closeStock(root);
    expect(readFileSync(join(boot.path, 'ostree/converted.cfg'), 'utf8')).not.toContain('menuentry');
    expect(clearStockBoot(boot)).toBe(true);
    expect(readFileSync(join(boot.path, boot.config), 'utf8')).not.toContain('menuentry');
    expect(existsSync(join(boot.path, 'boot/vmlinuz'))).toBe(false);
    expect(existsSync(join(boot.path, 'boot/grub/stock.cfg'))).toBe(false);
    expect(clearStockBoot(boot)).toBe(false);
  });
});

describe('the record', () => {
  it('is read back, and refused where it leads out of the boot partition', () => {
    const root = folder();
    expect(readStock(root)).toBeUndefined();
    const record = { root: 'PARTUUID=0a1b2c3d-02', config: 'efi/openwrt/grub.cfg', finishing: true };
    writeStock(root, record);
    expect(readStock(root)).toEqual(record);
    writeStock(root, { ...record, config: '../etc/passwd' });
    expect(() => readStock(root)).toThrow(expect.objectContaining({ code: 'SYSROOT_INVALID' }));
  });

  it('tells whether a deployment may have run', () => {
    const root = folder();
    const pending = `openwrt/deploy/${'a'.repeat(64)}.0`;
    expect(wasStarted(root)).toBe(false);
    writeBootState(root, { pending, tries: 3 });
    expect(wasStarted(root)).toBe(false);
    writeBootState(root, { pending, tries: 2 });
    expect(wasStarted(root)).toBe(true);
    writeBootState(root, { bad: pending });
    expect(wasStarted(root)).toBe(true);
  });
});

describe('the running system', () => {
  /** /proc and /sys of a machine with the root on the second partition of a disk. */
  const machine = (type: string, device = '8:2') => {
    const view = { proc: folder(), sys: folder() };
    mkdirSync(join(view.proc, 'self'));
    mkdirSync(join(view.proc, 'sys/kernel'), { recursive: true });
    writeFileSync(
      join(view.proc, 'self/mountinfo'),
      `15 1 0:2 / / rw - rootfs rootfs rw\n20 15 ${device} / / rw,noatime - ${type} /dev/root rw\n21 20 0:5 / /proc rw - proc proc rw\n`,
    );
    writeFileSync(
      join(view.proc, 'cmdline'),
      'BOOT_IMAGE=/boot/vmlinuz root=PARTUUID=0a1b2c3d-02 rootwait\n',
    );
    writeFileSync(join(view.proc, 'sys/kernel/osrelease'), '6.6.86\n');
    for (const [name, number] of [
      ['sda1', 1],
      ['sda2', 2],
    ] as const) {
      mkdirSync(join(view.sys, 'block/sda', name), { recursive: true });
      writeFileSync(join(view.sys, 'block/sda', name, 'partition'), `${number}\n`);
    }
    mkdirSync(join(view.sys, 'dev/block'), { recursive: true });
    symlinkSync('../../block/sda/sda2', join(view.sys, 'dev/block/8:2'));
    return view;
  };

  it('is found by /proc and /sys', () => {
    expect(locateStock(machine('ext4'))).toEqual({
      filesystem: 'ext4',
      rootDevice: 'sda2',
      partition: 2,
      bootDevice: 'sda1',
      kargs: ['BOOT_IMAGE=/boot/vmlinuz', 'root=PARTUUID=0a1b2c3d-02', 'rootwait'],
      kernelRelease: '6.6.86',
    });
  });

  it.each([
    ['overlay', '8:2', /squashfs image below an overlay/u],
    ['f2fs', '8:2', /the root is f2fs/u],
    ['ext4', '0:40', /not on a partition/u],
  ])('is refused with a root of %s on %s', (type, device, message) => {
    expect(() => locateStock(machine(type, device))).toThrow(message);
  });

  it.skipIf(spawnSync('mke2fs', ['-V']).status !== 0)('has a superblock that says what mke2fs wrote', () => {
    const uuid = '01234567-89ab-cdef-0123-456789abcdef';
    const image = join(folder(), 'fs');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-U', uuid, image, '4M']);
    expect(readExtFacts(image)).toEqual({ uuid, hasJournal: true });
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-U', uuid, image, '4M']);
    expect(readExtFacts(image)).toEqual({ uuid, hasJournal: false });
    writeFileSync(image, Buffer.alloc(4096));
    expect(readExtFacts(image)).toBeUndefined();
  });
});
