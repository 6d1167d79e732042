import { createHash } from 'node:crypto';
import { completeTree, dir, file, symlink, type TreeEntry } from './entries.ts';
import { type BuiltIpk, controlMembers } from './ipk-builder.ts';
import type { Release } from './release.ts';

const EMPTY_DIRECTORIES = [
  'dev',
  'mnt',
  'overlay',
  'proc',
  'rom',
  'sys',
  'etc/crontabs',
  'etc/dropbear',
  'etc/hotplug.d/usb',
];

/** The applets that OpenWrt's busybox links, where Debian's has them. */
const APPLETS: Readonly<Record<string, string>> = {
  bin: 'ash cat chgrp chmod chown cp date dd df dmesg echo egrep false fgrep grep gunzip gzip hostname kill ln login ls mkdir mknod mktemp mount mv netstat nice pidof ping ping6 ps pwd rm rmdir sed sh sleep stty sync tar touch true umount uname usleep vi zcat',
  sbin: 'halt hwclock ifconfig insmod ip logread losetup lsmod mkswap modinfo pivot_root poweroff reboot rmmod route start-stop-daemon swapoff swapon switch_root sysctl udhcpc vconfig',
  'usr/bin':
    '[ [[ awk basename bunzip2 bzcat clear cmp crontab cut diff dirname du env expr find flock free head hexdump id killall less logger md5sum mkfifo nc nslookup od passwd patch pgrep printf readlink realpath reset seq sha256sum sort strings tail tee test time top tr traceroute traceroute6 uniq unzip uptime wc which whoami xargs xxd yes',
  'usr/sbin': 'brctl chroot crond httpd ntpd',
};
const SECOND_RELEASE_APPLETS: Readonly<Record<string, string>> = { 'usr/bin': 'timeout truncate' };

/** The links to busybox, relative as OpenWrt's build makes them. They belong to package busybox. */
export function appletLinks(release: Release, available: ReadonlySet<string>): TreeEntry[] {
  const tables = release.number === 1 ? [APPLETS] : [APPLETS, SECOND_RELEASE_APPLETS];
  return tables.flatMap((table) =>
    Object.entries(table).flatMap(([folder, names]) =>
      names
        .split(' ')
        .filter((name) => available.has(name))
        .map((name) =>
          symlink(
            `${folder}/${name}`,
            folder === 'bin' ? 'busybox' : `${'../'.repeat(folder.split('/').length)}bin/busybox`,
          ),
        ),
    ),
  );
}

/** Files of base-files that the build writes for its release. */
export function releaseFiles(release: Release): TreeEntry[] {
  const description = `OpenWrt ${release.version} ${release.revision}`;
  return [
    file('etc/openwrt_version', `${release.revision}\n`),
    file(
      'etc/openwrt_release',
      `DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='${release.version}'\nDISTRIB_REVISION='${release.revision}'\nDISTRIB_TARGET='x86/64'\nDISTRIB_ARCH='x86_64'\nDISTRIB_DESCRIPTION='${description}'\nDISTRIB_TAINTS=''\n`,
    ),
    file(
      'usr/lib/os-release',
      `NAME="OpenWrt"\nVERSION="${release.version}"\nID="openwrt"\nID_LIKE="lede openwrt"\nPRETTY_NAME="OpenWrt ${release.version}"\nVERSION_ID="${release.version}"\nHOME_URL="https://openwrt.org/"\nBUG_URL="https://bugs.openwrt.org/"\nSUPPORT_URL="https://forum.openwrt.org/"\nBUILD_ID="${release.revision}"\nOPENWRT_BOARD="x86/64"\nOPENWRT_ARCH="x86_64"\nOPENWRT_TAINTS=""\nOPENWRT_DEVICE_MANUFACTURER="OpenWrt"\nOPENWRT_DEVICE_PRODUCT="Generic"\nOPENWRT_RELEASE="${description}"\n`,
    ),
    symlink('etc/os-release', '../usr/lib/os-release'),
    symlink('etc/TZ', '/tmp/TZ'),
    symlink('etc/localtime', '/tmp/localtime'),
    symlink('etc/mtab', '/proc/mounts'),
    symlink('etc/resolv.conf', '/tmp/resolv.conf'),
    symlink('etc/fstab', '/tmp/fstab'),
    symlink('var', 'tmp'),
    symlink('lib64', 'lib'),
    symlink('usr/lib64', 'lib'),
  ];
}

