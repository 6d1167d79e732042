/**
 * Packages that OpenWrt renamed, split, merged or dropped between releases. Nothing is here that was not looked up:
 *
 * - `asu`: the table of the image server (openwrt/asu, asu/config.py and asu/package_changes.py), by revision
 * - `index`: indices of releases, of which an older one (18.06 or 19.07) has the old name alone, and that of `since` the new one alone
 * - `makefile`: the old name had a Makefile in LuCI's repository and has none any more; the index of `since` has the new name
 */
export interface RenameEntry {
  /** The old name; a `*` at the end stands for the rest of the name, which stays. */
  readonly from: string;
  /** What to ask for instead, the first that there is; empty where nothing takes its place. */
  readonly to: readonly string[];
  /** A release without the old name, the first that is known. */
  readonly since: string;
  readonly source: 'asu' | 'index' | 'makefile';
}

/** By release, oldest first. */
export const renameData: readonly RenameEntry[] = [
  { from: 'tc', to: ['tc-tiny', 'tc-full'], since: '22.03', source: 'index' },
  { from: 'kmod-crypto-wq', to: [], since: '22.03', source: 'index' },
  { from: 'wpad-basic', to: ['wpad-basic-mbedtls', 'wpad-basic-wolfssl'], since: '22.03', source: 'index' },
  { from: 'firewall', to: ['firewall4'], since: '22.03', source: 'asu' },
  { from: 'iptables', to: ['iptables-nft', 'iptables-zz-legacy'], since: '22.03', source: 'index' },
  { from: 'ip6tables', to: ['ip6tables-nft', 'ip6tables-zz-legacy'], since: '22.03', source: 'index' },
  { from: 'wireguard', to: ['wireguard-tools'], since: '23.05', source: 'index' },
  { from: 'samba36-server', to: ['samba4-server'], since: '23.05', source: 'index' },
  { from: 'luci-app-samba', to: ['luci-app-samba4'], since: '23.05', source: 'index' },
  {
    from: 'luci-app-https_dns_proxy',
    to: ['luci-app-https-dns-proxy'],
    since: '23.05',
    source: 'makefile',
  },
  { from: 'luci-app-wireguard', to: ['luci-proto-wireguard'], since: '23.05', source: 'makefile' },
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
