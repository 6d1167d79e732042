/** An `/etc` of a router with many packages, as three trees: old defaults, the admin's, new defaults. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** path -> content; `-> x` a symlink. */
type Files = Map<string, string>;

/** The folders of the three trees. */
export interface EtcFolders {
  readonly base: string;
  readonly live: string;
  readonly target: string;
}

/** How many of the UCI files the admin, the release, and both changed. */
export interface EtcShare {
  readonly live: number;
  readonly target: number;
  readonly both: number;
}

const uciFiles = 200;
const allFiles = 1_000;

/** Writes the three trees below `root`: 1,000 files each, 200 of them UCI. */
export function writeEtcTrees(root: string, share: EtcShare): EtcFolders {
  const base: Files = new Map();
  for (let n = 0; n < uciFiles; n++) base.set(uciPath(n), uciText(n));
  const services = 150;
  for (let n = 0; n < services; n++) {
    base.set(`init.d/service${n}`, initScript(n, 10 + (n % 80)));
    base.set(`rc.d/S${10 + (n % 80)}service${n}`, `-> ../init.d/service${n}`);
    base.set(`rc.d/K${10 + (n % 80)}service${n}`, `-> ../init.d/service${n}`);
  }
  base.set('passwd', 'root:x:0:0:root:/root:/bin/ash\ndaemon:*:1:1:daemon:/var:/bin/false\n');
  base.set('group', 'root:x:0:\ndaemon:x:1:\n');
  base.set('shadow', 'root:::0:99999:7:::\ndaemon:*:0:0:99999:7:::\n');
  base.set('openwrt_release', "DISTRIB_RELEASE='23.05.5'\n");
  const folders = [
    'hotplug.d/iface',
    'sysctl.d',
    'ssl/certs',
    'uci-defaults',
    'modules.d',
    'crontabs',
    'ppp',
  ];
  for (let n = 0; base.size < allFiles; n++) {
    const name = `${folders[n % folders.length]}/file${n}`;
    base.set(name, `# ${name}\n${'setting = some value of it\n'.repeat(1 + ((n * 37) % 150))}`);
  }
  const live = new Map(base);
  const target = new Map(base);
  for (let n = 0; n < uciFiles; n++) {
    // Spread over the kinds of files.
    const place = (n * 67) % uciFiles;
    if (place < share.both + share.live) live.set(uciPath(n), edited(uciText(n), 'mine', n));
    if (
      place < share.both ||
      (place >= share.both + share.live && place < share.both + share.live + share.target)
    )
      target.set(uciPath(n), edited(uciText(n), 'new', n));
  }
  for (const [path, content] of [...base].filter(([name]) => name.includes('/file'))) {
    const n = Number(path.slice(path.indexOf('/file') + 5));
    if (n % 25 === 0) live.set(path, `${content}mine\n`);
    if (n % 10 === 0) target.set(path, `new\n${content}`);
  }
  target.set('openwrt_release', "DISTRIB_RELEASE='24.10.1'\n");
  for (let n = 0; n < services; n += 20) live.delete(`rc.d/S${10 + (n % 80)}service${n}`);
  const write = (name: keyof EtcFolders, files: Files, shared?: Shared) =>
    writeFiles(join(root, name), files, shared);
  const first = write('base', base);
  // Both defaults are checkouts of one repository: what is equal is one file.
  return {
    base: first,
    live: write('live', live),
    target: write('target', target, { dir: first, files: base }),
  };
}

function uciPath(n: number): string {
  return `config/${['firewall', 'dhcp', 'network', 'wireless', 'app'][n % 5]}${n < 5 ? '' : n}`;
}

/** About the sizes of a router's files: a firewall of 20 sections, others of 4 to 12. */
function uciText(n: number): string {
  const kinds = [firewallText, dhcpText, networkText, wirelessText, appText];
  return (kinds[n % 5] ?? appText)(n);
}

function firewallText(n: number): string {
  const zones = ['lan', 'wan', 'guest'].map(
    (name) =>
      `config zone\n\toption name\t\t${name}\n\tlist   network\t\t'${name}'\n\toption input\t\tACCEPT\n\toption output\t\tACCEPT\n\toption forward\t\tREJECT\n`,
  );
  const rules = Array.from(
    { length: 16 },
    (_, i) =>
      `# rule ${i} of the release\nconfig rule\n\toption name\t\tAllow-${n}-${i}\n\toption src\t\twan\n\toption proto\t\tudp\n\toption dest_port\t${500 + i}\n\toption target\t\tACCEPT\n\toption family\t\tipv4\n`,
  );
  const defaults =
    'config defaults\n\toption syn_flood\t1\n\toption input\t\tREJECT\n\toption output\t\tACCEPT\n\toption forward\t\tREJECT\n';
  return [
    defaults,
    ...zones,
    'config forwarding\n\toption src\t\tlan\n\toption dest\t\twan\n',
    ...rules,
  ].join('\n');
}

