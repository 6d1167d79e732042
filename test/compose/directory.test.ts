import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RelPath, silentContext, toRelPath } from '../../src/base/index.ts';
import { directorySource } from '../../src/compose/directory-source.ts';
import type { RootEntry } from '../../src/compose/entries.ts';
import { bytesOf, newest, rawEntry, smallRoot } from './support.ts';

const isRoot = process.getuid?.() === 0;
const hasCapabilities = isRoot && spawnSync('getfattr', ['--version']).status === 0;
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0;
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'compose-dir-'));
  for (const item of smallRoot) {
    const path = join(dir, item.path);
    const raw = rawEntry(item);
    mkdirSync(raw.type === 'directory' ? path : dirname(path), { recursive: true });
    if (raw.type === 'symlink') symlinkSync(raw.target, path);
    if (raw.type !== 'file') continue;
    writeFileSync(path, bytesOf(item));
    chmodSync(path, raw.mode);
    utimesSync(path, newest, newest);
  }
});
afterEach(() => rmSync(dir, { recursive: true }));

async function entries(): Promise<ReadonlyMap<RelPath, RootEntry>> {
  return (await directorySource(dir).scan(silentContext)).entries;
}

describe('a directory', () => {
  it('gives types, modes, times and targets', async () => {
    const found = await entries();
    expect(found.get(toRelPath('bin/sh'))).toMatchObject({ type: 'symlink', target: 'busybox' });
    expect(found.get(toRelPath('bin/busybox'))).toMatchObject({ type: 'file', mtime: newest, mode: 0o644 });
    expect(found.get(toRelPath(''))).toMatchObject({ type: 'directory' });
  });

  it('may be named by a symlink', async () => {
    const link = `${dir}-link`;
    symlinkSync(dir, link);
    try {
      expect((await directorySource(link).scan(silentContext)).entries.size).toBeGreaterThan(20);
    } finally {
      rmSync(link);
    }
  });

  it('is not looked into where a running system keeps nothing', async () => {
    execFileSync('mkfifo', [join(dir, 'tmp/fifo'), join(dir, 'dev/fifo')]);
    expect([...(await entries()).keys()]).not.toContain('tmp/fifo');
  });

  it.each([
    ['a fifo', (path: string) => execFileSync('mkfifo', [path])],
    [
      'a socket',
      (path: string) =>
        execFileSync('perl', [
          '-MIO::Socket::UNIX',
          '-e',
          `IO::Socket::UNIX->new(Local=>"${path}",Listen=>1) or die`,
        ]),
    ],
  ])('with %s is refused, naming it', async (_, make) => {
    make(join(dir, 'etc/odd'));
    await expect(entries()).rejects.toMatchObject({ code: 'ROOTFS_INVALID' });
    await expect(entries()).rejects.toThrow('etc/odd');
  });

  it('with a name that is not UTF-8 is refused', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/etc/a`), Buffer.from([0xff])]), '');
    await expect(entries()).rejects.toThrow(/not UTF-8/u);
  });

  it.skipIf(!isRoot)('with a device node is refused (skipped without root)', async () => {
    execFileSync('mknod', [join(dir, 'etc/null'), 'c', '1', '3']);
    await expect(entries()).rejects.toThrow(/device node/u);
  });

  it.skipIf(!hasCapabilities)(
    'keeps file capabilities and no other attribute (skipped without root or attr)',
    async () => {
      const file = join(dir, 'bin/busybox');
      const value = '0x0100000200200000000000000000000000000000';
      const set = spawnSync('setfattr', ['-n', 'security.capability', '-v', value, file]);
      if (set.status !== 0) return;
      spawnSync('setfattr', ['-n', 'trusted.x', '-v', '1', file]);
      expect((await entries()).get(toRelPath('bin/busybox'))?.xattrs).toEqual([
        { name: 'security.capability', value: Buffer.from(value.slice(2), 'hex') },
      ]);
    },
  );

  it.skipIf(!canMount)(
    'leaves out what is mounted below it, and says so (skipped where mount is refused)',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(dir, 'mnt')]);
      try {
        writeFileSync(join(dir, 'mnt/film'), 'x');
        const found = await directorySource(dir).scan(silentContext);
        expect([...found.entries.keys()]).not.toContain('mnt/film');
        expect(found.warnings).toEqual([expect.stringContaining('/mnt is a file system of its own')]);
      } finally {
        execFileSync('umount', [join(dir, 'mnt')]);
      }
    },
  );

  it('that changes between the readings is refused', async () => {
    const source = directorySource(dir);
    await source.scan(silentContext);
    const wanted = new Map([[toRelPath('bin/busybox'), 1]]);
    await expect(source.readFiles(wanted, () => undefined, silentContext)).rejects.toThrow(/changed/u);
  });

  it('that is none is refused', async () => {
    for (const path of [join(dir, 'bin/busybox'), join(dir, 'none')]) {
      await expect(directorySource(path).scan(silentContext)).rejects.toMatchObject({
        code: 'ROOTFS_INVALID',
      });
    }
  });

  it('can be left in the middle', async () => {
    const abort = new AbortController();
    abort.abort();
    const ctx = { ...silentContext, signal: abort.signal };
    await expect(directorySource(dir).scan(ctx)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
