import { toPackageName } from '../base/index.ts';
import type { PackageSource } from '../packages/index.ts';
import { compareVersions } from './version.ts';

const critical = [
  'base-files',
  'busybox',
  'libc',
  'kernel',
  'procd',
  'ubox',
  'ubus',
  'ubusd',
  'uci',
  'netifd',
  'fstools',
  'opkg',
  'opkg-ostree-boot',
];

/** The world of opkg: its version order, its names. */
export const opkgSource: PackageSource = {
  id: 'opkg',
  compareVersions,
  conffileSuffix: '-opkg',
  criticalPackages: new Set(critical.map(toPackageName)),
};
