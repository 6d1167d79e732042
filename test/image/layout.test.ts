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
  it('is made for the boards of the first tier', () => {
    expect(layouts.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['x86-64', 'armsr-armv8', 'generic-extlinux']),
    );
  });

  it.each(layouts)('$id: aligned, within the disk, nothing overlaps, whatever the size', ({ image }) => {
    fc.assert(
      fc.property(fc.integer({ min: 160, max: 100_000 }), (size) => {
        const plan = planDisk({ ...image, bytes: size * mib, seed: 'x' });
        let end = mib;
        for (const { start, size: bytes } of plan.partitions) {
          expect(start).toBeGreaterThanOrEqual(end);
          expect(start % mib).toBe(0);
          end = start + bytes;
        }
        expect(end).toBe(plan.bytes - mib);
        expect(plan.sysroot).toBe(plan.partitions.at(-1));
      }),
    );
  });

  it.skipIf(!hasSfdisk).each(layouts)('$id: the real sfdisk takes it (needs fdisk)', ({ image }) => {
    const folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-layout-'));
    try {
      const plan = planDisk({ ...image, bytes: 200 * mib, seed: 'x' });
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
      const number = String(plan.sysroot.number);
      const uuid = spawnSync('sfdisk', ['--part-uuid', file, number], { encoding: 'utf8' }).stdout.trim();
      expect(uuid.toLowerCase()).toBe(plan.sysroot.uuid);
      expect(spawnSync('sfdisk', ['--part-attrs', file, number], { encoding: 'utf8' }).stdout).toContain(
        'LegacyBIOSBootable',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('follows from its seed', () => {
    const plan = (seed: string) =>
      planDisk({ bytes: 200 * mib, first: 1, partitions: [{ use: 'sysroot', mib: 0 }], seed });
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a').sysroot.uuid).not.toBe(plan('b').sysroot.uuid);
    expect(plan('a').uuid).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u);
  });

  it('refuses a disk that is too small, and says what is enough', () => {
    const request = { first: 16, partitions: [{ use: 'sysroot', mib: 0 } as const], seed: 'x' };
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
