import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CatalogEntry, KERNEL_MODULES } from './catalog.ts';
import { fetchDebs } from './deb.ts';
import { file } from './entries.ts';
import type { IpkSpec } from './ipk-builder.ts';
import { FIXTURE_ARCH, type Release } from './release.ts';

const FAKE_SIZE = 96 * 1024;

/** Bytes with a bzImage's two marks (Linux x86 boot protocol) and nothing that runs, the same for a release each time. */
export function fakeKernel(release: Release): Uint8Array {
  const bytes = deterministicBytes(`kernel ${release.version}`, FAKE_SIZE);
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write('HdrS', 0x202, 'latin1');
  return bytes;
}

/** Debian's cloud kernel, downloaded into `cache` and unpacked there: one that boots under QEMU. */
export function debianKernel(cache: string): { readonly path: string; readonly release: string } {
  const folder = join(cache, 'debian-kernel');
  if (!existsSync(join(folder, 'boot'))) {
    const meta =
      fetchDebs(['linux-image-cloud-amd64'], join(cache, 'debs')).get('linux-image-cloud-amd64') ?? '';
    const depends = execFileSync('dpkg-deb', ['-f', meta, 'Depends']).toString();
    const name = /linux-image-[^\s,]+/.exec(depends)?.[0] ?? 'linux-image-cloud-amd64';
    const deb = fetchDebs([name], join(cache, 'debs')).get(name) ?? '';
    mkdirSync(folder, { recursive: true });
    execFileSync('dpkg-deb', ['-x', deb, folder]);
  }
  const image = readdirSync(join(folder, 'boot')).find((item) => item.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`no kernel in ${folder}/boot; delete the folder and try again`);
  return { path: join(folder, 'boot', image), release: image.slice('vmlinuz-'.length) };
}

/** The virtual package that carries the kernel's version; it is in the image's database and in no feed. */
export function kernelSpec(release: Release): IpkSpec {
  const fields = { Depends: 'libc', Source: 'package/kernel/linux', Section: 'sys' };
  return {
    ...specOf('kernel', release.kernelVersion, release),
    fields,
    description: 'Virtual kernel package',
  };
}

/** A package of modules, bound to its kernel as every `kmod-*` is. The modules are not loadable. */
export function moduleSpec(kmod: (typeof KERNEL_MODULES)[number], release: Release): IpkSpec {
  const folder = `lib/modules/${release.kernelRelease}`;
  const depends = [
    `kernel (=${release.kernelVersion})`,
    ...(kmod.depends === undefined ? [] : [kmod.depends]),
  ];
  return {
    ...specOf(kmod.name, `${release.kernelRelease}-r1`, release),
    fields: { Depends: depends.join(', '), Source: 'package/kernel/linux', Section: 'kernel' },
    description: `Kernel modules ${kmod.modules.join(' ')}`,
    data: [
      ...kmod.modules.map((name) => file(`${folder}/${name}.ko`, moduleBytes(name, release))),
      file(
        `etc/modules.d/30-${kmod.name.slice('kmod-'.length)}`,
        kmod.modules.map((name) => `${name}\n`).join(''),
      ),
    ],
  };
}

/** Names of the Debian packages behind `entries`, each once. */
export function debianNames(entries: readonly CatalogEntry[]): string[] {
  return [...new Set(entries.flatMap((entry) => entry.deb ?? []))];
}

/** The applets of a static busybox, by asking it. */
export function busyboxApplets(busybox: Uint8Array): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-busybox-'));
  const path = join(folder, 'busybox');
  try {
    writeFileSync(path, busybox, { mode: 0o755 });
    return new Set(execFileSync(path, ['--list']).toString().trim().split('\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function specOf(name: string, version: string, release: Release): IpkSpec {
  const mtime = release.epoch;
  return {
    name,
    version,
    arch: FIXTURE_ARCH,
    fields: {},
    description: '',
    data: [],
    conffiles: [],
    scripts: {},
    mtime,
  };
}

/** An ELF header, then a `.modinfo`-like text: what `file` and `strings` take for a module. */
function moduleBytes(name: string, release: Release): Buffer {
  const info = `license=GPL\0name=${name}\0vermagic=${release.kernelRelease} SMP mod_unload \0`;
  return Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(8), Buffer.from(info)]);
}

function deterministicBytes(seed: string, size: number): Buffer {
  const blocks = Array.from({ length: size / 32 }, (_, index) =>
    createHash('sha256').update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(blocks);
}
