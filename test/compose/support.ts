import type { RelPath } from '../../src/base/index.ts';
import { toRelPath, utf8 } from '../../src/base/index.ts';
import { EntryCollector, isCaptured, type RawEntry, type ScannedRoot } from '../../src/compose/entries.ts';
import type { PlanRequest } from '../../src/compose/plan.ts';
import { type ComposePlan, planTree } from '../../src/compose/plan.ts';

/** A member in short: type by the shape of `content`; mode, owner and time as given or usual. */
export interface Member {
  readonly path: string;
  readonly type?: RawEntry['type'];
  readonly content?: string | Uint8Array;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
}

export const newest = 1_534_405_875;

/** A member from one line: `PATH`, `PATH/`, `PATH -> TARGET`, `PATH = CONTENT`. */
export function member(line: string): Member {
  const link = / -> /u.exec(line);
  if (link !== null)
    return { path: line.slice(0, link.index), type: 'symlink', target: line.slice(link.index + 4) };
  if (line.endsWith('/')) return { path: line.slice(0, -1), type: 'directory' };
  const text = / = /u.exec(line);
  if (text !== null) return { path: line.slice(0, text.index), content: line.slice(text.index + 3) };
  return { path: line, content: `content of ${line}` };
}

export function bytesOf(item: Member): Uint8Array {
  return typeof item.content === 'string' ? utf8(item.content) : (item.content ?? new Uint8Array());
}

export function rawEntry(item: Member): RawEntry {
  const type = item.type ?? 'file';
  return {
    path: item.path,
    type,
    uid: item.uid ?? 0,
    gid: item.gid ?? 0,
    mode: item.mode ?? (type === 'directory' ? 0o755 : type === 'symlink' ? 0o777 : 0o644),
    mtime: item.mtime ?? newest,
    size: type === 'file' ? bytesOf(item).byteLength : 0,
    target: item.target ?? '',
    xattrs: [],
  };
}

/** What scanning a source with these members gives. */
function scanned(members: readonly Member[]): ScannedRoot {
  const collector = new EntryCollector('test root');
  const captured = new Map<RelPath, Uint8Array>();
  for (const item of members) {
    const path = collector.add(rawEntry(item));
    if (path !== undefined && (item.type ?? 'file') === 'file' && isCaptured(path)) {
      captured.set(path, bytesOf(item));
    }
  }
  return { entries: collector.finish(), captured, warnings: [] };
}

/** A root that is small but whole. */
export const smallRoot: readonly Member[] = [
  { path: '.', type: 'directory' },
  ...[
    'bin/',
    'bin/busybox',
    'bin/sh -> busybox',
    'sbin/',
    'sbin/init',
    'lib/',
    'lib/libc.so',
    'lib/preinit/79_move_config',
    'lib/preinit/80_mount_root = stock',
    'lib/preinit/81_upgrade_bootloader',
    'lib/preinit/99_10_run_init',
    'lib/modules/4.14.63/ext4.ko',
    'usr/bin/env -> ../../bin/busybox',
    'etc/config/dhcp',
    'etc/init.d/boot',
    'etc/rc.d/S10boot -> ../init.d/boot',
    'etc/passwd = root:x:0:0:root:/root:/bin/ash\ndnsmasq:x:453:453::/var/run:/bin/false\n',
    "etc/openwrt_release = DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='18.06.1'\nDISTRIB_REVISION='r7258'\n",
    'etc/os-release -> ../usr/lib/os-release',
    'usr/lib/os-release = NAME="OpenWrt"\nID="openwrt"\nPRETTY_NAME="OpenWrt 18.06.1"\nVERSION_ID="18.06.1"\n',
    'usr/lib/opkg/status = Package: base-files\nVersion: 192\nStatus: install user installed\nArchitecture: i386\n\n',
    'usr/lib/opkg/info/base-files.list = /lib/preinit/79_move_config\n/lib/preinit/80_mount_root\n/etc/passwd\n',
    'www/index.html',
    'var -> tmp',
    'tmp/',
    'dev/',
    'proc/',
    'root/',
    'mnt/',
    'overlay/',
    'rom/note',
  ].map(member),
];

export const bootFiles: PlanRequest['bootFiles'] = new Map(
  [
    ['lib/preinit/80_mount_root', 0o644, 'ours'],
    ['usr/lib/ostree/ostree-prepare-root', 0o755, '#!/bin/busybox sh\n'],
    ['usr/bin/opkg-ostree', 0o755, '#!/bin/sh\n'],
    ['etc/init.d/opkg-ostree', 0o755, '#!/bin/sh /etc/rc.common\nSTART=99\nSTOP=05\n'],
    ['etc/config/opkg-ostree', 0o600, "config health 'main'\n"],
  ].map(([path, mode, text]) => [
    toRelPath(String(path)),
    { mode: Number(mode), content: utf8(String(text)) },
  ]),
);

const plainRequest: PlanRequest = {
  kernel: undefined,
  dtb: undefined,
  initramfs: undefined,
  release: undefined,
  bootFiles,
  productVersion: '0.1.0',
  version: undefined,
  timestamp: undefined,
  squashOwner: undefined,
};

export function plan(members: readonly Member[], request: Partial<PlanRequest> = {}): ComposePlan {
  return planTree(scanned(members), { ...plainRequest, ...request });
}

/** The small root and more lines. */
export function rootWith(...lines: (string | Member)[]): Member[] {
  return [...smallRoot, ...lines.map((line) => (typeof line === 'string' ? member(line) : line))];
}
