import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ash, busybox, productDir } from './ash.ts';

const deployment = `openwrt/deploy/${'a'.repeat(64)}.0`;

describe.skipIf(busybox === undefined)(
  'the way back to the system before a conversion (skipped without busybox)',
  () => {
    let sysroot: string;
    const at = (path: string) => join(sysroot, path);
    beforeEach(() => {
      sysroot = mkdtempSync(join(tmpdir(), 'stock-'));
      for (const path of ['ostree/opkg-ostree', `ostree/deploy/${deployment}/usr`, 'boot/grub'])
        mkdirSync(at(path), { recursive: true });
      writeFileSync(at('ostree/opkg-ostree/boot-state'), `format 1\npending ${deployment}\ntries 0\n`);
      writeFileSync(
        at('ostree/opkg-ostree/stock'),
        'format 1\nroot PARTUUID=x-02\nconfig boot/grub/grub.cfg\n',
      );
      writeFileSync(at('boot/grub/converted.cfg'), 'source /boot/loader/grub.cfg\n');
    });
    afterEach(() => rmSync(sysroot, { recursive: true }));
    const giveUp = `state_read; return_to_stock "$PENDING" 'checks failed: ssh'`;

    it('removes our menu, and remembers what failed and why', () => {
      expect(ash(sysroot, giveUp)).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(at('boot/grub/converted.cfg'))).toBe(false);
      expect(readFileSync(at('ostree/opkg-ostree/boot-state'), 'utf8')).toBe(
        `format 1\nbad ${deployment}\nreason checks failed: ssh\n`,
      );
      expect(readFileSync(at('ostree/opkg-ostree/verdicts'), 'utf8')).toMatch(
        new RegExp(`^\\d+ ${deployment} bad checks failed: ssh\n$`, 'u'),
      );
      expect(ash(sysroot, giveUp).status).toBe(1);
    });

    it('removes our menu from the FAT partition, where the boot loader reads nothing else', () => {
      rmSync(at('boot/grub/converted.cfg'));
      for (const path of ['boot/firmware/boot/grub', 'boot/firmware/ostree'])
        mkdirSync(at(path), { recursive: true });
      expect(ash(sysroot, 'has_stock').status).toBe(1);
      writeFileSync(at('boot/firmware/boot/grub/grub.cfg'), 'configfile /ostree/converted.cfg\n');
      writeFileSync(at('boot/firmware/ostree/converted.cfg'), 'source /ostree/grub.cfg\n');
      expect(ash(sysroot, giveUp)).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(at('boot/firmware/ostree/converted.cfg'))).toBe(false);
      expect(readFileSync(at('ostree/opkg-ostree/boot-state'), 'utf8')).toContain(`bad ${deployment}\n`);
    });

    it('is not there once the old system is being deleted, nor on a sysroot that was never converted', () => {
      writeFileSync(at('ostree/opkg-ostree/stock'), 'format 1\nroot x\nconfig c\nfinishing\n');
      expect(ash(sysroot, 'has_stock').status).toBe(1);
      expect(ash(sysroot, giveUp).status).toBe(1);
      expect(existsSync(at('boot/grub/converted.cfg'))).toBe(true);
      rmSync(at('ostree/opkg-ostree/stock'));
      expect(ash(sysroot, 'has_stock').status).toBe(1);
    });

    it('is taken by early boot when the tries are used up and there is no other deployment', () => {
      const early = `. '${productDir}/usr/lib/opkg-ostree/choose.sh'\nsay() { echo "$1"; }\nfail() { echo "failed: $1"; exit 9; }\n`;
      const count = `state_read; TARGET=$PENDING; count_start`;
      expect(ash(sysroot, early + count)).toMatchObject({
        status: 9,
        stdout: `failed: ${deployment} was started as often as it may and never found good\n`,
      });
      rmSync(at('ostree/opkg-ostree/stock'));
      expect(ash(sysroot, early + count).stdout).toBe(
        `${deployment} was never found good, but there is no other deployment\n`,
      );
    });
  },
);
