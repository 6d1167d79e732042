/** How one OpenWrt package is made from a Debian package, from files in test/fixtures, or from both. */
export interface CatalogEntry {
  /** The Debian package whose files it takes. */
  readonly deb?: string;
  /** OpenWrt's name; the Debian name by default. */
  readonly name?: string;
  readonly section?: string;
  readonly arch?: 'all';
  /** Version, where there is no Debian package. */
  readonly version?: string;
  readonly description?: string;
  /** More control fields. `Depends` is added to what Debian's package depends on. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Debian path -> path in the package. */
  readonly moved?: Readonly<Record<string, string>>;
  /** Path -> mode. */
  readonly modes?: Readonly<Record<string, number>>;
  /** Only paths that match are taken from the Debian package. */
  readonly only?: RegExp;
  readonly conffiles?: readonly string[];
  /** Release 2 has a newer build of it. */
  readonly bumped?: boolean;
  /** Folder of the fixture files, if other than the name. */
  readonly files?: string;
}

/** The packages of the image: in no feed (libc, kernel) or in both. */
export const BASE_PACKAGES: readonly CatalogEntry[] = [
  {
    deb: 'libc6',
    name: 'libc',
    section: 'libs',
    fields: { Essential: 'yes' },
    only: /^lib\/(ld-linux-x86-64\.so\.2|lib(c|m|dl|pthread|rt|resolv|util|nss_files|nss_dns)\.so\.\d+)$/,
  },
  { deb: 'libgcc-s1', name: 'libgcc1', section: 'libs' },
  { deb: 'zlib1g', name: 'zlib', section: 'libs', fields: { ABIVersion: '1', Provides: 'zlib1' } },
  { deb: 'libgmp10', section: 'libs' },
  { deb: 'libcrypt1', section: 'libs' },
  { deb: 'libtommath1', section: 'libs' },
  { deb: 'libtomcrypt1', section: 'libs' },
  {
    deb: 'dropbear-bin',
    name: 'dropbear',
    section: 'net',
    conffiles: ['/etc/config/dropbear'],
    only: /^usr\/(s?bin\/(dropbear|dbclient|dropbearkey))$/,
  },
  { deb: 'fping', section: 'net', modes: { 'usr/bin/fping': 0o4755 } },
  {
    deb: 'busybox-static',
    name: 'busybox',
    section: 'base',
    fields: { Essential: 'yes' },
    only: /^bin\/busybox$/,
    bumped: true,
  },
  {
    name: 'base-files',
    version: '1637',
    section: 'base',
    fields: { Depends: 'libc, procd, openwrt-keyring', Essential: 'yes' },
    description: 'This package contains a base filesystem and system scripts for OpenWrt.',
    bumped: true,
    conffiles: [
      '/etc/config/system',
      '/etc/group',
      '/etc/hosts',
      '/etc/inittab',
      '/etc/passwd',
      '/etc/profile',
      '/etc/protocols',
      '/etc/rc.local',
      '/etc/services',
      '/etc/shadow',
      '/etc/shells',
      '/etc/shinit',
      '/etc/sysctl.conf',
      '/etc/sysupgrade.conf',
    ],
  },
  {
    name: 'procd',
    version: '2024.12.22~42d39376-r1',
    section: 'base',
    description: 'OpenWrt system process manager',
  },
  {
    name: 'dnsmasq',
    version: '2.90-r4',
    section: 'net',
    fields: { Depends: 'libc, busybox' },
    description: 'DNS and DHCP server',
    conffiles: ['/etc/config/dhcp'],
    bumped: true,
  },
  {
    name: 'firewall4',
    version: '2024.12.18~18fc0ead-r1',
    section: 'net',
    arch: 'all',
    fields: { Provides: 'uci-firewall' },
    description: 'OpenWrt 4th gen firewall',
    conffiles: ['/etc/config/firewall'],
  },
  {
    name: 'opkg',
    version: '2024.10.16~38eccbb1-r1',
    section: 'base',
    fields: { Depends: 'libc, busybox', Essential: 'yes' },
    description: 'opkg package manager',
    conffiles: ['/etc/opkg.conf', '/etc/opkg/customfeeds.conf'],
  },
  {
    name: 'openwrt-keyring',
    version: '2024.11.01~fbae29d7-r2',
    section: 'base',
    description: 'The keyring of with the developer using to sign and build.',
  },
  {
    name: 'uclient-fetch',
    version: '2024.10.22~88ae8f20-r1',
    section: 'net',
    fields: { Alternatives: '200:/usr/bin/wget:/bin/uclient-fetch' },
    description: 'Tiny wget replacement using libuclient',
  },
  {
    name: 'uhttpd',
    version: '2023.06.25~34a8a74d-r3',
    section: 'net',
    fields: { Depends: 'libc, busybox' },
    description: 'uHTTPd is a tiny single threaded HTTP server',
    conffiles: ['/etc/config/uhttpd'],
  },
];

