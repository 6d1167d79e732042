import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import { stateName, writeBootState } from '../../src/boot/boot-state.ts';
import type { DeploymentItem } from '../../src/boot/deployment.ts';
import { hasEarlyBoot, prepareSysroot } from '../../src/boot/early-boot.ts';
import { readElfNeeds } from '../../src/boot/elf.ts';
import { newOrigin } from '../../src/boot/origin.ts';
import { installSkeleton, resolveInside } from '../../src/boot/skeleton.ts';

const staticShell = fs.existsSync('/usr/bin/busybox') ? '/usr/bin/busybox' : '/bin/busybox';
let root: string;
let tree: string;
let sysroot: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'skeleton-'));
  tree = join(root, 'tree');
  sysroot = join(root, 'sysroot');
  fs.mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  fs.mkdirSync(join(tree, 'usr/lib'));
  fs.symlinkSync('usr/bin', join(tree, 'bin'));
  fs.symlinkSync('usr/lib', join(tree, 'lib'));
  fs.mkdirSync(sysroot);
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** A 64-bit little-endian program with an interpreter and needed libraries. */
function elf(interpreter: string, needed: readonly string[]): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(3, 56);
  const segment = (n: number, type: number, offset: number, size: number) => {
    const at = 64 + n * 56;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(0, 1, 0, 1024);
  segment(1, 3, 300, 64);
  segment(2, 2, 400, 16 * (needed.length + 2));
  bytes.write(`${interpreter}\0`, 300);
  let name = 601;
  needed.forEach((text, index) => {
    bytes.writeBigUInt64LE(1n, 400 + index * 16);
    bytes.writeBigUInt64LE(BigInt(name - 600), 408 + index * 16);
    bytes.write(`${text}\0`, name);
    name += text.length + 1;
  });
  bytes.writeBigUInt64LE(5n, 400 + needed.length * 16);
  bytes.writeBigUInt64LE(600n, 408 + needed.length * 16);
  return bytes;
}

describe('the skeleton of the physical root', () => {
  it('brings shell, loader and libraries as the tree has them', () => {
    fs.writeFileSync(
      join(tree, 'bin/busybox'),
      elf('/lib/ld-musl-x86_64.so.1', ['libgcc_s.so.1', 'libc.so']),
    );
    fs.symlinkSync('libc.so', join(tree, 'lib/ld-musl-x86_64.so.1'));
    fs.writeFileSync(join(tree, 'lib/libc.so'), elf('', []));
    fs.writeFileSync(join(tree, 'lib/libgcc_s.so.1'), elf('', ['libc.so']));
    const report = installSkeleton(sysroot, tree);
    expect(report.problem).toBeUndefined();
    expect([...report.made].sort()).toEqual([
      'bin',
      'bin/busybox',
      'dev',
      'lib',
      'lib/ld-musl-x86_64.so.1',
      'lib/libc.so',
      'lib/libgcc_s.so.1',
      'proc',
      'sys',
      'tmp',
    ]);
    expect(fs.readlinkSync(join(sysroot, 'lib/ld-musl-x86_64.so.1'))).toBe('libc.so');
    expect(fs.statSync(join(sysroot, 'bin/busybox')).mode & 0o777).toBe(0o755);
    expect(fs.statSync(join(sysroot, 'tmp')).mode & 0o7777).toBe(0o1777);
    expect(installSkeleton(sysroot, tree).made).toEqual([]);
  });

  it.skipIf(!fs.existsSync(staticShell))('needs no library for a static shell', () => {
    fs.copyFileSync(staticShell, join(tree, 'bin/busybox'));
    expect(installSkeleton(sysroot, tree).problem).toBeUndefined();
    expect(fs.existsSync(join(sysroot, 'lib'))).toBe(false);
  });

  it('says what is missing', () => {
    expect(installSkeleton(sysroot, tree).problem).toContain('busybox');
    fs.writeFileSync(join(tree, 'bin/busybox'), elf('/lib/ld-musl-x86_64.so.1', []));
    expect(installSkeleton(sysroot, tree).problem).toContain('ld-musl');
  });

  it('never writes through a symlink of the physical root', () => {
    fs.writeFileSync(join(tree, 'bin/busybox'), 'x');
    fs.mkdirSync(join(root, 'elsewhere'));
    fs.symlinkSync(join(root, 'elsewhere'), join(sysroot, 'bin'));
    expect(installSkeleton(sysroot, tree).problem).toContain('bin');
    expect(fs.readdirSync(join(root, 'elsewhere'))).toEqual([]);
  });

  it('resolves links inside the tree only', () => {
    fs.symlinkSync('/../../../../../../etc/passwd', join(tree, 'usr/bin/out'));
    fs.symlinkSync('loop', join(tree, 'usr/bin/loop'));
    expect(resolveInside(tree, 'bin/out')).toBeUndefined();
    expect(resolveInside(tree, 'bin/loop')).toBeUndefined();
    expect(resolveInside(tree, '../../bin')).toBe(join(tree, 'usr/bin'));
  });

  it('any bytes are needs or none', () => {
    const start = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
    const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const needs = readElfNeeds(Buffer.concat([start, bytes]));
      expect(needs === undefined || Array.isArray(needs.libraries)).toBe(true);
    });
    fc.assert(property);
  });
});

describe('early boot on the sysroot', () => {
  const parts = ['boot.sh', 'loaders.sh', 'switch.sh', 'choose.sh', 'populate.sh', 'prepare-root'];
  const deployment = (name: string, content: string) => {
    const path = join(root, name);
    fs.mkdirSync(join(path, 'usr/lib/opkg-ostree'), { recursive: true });
    for (const part of parts) fs.writeFileSync(join(path, 'usr/lib/opkg-ostree', part), content);
    return { ...itemAt(path), serial: Number(content.length) };
  };
  const itemAt = (path: string): DeploymentItem => ({
    stateroot: 'openwrt',
    checksum: 'a'.repeat(64) as Checksum,
    serial: 0,
    bootChecksum: '0'.repeat(64),
    entry: { fields: [] },
    version: undefined,
    path,
    origin: newOrigin(undefined),
    booted: false,
    pinned: false,
  });

  it('comes from the first deployment, and is replaced by that of the good one only', () => {
    const sysroot = join(root, 'early');
    fs.mkdirSync(sysroot);
    const first = deployment('early-1', '1');
    const second = deployment('early-2', '22');
    const at = (name: string) => fs.readFileSync(join(sysroot, 'ostree/opkg-ostree', name), 'utf8');
    expect(prepareSysroot(sysroot, itemAt(join(root, 'nothing')), [])).toHaveLength(1);
    expect(hasEarlyBoot(sysroot)).toBe(false);
    prepareSysroot(sysroot, first, []);
    expect(parts.map(at)).toEqual(parts.map(() => '1'));
    expect(fs.statSync(join(sysroot, 'ostree/opkg-ostree/prepare-root')).mode & 0o777).toBe(0o755);
    prepareSysroot(sysroot, second, [first]);
    expect(at('prepare-root')).toBe('1');
    writeBootState(sysroot, { good: stateName(second) });
    prepareSysroot(sysroot, first, [second, first]);
    expect(parts.map(at)).toEqual(parts.map(() => '22'));
  });
});