function dhcpText(): string {
  const hosts = Array.from(
    { length: 8 },
    (_, i) =>
      `config host\n\toption name 'host${i}'\n\toption mac '02:00:00:00:00:0${i}'\n\toption ip '192.168.1.${10 + i}'\n`,
  );
  const dnsmasq = `config dnsmasq\n${Array.from({ length: 14 }, (_, i) => `\toption option${i} '${i}'\n`).join('')}`;
  const dhcp =
    "config dhcp 'lan'\n\toption interface 'lan'\n\toption start '100'\n\toption limit '150'\n\toption leasetime '12h'\n\tlist ra_flags 'managed-config'\n\tlist ra_flags 'other-config'\n";
  return [dnsmasq, dhcp, ...hosts].join('\n');
}

function networkText(): string {
  const interfaces = ['loopback', 'lan', 'wan', 'wan6', 'guest', 'vpn'].map(
    (name, i) =>
      `config interface '${name}'\n\toption device 'br-${name}'\n\toption proto 'static'\n\toption ipaddr '192.168.${i}.1'\n\toption netmask '255.255.255.0'\n`,
  );
  const devices = ['br-lan', 'br-guest'].map(
    (name) =>
      `config device\n\toption name '${name}'\n\toption type 'bridge'\n\tlist ports 'lan1'\n\tlist ports 'lan2'\n`,
  );
  return [...interfaces, ...devices].join('\n');
}

function wirelessText(): string {
  return [0, 1]
    .flatMap((i) => [
      `config wifi-device 'radio${i}'\n\toption type 'mac80211'\n\toption path 'soc/1812000${i}.wmac'\n\toption channel 'auto'\n\toption band '2g'\n\toption htmode 'HT20'\n`,
      `config wifi-iface 'default_radio${i}'\n\toption device 'radio${i}'\n\toption network 'lan'\n\toption mode 'ap'\n\toption ssid 'OpenWrt'\n\toption encryption 'none'\n`,
    ])
    .join('\n');
}

function appText(n: number): string {
  const main = `config app 'main'\n\toption enabled '0'\n${Array.from({ length: 10 }, (_, i) => `\toption setting${i} 'value ${n} ${i}'\n`).join('')}`;
  return `# defaults of app ${n}\n\n${main}\nconfig server\n\toption name 'one'\n\toption url 'https://one.example/${n}'\n`;
}

/** A side's changes: an option's value, a section more at the end, and for the admin a comment. */
function edited(text: string, side: 'mine' | 'new', n: number): string {
  const lines = text.split('\n');
  const options = lines.flatMap((line, index) =>
    /^\toption (?!name|mac|src|device)/u.test(line) ? [index] : [],
  );
  const at = options[(n * 13 + (side === 'mine' ? 0 : 3)) % options.length] ?? 0;
  lines[at] = (lines[at] ?? '').replace(/^(\toption \S+\s+).*$/u, `$1'${side}'`);
  const added = `\nconfig rule\n\toption name '${side}'\n\toption target 'ACCEPT'\n\toption proto '${side === 'mine' ? 'tcp' : 'udp'}'\n`;
  return `${side === 'mine' ? '# edited here\n' : ''}${lines.join('\n')}${added}`;
}

function initScript(n: number, start: number): string {
  return `#!/bin/sh /etc/rc.common\n\nSTART=${start}\nSTOP=${start}\nUSE_PROCD=1\n\nstart_service() {\n\tprocd_open_instance\n\tprocd_set_param command /usr/sbin/service${n}\n\tprocd_close_instance\n}\n${'# more of it\n'.repeat(n % 60)}`;
}

interface Shared {
  readonly dir: string;
  readonly files: Files;
}

function writeFiles(dir: string, files: Files, shared?: Shared): string {
  for (const [path, content] of files) {
    const at = join(dir, path);
    mkdirSync(dirname(at), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), at);
    else if (shared?.files.get(path) === content) linkSync(join(shared.dir, path), at);
    else writeFileSync(at, content);
  }
  return dir;
}
