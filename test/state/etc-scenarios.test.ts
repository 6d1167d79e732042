import { describe, expect, it } from 'vitest';
import { merge, type Tree } from './etc-trees.ts';

/** What upgrades meet, each with the `/etc` that comes out. Files that nobody changed are left out. */
interface Scenario {
  readonly title: string;
  readonly base: Tree;
  readonly live: Tree;
  readonly target: Tree;
  readonly result: Tree;
  readonly classes: Readonly<Record<string, string>>;
}

const firewall = (...rules: readonly string[]) => rules.map((rule) => `${rule}\n`).join('\n');
const defaults = "config defaults\n\toption input 'REJECT'\n\toption forward 'REJECT'";
const rule = (name: string, port: string, extra = '') =>
  `config rule\n\toption name '${name}'\n\toption dest_port '${port}'\n\toption target 'ACCEPT'${extra}`;
const init = (start: number) => `755|#!/bin/sh /etc/rc.common\nSTART=${start}\n`;

const scenarios: readonly Scenario[] = [
  {
    title: 'a firewall rule of the admin while the default gained another',
    base: { 'config/firewall': firewall(defaults, rule('Allow-Ping', '7')) },
    live: { 'config/firewall': firewall(defaults, rule('Allow-Ping', '7'), rule('Mine', '8080')) },
    target: { 'config/firewall': firewall(defaults, rule('Allow-Ping', '7'), rule('Allow-IGMP', '2')) },
    result: {
      'config/firewall': firewall(
        defaults,
        rule('Allow-Ping', '7'),
        rule('Allow-IGMP', '2'),
        rule('Mine', '8080'),
      ),
    },
    classes: { 'config/firewall': 'merged' },
  },
  {
    title: 'a dnsmasq option that both changed, and one that only the default changed',
    base: { 'config/dhcp': "config dnsmasq\n\toption cachesize '150'\n\toption rebind '1'\n" },
    live: { 'config/dhcp': "config dnsmasq\n\toption cachesize '8000'\n\toption rebind '1'\n" },
    target: { 'config/dhcp': "config dnsmasq\n\toption cachesize '1000'\n\toption rebind '0'\n" },
    result: {
      'config/dhcp': "config dnsmasq\n\toption cachesize '8000'\n\toption rebind '0'\n",
      'config/dhcp.opkg-ostree-new': "config dnsmasq\n\toption cachesize '1000'\n\toption rebind '0'\n",
    },
    classes: { 'config/dhcp': 'conflict' },
  },
  {
    title: 'an interface that the admin renamed',
    base: { 'config/network': "config interface 'wan'\n\toption proto 'dhcp'\n" },
    live: { 'config/network': "config interface 'uplink'\n\toption proto 'dhcp'\n" },
    target: {
      'config/network':
        "config interface 'wan'\n\toption proto 'dhcp'\n\nconfig device 'br'\n\toption name 'br-lan'\n",
    },
    result: {
      'config/network':
        "config device 'br'\n\toption name 'br-lan'\n\nconfig interface 'uplink'\n\toption proto 'dhcp'\n",
    },
    classes: { 'config/network': 'merged' },
  },
  {
    title: 'an anonymous section that the admin deleted',
    base: { 'config/firewall': firewall(defaults, rule('Allow-Ping', '7'), rule('Allow-IGMP', '2')) },
    live: { 'config/firewall': firewall(defaults, rule('Allow-IGMP', '2')) },
    target: {
      'config/firewall': firewall(
        defaults,
        rule('Allow-Ping', '7'),
        rule('Allow-IGMP', '2', "\n\toption family 'ipv4'"),
      ),
    },
    result: { 'config/firewall': firewall(defaults, rule('Allow-IGMP', '2', "\n\toption family 'ipv4'")) },
    classes: { 'config/firewall': 'merged' },
  },
  {
    title: 'a service that is disabled here while its START number moved',
    base: {
      'init.d/foo': init(50),
      'rc.d/S50foo': '-> ../init.d/foo',
      'rc.d/S10boot': '-> ../init.d/boot',
      'init.d/boot': init(10),
    },
    live: { 'init.d/foo': init(50), 'rc.d/S10boot': '-> ../init.d/boot', 'init.d/boot': init(10) },
    target: {
      'init.d/foo': init(60),
      'rc.d/S60foo': '-> ../init.d/foo',
      'rc.d/S10boot': '-> ../init.d/boot',
      'init.d/boot': init(10),
    },
    result: { 'init.d/foo': init(60), 'rc.d/S10boot': '-> ../init.d/boot', 'init.d/boot': init(10) },
    classes: { 'init.d/foo': 'deleted' },
  },
  {
    title: 'a service that is enabled here and not by default, with a moved number',
    base: { 'init.d/foo': init(50), 'rc.d/S10x': '-> ../init.d/x', 'init.d/x': init(10) },
    live: {
      'init.d/foo': init(50),
      'rc.d/S50foo': '-> ../init.d/foo',
      'rc.d/S10x': '-> ../init.d/x',
      'init.d/x': init(10),
    },
    target: { 'init.d/foo': init(60), 'rc.d/S12x': '-> ../init.d/x', 'init.d/x': init(12) },
    result: {
      'init.d/foo': init(60),
      'rc.d/S60foo': '-> ../init.d/foo',
      'rc.d/S12x': '-> ../init.d/x',
      'init.d/x': init(12),
    },
    classes: { 'init.d/foo': 'merged', 'init.d/x': 'updated' },
  },
  {
    title: 'a service that the new default disables',
    base: { 'init.d/foo': init(50), 'rc.d/S50foo': '-> ../init.d/foo' },
    live: { 'init.d/foo': init(50), 'rc.d/S50foo': '-> ../init.d/foo' },
    target: { 'init.d/foo': init(50), 'rc.d/': '' },
    result: { 'init.d/foo': init(50), 'rc.d/': '' },
    classes: { 'init.d/foo': 'updated' },
  },
  {
    title: 'uci-defaults: the same script, a changed one, a new one, one that never ran',
    base: { 'uci-defaults/10_same': 'a', 'uci-defaults/20_changed': 'v1', 'uci-defaults/40_failed': 'x' },
    live: { 'uci-defaults/40_failed': 'x' },
    target: {
      'uci-defaults/10_same': 'a',
      'uci-defaults/20_changed': 'v2',
      'uci-defaults/30_new': 'n',
      'uci-defaults/40_failed': 'x',
    },
    result: { 'uci-defaults/20_changed': 'v2', 'uci-defaults/30_new': 'n', 'uci-defaults/40_failed': 'x' },
    classes: {
      'uci-defaults/10_same': 'deleted',
      'uci-defaults/20_changed': 'updated',
      'uci-defaults/30_new': 'updated',
    },
  },
  {
    title: 'users of two packages, one of which this router knows under another id',
    base: {
      passwd: 'root:x:0:0:root:/root:/bin/ash\n',
      group: 'root:x:0:\n',
      shadow: '600|root:::0:99999:7:::\n',
    },
    live: {
      passwd: 'root:x:0:0:root:/root:/bin/zsh\nproxy:x:32768:32768:proxy:/var/run/proxy:/bin/false\n',
      group: 'root:x:0:\nproxy:x:32768:proxy\n',
      shadow: '600|root:$1$mine:19000:0:99999:7:::\nproxy:x:0:0:99999:7:::\n',
    },
    target: {
      passwd:
        'root:x:0:0:root:/root:/bin/ash\nproxy:x:40001:40001:proxy:/var/run/proxy:/bin/false\nmail:x:32768:40001:mail:/var/run/mail:/bin/false\n',
      group: 'root:x:0:\nproxy:x:40001:proxy,mail\n',
      shadow: '600|root:$5$default:0:0:99999:7:::\nproxy:x:0:0:99999:7:::\nmail:x:0:0:99999:7:::\n',
    },
    result: {
      passwd:
        'root:x:0:0:root:/root:/bin/zsh\nproxy:x:32768:32768:proxy:/var/run/proxy:/bin/false\nmail:x:55123:32768:mail:/var/run/mail:/bin/false\n',
      group: 'root:x:0:\nproxy:x:32768:proxy,mail\n',
      shadow: '600|root:$1$mine:19000:0:99999:7:::\nproxy:x:0:0:99999:7:::\nmail:x:0:0:99999:7:::\n',
    },
    classes: { passwd: 'merged', group: 'merged', shadow: 'merged' },
  },
  {
    title: 'an untouched file that became a directory',
    base: { 'dnsmasq.conf': 'a' },
    live: { 'dnsmasq.conf': 'a' },
    target: { 'dnsmasq.conf/main': 'a' },
    result: { 'dnsmasq.conf/main': 'a' },
    classes: { 'dnsmasq.conf': 'updated' },
  },
  {
    title: 'a file with comments, edited here, while the default gained an option',
    base: { 'config/system': "config system\n\toption hostname 'OpenWrt'\n" },
    live: { 'config/system': "# kitchen\nconfig system\n\t# its name\n\toption hostname 'kitchen'\n" },
    target: { 'config/system': "config system\n\toption hostname 'OpenWrt'\n\toption ttylogin '0'\n" },
    result: {
      'config/system':
        "# kitchen\nconfig system\n\t# its name\n\toption hostname 'kitchen'\n\toption ttylogin '0'\n",
    },
    classes: { 'config/system': 'merged' },
  },
  {
    title: 'a directory whose mode alone changed (libostree loses it)',
    base: { 'secret/': '755|', 'secret/a': '1' },
    live: { 'secret/': '700|', 'secret/a': '1' },
    target: { 'secret/': '755|', 'secret/a': '2' },
    result: { 'secret/': '700|', 'secret/a': '2' },
    classes: { secret: 'kept', 'secret/a': 'updated' },
  },
  {
    title: 'a deleted directory that gains new files (libostree deletes them)',
    base: { 'd/a': '1', 'd/b': '1' },
    live: {},
    target: { 'd/a': '1', 'd/b': '2', 'd/new': 'n' },
    result: { 'd/new': 'n' },
    classes: { d: 'updated', 'd/a': 'deleted', 'd/b': 'deleted', 'd/new': 'updated' },
  },
  {
    title: 'a chmod here and a new text there',
    base: { 'rc.local': 'a' },
    live: { 'rc.local': '755|a' },
    target: { 'rc.local': 'b' },
    result: { 'rc.local': '755|b' },
    classes: { 'rc.local': 'merged' },
  },
  {
    title: 'a plain file that both changed',
    base: { profile: '1', 'hotplug.d/iface/10-x': '1' },
    live: { profile: '600|mine', 'hotplug.d/iface/10-x': 'mine' },
    target: { profile: 'theirs', 'hotplug.d/iface/10-x': 'theirs' },
    result: {
      profile: '600|mine',
      'profile.opkg-ostree-new': '600|theirs',
      'hotplug.d/iface/10-x': 'mine',
      'opkg-ostree/new/': '700|',
      'opkg-ostree/new/hotplug.d/': '700|',
      'opkg-ostree/new/hotplug.d/iface/': '700|',
      'opkg-ostree/new/hotplug.d/iface/10-x.opkg-ostree-new': 'theirs',
    },
    classes: { profile: 'conflict', 'hotplug.d/iface/10-x': 'conflict' },
  },
  {
    title: 'release files, feeds, keys of the machine',
    base: {
      openwrt_release: '23',
      'opkg/distfeeds.conf': 'src 23',
      'opkg/customfeeds.conf': '#',
      'dropbear/': '700|',
    },
    live: {
      openwrt_release: '23',
      'opkg/distfeeds.conf': 'mirror 23',
      'opkg/customfeeds.conf': 'mine',
      'dropbear/': '700|',
      'dropbear/dropbear_rsa_host_key': '600|key',
    },
    target: {
      openwrt_release: '24',
      'opkg/distfeeds.conf': 'src 24',
      'opkg/customfeeds.conf': '#',
      'dropbear/': '700|',
      'dropbear/dropbear_rsa_host_key': '600|shipped by mistake',
    },
    result: {
      openwrt_release: '24',
      'opkg/distfeeds.conf': 'src 24',
      'opkg/distfeeds.conf.opkg-ostree-old': 'mirror 23',
      'opkg/customfeeds.conf': 'mine',
      'dropbear/': '700|',
      'dropbear/dropbear_rsa_host_key': '600|key',
    },
    classes: {
      openwrt_release: 'updated',
      'opkg/distfeeds.conf': 'conflict',
      'opkg/customfeeds.conf': 'kept',
      'dropbear/dropbear_rsa_host_key': 'kept',
    },
  },
  {
    title: 'links to /tmp follow the new default, a file in place of one stays',
    base: { localtime: '-> /tmp/localtime', 'resolv.conf': '-> /tmp/resolv.conf' },
    live: { localtime: '-> /tmp/TZ', 'resolv.conf': 'nameserver 1.1.1.1' },
    target: { localtime: '-> ../tmp/localtime', 'resolv.conf': '-> /tmp/resolv.conf' },
    result: { localtime: '-> ../tmp/localtime', 'resolv.conf': 'nameserver 1.1.1.1' },
    classes: { localtime: 'updated', 'resolv.conf': 'kept' },
  },
];

describe('upgrades', () => {
  it.each(scenarios)('$title', ({ base, live, target, result, classes }) => {
    const merged = merge(base, live, target);
    const { 'opkg-ostree/conflicts.json': record, ...files } = merged.result;
    expect(files).toEqual(result);
    expect(merged.classes).toEqual(classes);
    expect(record === undefined).toBe(merged.plan.conflicts.length === 0);
  });

  it.each<[string, Tree, Tree, Tree]>([
    ['a changed file that became a directory', { f: '1' }, { f: '2' }, { 'f/a': '1' }],
    ['a changed directory that became a file', { 'f/a': '1' }, { 'f/a': '2' }, { f: '1' }],
    ['a file here, a directory there', {}, { f: '1' }, { 'f/a': '1' }],
  ])('%s stops the upgrade', (_, base, live, target) => {
    expect(merge(base, live, target).classes).toMatchObject({ f: 'type-conflict' });
  });
});
