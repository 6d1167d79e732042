import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compareBytes } from './entries.ts';
import type { BuiltIpk } from './ipk-builder.ts';
import type { FixtureKey } from './usign-key.ts';

/** Fields of the manifest that `Packages` leaves out (OpenWrt's scripts/ipkg-make-index.sh and package/Makefile). */
const MANIFEST_ONLY = /^(Maintainer|LicenseFiles|Source|SourceName|SourceDateEpoch|Require)/;

/** Writes packages and the four index files of an OpenWrt feed into `folder`; `pool` shares equal packages by hard links. */
export function writeFeed(
  folder: string,
  packages: readonly BuiltIpk[],
  key: FixtureKey,
  pool?: string,
): void {
  mkdirSync(folder, { recursive: true });
  for (const ipk of packages) writePackage(folder, ipk, pool);
  writeIndex(folder, packages, key);
}

/** Writes `Packages`, `Packages.gz`, `Packages.manifest` and `Packages.sig`. */
export function writeIndex(folder: string, packages: readonly BuiltIpk[], key: FixtureKey): void {
  const sorted = [...packages].sort((a, b) => compareBytes(a.fileName, b.fileName));
  const manifest = sorted.map(manifestEntry).join('') || '\n';
  const index = Buffer.from(withoutLines(manifest));
  writeFileSync(join(folder, 'Packages.manifest'), manifest);
  writeFileSync(join(folder, 'Packages'), index);
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(index, { level: 9 }));
  writeFileSync(join(folder, 'Packages.sig'), key.sign(index));
}

/** One paragraph of `Packages.manifest`, its blank line included. */
function manifestEntry(ipk: BuiltIpk): string {
  const facts = `Filename: ${ipk.fileName}\nSize: ${ipk.bytes.length}\nSHA256sum: ${ipk.sha256}\n`;
  return `${ipk.control.replace(/^Description:/m, `${facts}Description:`)}\n`;
}

function withoutLines(manifest: string): string {
  return manifest
    .split('\n')
    .filter((line) => !MANIFEST_ONLY.test(line))
    .join('\n');
}

function writePackage(folder: string, ipk: BuiltIpk, pool: string | undefined): void {
  const path = join(folder, ipk.fileName);
  if (existsSync(path)) return;
  if (pool === undefined) {
    writeFileSync(path, ipk.bytes);
    return;
  }
  mkdirSync(pool, { recursive: true });
  const shared = join(pool, `${ipk.sha256.slice(0, 16)}.ipk`);
  if (!existsSync(shared)) writeFileSync(shared, ipk.bytes);
  linkSync(shared, path);
}
