import { findOption, type UciSection } from './model.ts';

/** What tells anonymous sections of one type apart. docs/formats/uci.md shows the table to admins. */
export interface NaturalKey {
  /** The package that it is for; any where it is absent. */
  readonly package?: string;
  /** The type; with a `*` at its end a prefix of it. */
  readonly type: string;
  /** Options that together name a section; the first set that is complete counts. */
  readonly keys: readonly (readonly string[])[];
  /** Such a section stands once, so that two files' only ones belong together. */
  readonly single?: boolean;
}

/** The natural keys of OpenWrt's own packages. */
export const naturalKeys: readonly NaturalKey[] = [
  { package: 'firewall', type: 'rule', keys: [['name']] },
  { package: 'firewall', type: 'redirect', keys: [['name'], ['src', 'proto', 'src_dport']] },
  { package: 'firewall', type: 'nat', keys: [['name']] },
  { package: 'firewall', type: 'zone', keys: [['name']] },
  { package: 'firewall', type: 'ipset', keys: [['name']] },
  { package: 'firewall', type: 'forwarding', keys: [['src', 'dest']] },
  { package: 'firewall', type: 'include', keys: [['path']] },
  { package: 'firewall', type: 'defaults', keys: [], single: true },
  { package: 'dhcp', type: 'dnsmasq', keys: [['instance']], single: true },
  { package: 'dhcp', type: 'host', keys: [['mac'], ['duid'], ['name'], ['ip']] },
  { package: 'dhcp', type: 'domain', keys: [['name']] },
  { package: 'dhcp', type: 'cname', keys: [['cname']] },
  { package: 'dhcp', type: 'mxhost', keys: [['domain', 'relay']] },
  { package: 'dhcp', type: 'srvhost', keys: [['srv', 'target']] },
  { package: 'dhcp', type: 'dhcp', keys: [['interface']] },
  { package: 'network', type: 'device', keys: [['name']] },
  { package: 'network', type: 'route', keys: [['interface', 'target']] },
  { package: 'network', type: 'route6', keys: [['interface', 'target']] },
  { package: 'network', type: 'rule', keys: [['priority'], ['lookup', 'src', 'dest']] },
  { package: 'network', type: 'rule6', keys: [['priority'], ['lookup', 'src', 'dest']] },
  { package: 'network', type: 'switch', keys: [['name']] },
  { package: 'network', type: 'switch_vlan', keys: [['device', 'vlan']] },
  { package: 'network', type: 'switch_port', keys: [['device', 'port']] },
  { package: 'network', type: 'bridge-vlan', keys: [['device', 'vlan']] },
  { package: 'network', type: 'wireguard_*', keys: [['public_key']] },
  { package: 'network', type: 'globals', keys: [], single: true },
  { package: 'wireless', type: 'wifi-iface', keys: [['device', 'ssid']] },
  { package: 'system', type: 'system', keys: [], single: true },
  { package: 'system', type: 'led', keys: [['sysfs'], ['name']] },
  { package: 'dropbear', type: 'dropbear', keys: [['Port', 'Interface']], single: true },
  { package: 'uhttpd', type: 'uhttpd', keys: [], single: true },
  { package: 'uhttpd', type: 'cert', keys: [], single: true },
  { package: 'rpcd', type: 'rpcd', keys: [], single: true },
  { package: 'rpcd', type: 'login', keys: [['username']] },
  { package: 'mosquitto', type: 'listener', keys: [['port']] },
  { package: 'ddns', type: 'service', keys: [['lookup_host'], ['domain']] },
];

/** The table's row for a type of a package. Without a package's name the first row of the type counts. */
export function findNaturalKey(
  table: readonly NaturalKey[],
  packageName: string | undefined,
  type: string,
): NaturalKey | undefined {
  return table.find(
    (row) =>
      (row.package === undefined || packageName === undefined || row.package === packageName) &&
      (row.type === type || (row.type.endsWith('*') && type.startsWith(row.type.slice(0, -1)))),
  );
}

/** The section's key under the row, or undefined where it has none. */
export function keyOf(section: UciSection, row: NaturalKey | undefined): string | undefined {
  for (const names of row?.keys ?? []) {
    const options = names.map((name) => findOption(section, name));
    if (options.every((option) => option !== undefined))
      return JSON.stringify(
        options.map((option) => [option.name, 'value' in option ? [option.value] : option.values]),
      );
  }
  return undefined;
}