/**
 * An image's root from installed packages, as OpenWrt's `rootfs.mk` leaves it: data, alternatives, rc.d links, the opkg
 * database with prerm but without postinst. Everything is root's; /root is 0750 and /tmp 1777.
 */
export function buildRoot(packages: readonly BuiltIpk[], release: Release): TreeEntry[] {
  const data = packages.flatMap((ipk) => ipk.spec.data);
  const services = data.filter((entry) => entry.path.startsWith('etc/init.d/')).flatMap(serviceLinks);
  return completeTree([
    ...EMPTY_DIRECTORIES.map((path) => dir(path)),
    dir('root', 0o750),
    dir('tmp', 0o1777),
    dir('usr/lib/opkg/lists'),
    ...data.map((entry) => (entry.path === 'etc/shadow' ? { ...entry, mode: 0o600 } : entry)),
    ...services,
    ...alternatives(packages),
    ...packages.flatMap(infoFiles),
    file('usr/lib/opkg/status', packages.map((ipk) => statusParagraph(ipk, release)).join('')),
  ]);
}

function infoFiles(ipk: BuiltIpk): TreeEntry[] {
  const base = `usr/lib/opkg/info/${ipk.spec.name}`;
  const kept = controlMembers(ipk.spec).filter((member) => !member.path.startsWith('postinst'));
  const list = ipk.spec.data.filter((entry) => entry.type !== 'dir').map((entry) => `/${entry.path}\n`);
  const members = kept.map((member) => ({ ...member, path: `${base}.${member.path}` }));
  return [file(`${base}.control`, ipk.control), file(`${base}.list`, list.join('')), ...members];
}

/** Fields in opkg's order; see section 5 of the notes on opkg's database. */
function statusParagraph(ipk: BuiltIpk, release: Release): string {
  const { spec } = ipk;
  const lines = [`Package: ${spec.name}`];
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined) lines.push(`${name}: ${value}`);
  };
  add('ABIVersion', spec.fields['ABIVersion']);
  add('Version', spec.version);
  for (const name of ['Depends', 'Provides', 'Replaces', 'Conflicts']) add(name, spec.fields[name]);
  add('Status', `install ${spec.name === 'libc' || spec.name === 'kernel' ? 'hold' : 'user'} installed`);
  add('Essential', spec.fields['Essential']);
  add('Architecture', spec.arch);
  if (spec.conffiles.length > 0)
    lines.push('Conffiles:', ...spec.conffiles.map((path) => ` ${path} ${digest(spec.data, path)}`));
  add('Installed-Time', String(release.epoch));
  add('Alternatives', spec.fields['Alternatives']);
  return `${lines.join('\n')}\n\n`;
}

function digest(data: readonly TreeEntry[], path: string): string {
  const entry = data.findLast((item) => `/${item.path}` === path);
  return createHash('sha256')
    .update(entry?.content ?? '')
    .digest('hex');
}

function serviceLinks(entry: TreeEntry): TreeEntry[] {
  const name = entry.path.slice('etc/init.d/'.length);
  const script = Buffer.from(entry.content ?? []).toString();
  const link = (letter: string, variable: string) => {
    const number = new RegExp(`^${variable}=(\\d+)$`, 'm').exec(script)?.[1];
    return number === undefined ? [] : [symlink(`etc/rc.d/${letter}${number}${name}`, `../init.d/${name}`)];
  };
  return [...link('S', 'START'), ...link('K', 'STOP')];
}

function alternatives(packages: readonly BuiltIpk[]): TreeEntry[] {
  return packages.flatMap((ipk) =>
    (ipk.spec.fields['Alternatives'] ?? '').split(',').flatMap((item) => {
      const [, path, target] = item.trim().split(':');
      return path === undefined || target === undefined ? [] : [symlink(path.slice(1), target)];
    }),
  );
}
