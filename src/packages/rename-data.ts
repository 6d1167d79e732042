/**
 * Packages that OpenWrt renamed, split, merged or dropped between releases. Sources:
 *
 * - `asu`: the table of the image server (openwrt/asu, asu/config.py and asu/package_changes.py), by revision
 * - `index`: the official indices of the releases on both sides of the change, which have the one name and the other
 * - `notes`: the release notes of that release
 */
export interface RenameEntry {
  /** The old name; a `*` at the end stands for the rest of the name, which stays. */
  readonly from: string;
  /** What to ask for instead, the first that there is; empty where nothing takes its place. */
  readonly to: readonly string[];
  /** The first release without the old name. */
  readonly since: string;
  readonly source: 'asu' | 'index' | 'notes';
}

/** Oldest first. */
export const renameData: readonly RenameEntry[] = [
  { from: 'libustream-polarssl', to: ['libustream-mbedtls'], since: '17.01', source: 'notes' },
  {
    from: 'libustream-cyassl',
    to: ['libustream-wolfssl', 'libustream-mbedtls'],
    since: '19.07',
    source: 'notes',
  },
  { from: 'kmod-ledtrig-usbport', to: ['kmod-usb-ledtrig-usbport'], since: '19.07', source: 'index' },
  { from: 'https_dns_proxy', to: ['https-dns-proxy'], since: '19.07', source: 'index' },
  { from: 'luci-app-https_dns_proxy', to: ['luci-app-https-dns-proxy'], since: '19.07', source: 'index' },
  {
    from: 'wpad-mini',
    to: ['wpad-basic-mbedtls', 'wpad-basic-wolfssl', 'wpad-basic'],
    since: '19.07',
    source: 'notes',
  },
  {
    from: 'hostapd-mini',
    to: ['hostapd-basic-mbedtls', 'hostapd-basic-wolfssl', 'hostapd-basic'],
    since: '19.07',
    source: 'notes',
  },
  { from: 'wireguard', to: ['wireguard-tools'], since: '21.02', source: 'index' },
  { from: 'samba36-server', to: ['samba4-server'], since: '21.02', source: 'index' },
  { from: 'samba36-client', to: ['samba4-client'], since: '21.02', source: 'index' },
  { from: 'luci-app-samba', to: ['luci-app-samba4'], since: '21.02', source: 'index' },
  { from: 'tc', to: ['tc-tiny', 'tc-full'], since: '21.02', source: 'index' },
  { from: 'ip', to: ['ip-tiny', 'ip-full'], since: '17.01', source: 'index' },
  {
    from: 'ddns-scripts_cloudflare.com-v4',
    to: ['ddns-scripts-cloudflare'],
    since: '21.02',
    source: 'index',
  },
  { from: 'kmod-crypto-wq', to: [], since: '21.02', source: 'index' },
  { from: 'wpad-basic', to: ['wpad-basic-mbedtls', 'wpad-basic-wolfssl'], since: '21.02', source: 'notes' },
  { from: 'firewall', to: ['firewall4'], since: '22.03', source: 'asu' },
  { from: 'iptables', to: ['iptables-nft', 'iptables-zz-legacy'], since: '22.03', source: 'index' },
  { from: 'ip6tables', to: ['ip6tables-nft', 'ip6tables-zz-legacy'], since: '22.03', source: 'index' },
  { from: 'luci-app-wireguard', to: ['luci-proto-wireguard'], since: '23.05', source: 'index' },
  { from: 'kmod-nft-nat6', to: [], since: '23.05', source: 'asu' },
  { from: 'libustream-wolfssl', to: ['libustream-mbedtls'], since: '23.05', source: 'asu' },
  { from: 'px5g-wolfssl', to: ['px5g-mbedtls'], since: '23.05', source: 'asu' },
  { from: 'wpad-basic-wolfssl', to: ['wpad-basic-mbedtls'], since: '23.05', source: 'asu' },
  { from: 'luci-app-diag-core', to: [], since: '24.10', source: 'asu' },
  { from: 'auc', to: ['owut'], since: '24.10', source: 'asu' },
  { from: 'luci-app-opkg', to: ['luci-app-package-manager'], since: '24.10', source: 'asu' },
  { from: 'luci-i18n-opkg-*', to: ['luci-i18n-package-manager-*'], since: '24.10', source: 'asu' },
];

/** The entries for a name, with the rest of the name put in for `*`. */
export function renamesOf(name: string): readonly RenameEntry[] {
  return renameData.flatMap((entry) => {
    if (!entry.from.endsWith('*')) return entry.from === name ? [entry] : [];
    const prefix = entry.from.slice(0, -1);
    if (!name.startsWith(prefix) || name.length === prefix.length) return [];
    const rest = name.slice(prefix.length);
    return [{ ...entry, from: name, to: entry.to.map((text) => text.replace(/\*$/u, rest)) }];
  });
}
