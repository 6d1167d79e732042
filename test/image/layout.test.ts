import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findTarget, listTargets } from '../../src/boot/index.ts';
import { patchBootImage, patchCoreImage, planDisk, renderSfdisk } from '../../src/image/index.ts';

const mib = 1024 * 1024;
const layouts = listTargets()
  .filter(({ status }) => status === 'supported')
  .flatMap(({ id }) => {
    const { image } = findTarget(id);
    return image === undefined ? [] : [{ id, image }];
  });
const hasSfdisk = spawnSync('sfdisk', ['--version']).status === 0;

describe('the plan of a disk', () => {
  it('is made for every board of the first two tiers that is named', () => {
    expect(layouts.map(({ id }) => id).sort()).toEqual([
      'armsr-armv8',
      'bananapi-r3',
      'espressobin',
      'generic-bootscr',
      'generic-extlinux',
      'nanopi-r4s',
      'nanopi-r5s',
      'raspberrypi-4',
      'turris-mox',
      'x86-64',
    ]);
  });

  it.each(layouts)('$id: aligned, within the disk, nothing overlaps, whatever the size', ({ image }) => {
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 100_000 }), (size) => {
        const plan = planDisk({ ...image, bytes: size * mib, seed: 'x' });
        // A GPT ends at 17 KiB.
        let end = 17 * 1024;
        plan.partitions.forEach(({ start, size: bytes }, index) => {
          expect(start).toBeGreaterThanOrEqual(end);
          if (image.partitions[index]?.startKib === undefined) expect(start % mib).toBe(0);
          end = start + bytes;
        });
        expect(end).toBe(plan.bytes - mib);
        expect(plan.sysroot).toBe(plan.partitions.at(-1));
      }),
    );
  });

  it.skipIf(!hasSfdisk).each(layouts)('$id: the real sfdisk takes it (needs fdisk)', ({ image }) => {
    const folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-layout-'));
    try {
      const plan = planDisk({ ...image, bytes: 400 * mib, seed: 'x' });
      const file = join(folder, 'disk');
      const fd = openSync(file, 'w');
      ftruncateSync(fd, plan.bytes);
      closeSync(fd);
      expect(
        spawnSync('sfdisk', ['-q', file], { input: renderSfdisk(plan), encoding: 'utf8' }),
      ).toMatchObject({
        status: 0,
        stderr: '',
      });
      const dump = JSON.parse(spawnSync('sfdisk', ['-J', file], { encoding: 'utf8' }).stdout);
      const made: {
        start: number;
        size: number;
        uuid?: string;
        name?: string;
        bootable?: boolean;
        attrs?: string;
      }[] = dump.partitiontable.partitions;
      expect(made.map(({ start, size }) => ({ start: start * 512, size: size * 512 }))).toEqual(
        plan.partitions.map(({ start, size }) => ({ start, size })),
      );
      if (image.label === 'gpt') {
        expect(made.map(({ uuid }) => uuid?.toLowerCase())).toEqual(plan.partitions.map(({ uuid }) => uuid));
        expect(made.map(({ name }) => name)).toEqual(plan.partitions.map(({ name }) => name));
        expect(made.at(-1)?.attrs).toContain('LegacyBIOSBootable');
      } else {
        expect(dump.partitiontable.id).toBe(`0x${plan.uuid}`);
        expect(plan.sysroot.uuid).toBe(`${plan.uuid}-0${plan.sysroot.number}`);
        expect(made.at(-1)?.bootable ?? false).toBe(!plan.partitions.some(({ use }) => use === 'firmware'));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('follows from its seed', () => {
    const plan = (seed: string) =>
      planDisk({ label: 'gpt', bytes: 200 * mib, first: 1, partitions: [{ use: 'sysroot', kib: 0 }], seed });
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a').sysroot.uuid).not.toBe(plan('b').sysroot.uuid);
    expect(plan('a').uuid).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u);
  });

  it('refuses a disk that is too small, and says what is enough', () => {
    const request = { label: 'gpt', first: 16, partitions: [{ use: 'sysroot', kib: 0 }], seed: 'x' } as const;
    expect(() => planDisk({ ...request, bytes: 80 * mib })).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('81M') }),
    );
    expect(planDisk({ ...request, bytes: 81 * mib }).sysroot.size).toBe(64 * mib);
  });
});

describe('GRUB in the BIOS boot partition', () => {
  // A view into a larger buffer, as small files are read: the patch must not reach what lies around it.
  const surroundings = new Uint8Array(2048).fill(0xee);
  const bootImage = surroundings.subarray(100, 612);
  bootImage.set([0x55, 0xaa], 510);

  it('leads from the first sector to core.img, and from there to the rest', () => {
    const code = patchBootImage(bootImage, 0x12345);
    expect(code).toHaveLength(440);
    expect([...code.slice(0x5c, 0x64)]).toEqual([0x45, 0x23, 0x01, 0, 0, 0, 0, 0]);
    expect([...code.slice(0x64, 0x68)]).toEqual([0xee, 0xee, 0x90, 0x90]);
    expect(surroundings.slice(612).every((byte) => byte === 0xee)).toBe(true);
    const core = patchCoreImage(new Uint8Array(1500).fill(1), 2048);
    expect(core).toHaveLength(1536);
    expect([...core.slice(0x1f4, 0x200)]).toEqual([1, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0x20, 0x08]);
  });

  it('refuses files that are neither', () => {
    expect(() => patchBootImage(new Uint8Array(512), 1)).toThrow(/boot\.img/u);
    expect(() => patchBootImage(new Uint8Array(3), 1)).toThrow(/boot\.img/u);
    expect(() => patchCoreImage(new Uint8Array(512), 1)).toThrow(/core\.img/u);
  });
});
