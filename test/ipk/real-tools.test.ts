/** Packages made by the tools that build them in the field: GNU tar and gzip as ipkg-build calls them, binutils' ar, zstd. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileStream, readIpk } from '../../src/ipk/index.ts';

const hasTools = (...tools: string[]) =>
  tools.every((tool) => {
    try {
      execFileSync('sh', ['-c', 'command -v "$0"', tool], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
const shell = (script: string) => execFileSync('sh', ['-ec', script], { cwd: folder, stdio: 'pipe' });
const longName = `${'deep/'.repeat(40)}file`;
let folder = '';

async function listing(file: string): Promise<string[]> {
  const lines: string[] = [];
  const meta = await readIpk(fileStream(join(folder, file)), {
    async entry(entry) {
      let size = 0;
      if (entry.type === 'file') for await (const piece of entry.content) size += piece.byteLength;
      lines.push(`${entry.type} ${entry.path} ${entry.mode.toString(8)} ${size}`);
    },
  });
  return [
    `${meta.record.name} ${meta.record.version}`,
    ...lines.filter((line) => !line.startsWith('directory deep')),
  ];
}

describe.skipIf(!hasTools('tar', 'gzip'))(
  'packages made by real tools (skipped without tar and gzip)',
  () => {
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tools-'));
      mkdirSync(join(folder, 'data/usr/bin'), { recursive: true });
      mkdirSync(join(folder, 'data', longName, '..'), { recursive: true });
      mkdirSync(join(folder, 'control'));
      writeFileSync(join(folder, 'data/usr/bin/tool'), 'x'.repeat(70_000), { mode: 0o4755 });
      writeFileSync(join(folder, 'data', longName), 'y');
      symlinkSync(`/${'t'.repeat(120)}`, join(folder, 'data/usr/bin/link'));
      writeFileSync(join(folder, 'control/control'), 'Package: made\nVersion: 1-1\nArchitecture: all\n');
      writeFileSync(join(folder, 'debian-binary'), '2.0\n');
      // The calls of OpenWrt's scripts/ipkg-build.
      const pack = 'tar --format=gnu --numeric-owner --sort=name --mtime=@1534405875 -cf -';
      shell(`chmod 4755 data/usr/bin/tool
      (cd control && ${pack} . | gzip -n - > ../control.tar.gz)
      (cd data && ${pack} . | gzip -n - > ../data.tar.gz)
      ${pack} ./debian-binary ./data.tar.gz ./control.tar.gz | gzip -n - > openwrt.ipk`);
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const expected = [
      'made 1-1',
      `file ${longName} 644 1`,
      'directory usr 755 0',
      'directory usr/bin 755 0',
      'symlink usr/bin/link 777 0',
      'file usr/bin/tool 4755 70000',
    ];

    it('are read from a gzipped tar', async () => {
      expect(await listing('openwrt.ipk')).toEqual(expected);
    });

    it.skipIf(!hasTools('ar'))(
      'are read from an ar archive, debian-binary last (skipped without ar)',
      async () => {
        shell('ar rcS third.ipk control.tar.gz data.tar.gz debian-binary');
        expect(await listing('third.ipk')).toEqual(expected);
      },
    );

    it.skipIf(!hasTools('ar', 'zstd'))(
      'are read from zstd at its strongest usual level (skipped without zstd)',
      async () => {
        shell('for m in control data; do gzip -cd $m.tar.gz | zstd -q -19 -o $m.tar.zst; done');
        shell('ar rcS yocto.ipk debian-binary control.tar.zst data.tar.zst');
        expect(await listing('yocto.ipk')).toEqual(expected);
      },
    );

    it('are read from POSIX archives too, as long as nothing in them would be lost', async () => {
      shell('(cd data && tar --format=posix --sort=name -czf ../data.tar.gz .)');
      shell('tar -cf - ./debian-binary ./data.tar.gz ./control.tar.gz | gzip > posix.ipk');
      expect(await listing('posix.ipk')).toEqual(expected);
    });
  },
);
