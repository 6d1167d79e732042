/** Real data that is not part of this repository: present beside a developer's checkout, absent elsewhere. */
import { existsSync } from 'node:fs';

const shared = new URL('../../../shared/data/', import.meta.url);

/** The path of a shared data file, or undefined where it is not there; tests that need it then skip. */
export function sharedData(name: string): string | undefined {
  const url = new URL(name, shared);
  return existsSync(url) ? url.pathname : undefined;
}

/** The real OpenWrt root tarball that OPENWRT_ROOTFS names, or undefined. */
export function openwrtRootfs(): string | undefined {
  const path = process.env['OPENWRT_ROOTFS'];
  return path !== undefined && existsSync(path) ? path : undefined;
}