/** In the image of release 2 alone: a feed package of release 1 that became part of the base. */
export const BASE_ADDED_IN_2: readonly string[] = ['libmnl0', 'ethtool'];

/** The packages of the feeds. */
export const FEED_PACKAGES: readonly CatalogEntry[] = [
  ...[
    'libonig5',
    'libmagic1',
    'libbz2-1.0',
    'liblzma5',
    'libzstd1',
    'libncursesw6',
    'libncurses6',
    'libtinfo6',
  ].map(library),
  ...['libnl-genl-3-200', 'libssl3', 'libreadline8', 'libacl1', 'libattr1', 'liblz4-1', 'libpopt0'].map(
    library,
  ),
  ...[
    'libxxhash0',
    'libsqlite3-0',
    'libevent-core-2.1-7',
    'libutempter0',
    'libbsd0',
    'libmd0',
    'libcap2',
  ].map(library),
  ...['libpcre2-8-0', 'libuuid1', 'libidn2-0', 'libunistring2', 'libgnutls30', 'libp11-kit0', 'libffi8'].map(
    library,
  ),
  ...['libtasn1-6', 'libnettle8', 'libhogweed6', 'libpsl5', 'libnetfilter-conntrack3', 'libnfnetlink0'].map(
    library,
  ),
  ...['libmnl0', 'libnftables1', 'libnftnl11', 'libxtables12', 'libjansson4', 'libedit2', 'libdbus-1-3'].map(
    library,
  ),
  ...[
    'libsystemd0',
    'libgcrypt20',
    'libgpg-error0',
    'libselinux1',
    'libsctp1',
    'libiperf0',
    'libpcap0.8',
  ].map(library),
  ...[
    'tree',
    'htop',
    'bc',
    'dc',
    'file',
    'tmux',
    'rsync',
    'tcpdump',
    'ethtool',
    'ed',
    'pv',
    'zip',
    'dos2unix',
    'hexedit',
  ].map((deb) => ({
    deb,
    section: 'utils',
  })),
  { ...library('libjq1'), bumped: true },
  { deb: 'jq', section: 'utils', bumped: true },
  { deb: 'libmagic-mgc', section: 'libs', arch: 'all' },
  { deb: 'sqlite3', name: 'sqlite3-cli', section: 'utils', fields: { Provides: 'sqlite3' } },
  { deb: 'lua5.4', section: 'lang' },
  // conffiles that are not UCI
  { deb: 'libnl-3-200', section: 'libs' },
  { deb: 'nano', section: 'utils', fields: { Provides: 'text-editor' } },
  // a package that replaces another, for all but its files the same
  {
    deb: 'nano',
    name: 'nano-full',
    section: 'utils',
    fields: { Provides: 'nano, text-editor', Conflicts: 'nano', Replaces: 'nano' },
  },
  { deb: 'ncurses-base', name: 'terminfo', section: 'libs', arch: 'all', only: /^lib\/terminfo\// },
  // takes over one file of terminfo without replacing it
  {
    name: 'terminfo-local',
    version: '1-r1',
    section: 'libs',
    arch: 'all',
    fields: { Depends: 'terminfo', Replaces: 'terminfo' },
    description: 'A local description of the console',
  },
  // the same path as terminfo, and nothing that permits it: a file conflict
  {
    name: 'terminfo-clash',
    files: 'terminfo-local',
    version: '1-r1',
    section: 'libs',
    arch: 'all',
    description: 'Claims a file of terminfo',
  },
  // alternatives on one path, with busybox beneath
  {
    deb: 'less',
    section: 'utils',
    fields: { Alternatives: '300:/usr/bin/less:/usr/libexec/less-gnu' },
    moved: { 'usr/bin/less': 'usr/libexec/less-gnu' },
    bumped: true,
  },
  { deb: 'mawk', section: 'utils', fields: { Alternatives: '300:/usr/bin/awk:/usr/bin/mawk' } },
  {
    deb: 'original-awk',
    section: 'utils',
    fields: { Alternatives: '310:/usr/bin/awk:/usr/bin/original-awk' },
  },
  { deb: 'netcat-openbsd', section: 'net', fields: { Alternatives: '300:/usr/bin/nc:/bin/nc.openbsd' } },
  {
    deb: 'netcat-traditional',
    section: 'net',
    fields: { Alternatives: '290:/usr/bin/nc:/bin/nc.traditional' },
  },
  {
    deb: 'vim-tiny',
    name: 'vim',
    section: 'utils',
    only: /^usr\/bin\/vim\.tiny$|^etc\/vim\//,
    fields: { Alternatives: '200:/bin/vi:/usr/bin/vim.tiny', Provides: 'text-editor' },
  },
  {
    deb: 'wget',
    name: 'wget-ssl',
    section: 'net',
    fields: { Provides: 'wget, gnu-wget', Alternatives: '300:/usr/bin/wget:/usr/libexec/wget-ssl' },
    moved: { 'usr/bin/wget': 'usr/libexec/wget-ssl' },
  },
  // services
  {
    deb: 'tinyproxy-bin',
    name: 'tinyproxy',
    section: 'net',
    fields: { 'Require-User': 'tinyproxy=312:tinyproxy=312' },
    conffiles: ['/etc/config/tinyproxy'],
    bumped: true,
  },
  {
    deb: 'darkstat',
    section: 'net',
    fields: { 'Require-User': 'darkstat:darkstat' },
    only: /^usr\/sbin\//,
    conffiles: ['/etc/config/darkstat'],
  },
  {
    deb: 'dnsmasq-base',
    name: 'dnsmasq-full',
    section: 'net',
    only: /^usr\//,
    fields: { Provides: 'dnsmasq', Conflicts: 'dnsmasq', 'Require-User': 'dnsmasq=453:dnsmasq=453' },
    conffiles: ['/etc/config/dhcp'],
  },
  {
    name: 'wrapper-late',
    version: '1-r1',
    section: 'utils',
    arch: 'all',
    description: 'A service whose START is computed',
  },
  {
    name: 'luci-app-tinyproxy',
    version: '24.100.1~5c1b2d3',
    section: 'luci',
    arch: 'all',
    fields: { Depends: 'tinyproxy' },
    description: 'LuCI support for tinyproxy',
  },
  // scripts with a body
  { deb: 'bash', section: 'utils', only: /^bin\/|^etc\/bash\.bashrc$/ },
  {
    name: 'adblock-lite',
    version: '1.2.0-r1',
    section: 'net',
    arch: 'all',
    fields: { Depends: 'jq' },
    description: 'Blocks names by list',
    conffiles: ['/etc/config/adblock-lite'],
  },
  {
    name: 'bcp38-lite',
    version: '5-r9',
    section: 'net',
    arch: 'all',
    description: 'Needs the live system in its postinst, without asking where it runs',
    conffiles: ['/etc/config/bcp38'],
  },
  // two builds of one program
  { deb: 'iperf3', section: 'net', only: /^usr\/bin\// },
  {
    deb: 'iperf3',
    name: 'iperf3-ssl',
    section: 'net',
    only: /^usr\/bin\//,
    fields: { Conflicts: 'iperf3', Depends: 'libssl3' },
  },
  { deb: 'iputils-arping', section: 'net', modes: { 'usr/bin/arping': 0o4755 } },
];

/** Modules of the kernel; the first is in the image. */
export const KERNEL_MODULES: readonly {
  readonly name: string;
  readonly modules: readonly string[];
  readonly depends?: string;
}[] = [
  { name: 'kmod-nf-conntrack', modules: ['nf_conntrack', 'nf_defrag_ipv4', 'nf_defrag_ipv6'] },
  { name: 'kmod-tun', modules: ['tun'] },
  { name: 'kmod-udptunnel4', modules: ['udp_tunnel'] },
  { name: 'kmod-wireguard', modules: ['wireguard'], depends: 'kmod-udptunnel4' },
];

function library(deb: string): CatalogEntry {
  return { deb, section: 'libs' };
}
