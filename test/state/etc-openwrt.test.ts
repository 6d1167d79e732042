import { describe, expect, it } from 'vitest';
import { merge } from './etc-trees.ts';

/** Defaults as OpenWrt's releases ship them, shortened, what admins do to them, and the file that comes out. */
interface Case {
  readonly title: string;
  readonly path: string;
  readonly base: string;
  readonly live: string;
  readonly target: string;
  readonly result: string;
  /** Paths of conflicts. */
  readonly open?: readonly string[];
}

const cases: readonly Case[] = [
  {
    title:
      'dropbear: the section gets a name and new options, the admin moved the port and forbade passwords',
    path: 'config/dropbear',
    base: `config dropbear
	option PasswordAuth 'on'
	option RootPasswordAuth 'on'
	option Port         '22'
#	option BannerFile   '/etc/banner'
`,
    live: `config dropbear
	option PasswordAuth 'off'
	option RootPasswordAuth 'off'
	option Port         '2222'
#	option BannerFile   '/etc/banner'
`,
    target: `config dropbear main
	option enable '1'
	option PasswordAuth 'on'
	option RootPasswordAuth 'on'
	option Port         '22'
#	option BannerFile   '/etc/banner'
`,
    result: `config dropbear 'main'
	option PasswordAuth 'off'
	option RootPasswordAuth 'off'
	option Port         '2222'
	option enable '1'
#	option BannerFile   '/etc/banner'
`,
  },
  {
    title: 'firewall: networks become a list, the admin gave the zone another one',
    path: 'config/firewall',
    base: `config zone
	option name		lan
	option network		'lan'
	option input		ACCEPT

config zone
	option name		wan
	option network		'wan wan6'
	option masq		1
`,
    live: `config zone
	option name		lan
	option network		'lan'
	option input		ACCEPT
	option log		1

config zone
	option name		wan
	option network		'wan wan6 lte'
	option masq		1
`,
    target: `config zone
	option name		lan
	list   network		'lan'
	option input		ACCEPT

config zone
	option name		wan
	list   network		'wan'
	list   network		'wan6'
	option masq		1
`,
    result: `config zone
	option name		lan
	list network 'lan'
	option input		ACCEPT
	option log		1

config zone
	option name		wan
	option network		'wan wan6 lte'
	option masq		1
`,
    open: ['firewall.@zone[1].network'],
  },
  {
    title:
      'firewall: a rule that the admin disabled gains a type, one is new, the include of fw3 goes, the admin’s own stays',
    path: 'config/firewall',
    base: `# Allow essential incoming IPv6 ICMP traffic
config rule
	option name		Allow-ICMPv6-Input
	option src		wan
	list icmp_type		echo-request
	list icmp_type		router-advertisement
	option target		ACCEPT

# include a file with users custom iptables rules
config include
	option path /etc/firewall.user

### EXAMPLE CONFIG SECTIONS
#config rule
#	option src		lan
`,
    live: `# Allow essential incoming IPv6 ICMP traffic
config rule
	option name		Allow-ICMPv6-Input
	option src		wan
	list icmp_type		echo-request
	list icmp_type		router-advertisement
	option target		ACCEPT
	option enabled '0'

# include a file with users custom iptables rules
config include
	option path /etc/firewall.user

### EXAMPLE CONFIG SECTIONS
#config rule
#	option src		lan

config include 'mine'
	option type 'nftables'
	option path '/etc/mine.nft'
`,
    target: `# Allow essential incoming IPv6 ICMP traffic
config rule
	option name		Allow-ICMPv6-Input
	option src		wan
	list icmp_type		echo-request
	list icmp_type		echo-reply
	list icmp_type		router-advertisement
	option target		ACCEPT

config rule
	option name		Support-UDP-Traceroute
	option src		wan
	option target		REJECT

### EXAMPLE CONFIG SECTIONS
#config rule
#	option src		lan
`,
    result: `# Allow essential incoming IPv6 ICMP traffic
config rule
	option name		Allow-ICMPv6-Input
	option src		wan
	list icmp_type		echo-request
	list icmp_type 'echo-reply'
	list icmp_type		router-advertisement
	option target		ACCEPT
	option enabled '0'

config rule
	option name		Support-UDP-Traceroute
	option src		wan
	option target		REJECT

### EXAMPLE CONFIG SECTIONS
#config rule
#	option src		lan

config include 'mine'
	option type 'nftables'
	option path '/etc/mine.nft'
`,
  },
  {
    title: 'dhcp: hosts and a range of the admin, new options of both sections that stand once',
    path: 'config/dhcp',
    base: `config dnsmasq
	option domainneeded	1
	option localservice	1

config dhcp lan
	option interface	lan
	option start 	100
	option limit	150
	option leasetime	12h
`,
    live: `config dnsmasq
	option domainneeded	1
	option localservice	1
	list server '/corp/10.0.0.53'

config dhcp lan
	option interface	lan
	option start 	50
	option limit	200
	option leasetime	12h

config host
	option mac '02:00:00:00:00:01'
	option ip '192.168.1.10'
`,
    target: `config dnsmasq
	option domainneeded	1
	option localservice	1
	option ednspacket_max	1232

config dhcp lan
	option interface	lan
	option start 	100
	option limit	150
	option leasetime	12h
	option dhcpv4	server
	list ra_flags	'managed-config'

config odhcpd 'odhcpd'
	option loglevel	4
`,
    result: `config dnsmasq
	option domainneeded	1
	option localservice	1
	list server '/corp/10.0.0.53'
	option ednspacket_max '1232'

config dhcp lan
	option interface	lan
	option start 	50
	option limit	200
	option leasetime	12h
	option dhcpv4 'server'
	list ra_flags 'managed-config'

config odhcpd 'odhcpd'
	option loglevel	4

config host
	option mac '02:00:00:00:00:01'
	option ip '192.168.1.10'
`,
  },
  {
    title: 'uhttpd: the admin binds to one address, the release changes prefixes and the certificate’s days',
    path: 'config/uhttpd',
    base: `config uhttpd 'main'
	list listen_http '0.0.0.0:80'
	list listen_http '[::]:80'
	option redirect_https 0
	list lua_prefix "/cgi-bin/luci=/usr/lib/lua/luci/sgi/uhttpd.lua"

config cert defaults
	option days 730
`,
    live: `config uhttpd 'main'
	list listen_http '192.168.1.1:80'
	option redirect_https 1
	list lua_prefix "/cgi-bin/luci=/usr/lib/lua/luci/sgi/uhttpd.lua"

config cert defaults
	option days 730
`,
    target: `config uhttpd 'main'
	list listen_http '0.0.0.0:80'
	list listen_http '[::]:80'
	option redirect_https 0
	list ucode_prefix '/cgi-bin/luci=/usr/share/ucode/luci/uhttpd.uc'

config cert defaults
	option days 397
`,
    result: `config uhttpd 'main'
	list listen_http '192.168.1.1:80'
	option redirect_https 1
	list ucode_prefix '/cgi-bin/luci=/usr/share/ucode/luci/uhttpd.uc'

config cert defaults
	option days '397'
`,
  },
  {
    title:
      'network: a board’s defaults go from a switch to ports, the admin’s address and own interface stay',
    path: 'config/network',
    base: `config interface 'lan'
	option type 'bridge'
	option ifname 'eth0.1'
	option proto 'static'
	option ipaddr '192.168.1.1'

config switch
	option name 'switch0'
	option reset '1'

config switch_vlan
	option device 'switch0'
	option vlan '1'
	option ports '0 1 2 3 6t'
`,
    live: `config interface 'lan'
	option type 'bridge'
	option ifname 'eth0.1'
	option proto 'static'
	option ipaddr '10.0.0.1'

config switch
	option name 'switch0'
	option reset '1'

config switch_vlan
	option device 'switch0'
	option vlan '1'
	option ports '0 1 2 6t'

config interface 'vpn'
	option proto 'wireguard'
`,
    target: `config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'
	list ports 'lan2'

config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	option ipaddr '192.168.1.1'
`,
    result: `config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'
	list ports 'lan2'

config interface 'lan'
	option proto 'static'
	option ipaddr '10.0.0.1'
	option device 'br-lan'

config switch_vlan
	option device 'switch0'
	option vlan '1'
	option ports '0 1 2 6t'

config interface 'vpn'
	option proto 'wireguard'
`,
    open: ['network.@switch_vlan[0]'],
  },
  {
    title: 'wireless: the radio’s path and options change, name and key of the network are the admin’s',
    path: 'config/wireless',
    base: `config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/soc/a000000.wifi'
	option hwmode '11g'
	option disabled '1'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option ssid 'OpenWrt'
	option encryption 'none'
`,
    live: `config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/soc/a000000.wifi'
	option hwmode '11g'
	option country 'DE'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option ssid 'home'
	option encryption 'psk2'
	option key 'it''s secret'
`,
    target: `config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/soc@0/a000000.wifi'
	option band '2g'
	option disabled '1'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option ssid 'OpenWrt'
	option encryption 'none'
`,
    result: `config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/soc@0/a000000.wifi'
	option country 'DE'
	option band '2g'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option ssid 'home'
	option encryption 'psk2'
	option key 'it''s secret'
`,
  },
  {
    title: 'system: names and zones are the admin’s, new servers of the release come',
    path: 'config/system',
    base: `config system
	option hostname 'OpenWrt'
	option timezone 'UTC'

config timeserver 'ntp'
	list server '0.openwrt.pool.ntp.org'
	list server '1.openwrt.pool.ntp.org'
`,
    live: `config system
	option hostname 'attic'
	option timezone 'CET-1CEST,M3.5.0,M10.5.0/3'

config timeserver 'ntp'
	list server '192.168.1.5'
	list server '0.openwrt.pool.ntp.org'
	list server '1.openwrt.pool.ntp.org'
`,
    target: `config system
	option hostname 'OpenWrt'
	option timezone 'GMT0'
	option zonename 'UTC'

config timeserver 'ntp'
	option enabled '1'
	list server '0.openwrt.pool.ntp.org'
	list server '1.openwrt.pool.ntp.org'
	list server '2.openwrt.pool.ntp.org'
`,
    result: `config system
	option hostname 'attic'
	option timezone 'CET-1CEST,M3.5.0,M10.5.0/3'
	option zonename 'UTC'

config timeserver 'ntp'
	list server '192.168.1.5'
	list server '0.openwrt.pool.ntp.org'
	list server '1.openwrt.pool.ntp.org'
	list server '2.openwrt.pool.ntp.org'
	option enabled '1'
`,
    open: ['system.@system[0].timezone'],
  },
];

describe('upgrades of OpenWrt', () => {
  it.each(cases)('$title', ({ path, base, live, target, result, open = [] }) => {
    const merged = merge({ [path]: base }, { [path]: live }, { [path]: target });
    expect(merged.result[path]).toBe(result);
    const conflicts = merged.plan.conflicts.flatMap(({ options = [] }) =>
      options.map((option) => option.path),
    );
    expect(conflicts).toEqual(open);
  });
});
