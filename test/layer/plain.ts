/**
 * The second path to a layered tree: check the base out with the real ostree, unpack packages with tar, let the
 * base's own shell library (where it has one) or a few lines of our own do what default_postinst does, and commit the
 * directory with the real ostree. It shares no code with src/layer.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface PlainPackage {
  readonly name: string;
  readonly ipk: Uint8Array;
  readonly requested: boolean;
  /** Lines of the status paragraph between Package and Installed-Time, without Status. */
  readonly before: string;
  readonly after: string;
}

export interface PlainOptions {
  readonly repo: string;
  readonly base: string;
  readonly work: string;
  readonly timestamp: number;
  /** True: the tree's own default_postinst does accounts, scripts and links. */
  readonly reference: boolean;
}

const heads: readonly (readonly [string, string])[] = [
  ['bin/', 'usr/bin/'],
  ['sbin/', 'usr/sbin/'],
  ['lib/', 'usr/lib/'],
  ['www/', 'usr/www/'],
  ['etc/', 'usr/etc/'],
  ['var/', 'usr/share/factory/var/'],
];

/** Builds the tree below `work` and commits it; the commit's checksum. Packages come in dependency order. */
export function plainCommit(packages: readonly PlainPackage[], options: PlainOptions): string {
  const dir = join(options.work, 'plain');
  run('ostree', `--repo=${options.repo}`, 'checkout', '--force-copy', options.base, dir);
  for (const pkg of packages) unpack(pkg, dir, options);
  writeStatus(packages, dir, options.timestamp);
  symlinkSync('usr/etc', join(dir, 'etc'));
  for (const pkg of packages) {
    if (options.reference) postinst(pkg.name, dir, dir);
    else byHand(pkg.name, dir);
  }
  rmSync(join(dir, 'etc'));
  const out = run(
    'ostree',
    `--repo=${options.repo}`,
    'commit',
    '--orphan',
    `--tree=dir=${dir}`,
    '--timestamp=@1',
  );
  rmSync(dir, { recursive: true });
  return out.trim();
}

function unpack(pkg: PlainPackage, dir: string, options: PlainOptions): void {
  const stage = join(options.work, `stage-${pkg.name}`);
  for (const part of ['data', 'control']) mkdirSync(join(stage, part), { recursive: true });
  writeFileSync(join(stage, 'ipk'), pkg.ipk);
  run('tar', '-xzf', join(stage, 'ipk'), '-C', stage);
  run('tar', '-xpzf', join(stage, 'data.tar.gz'), '--numeric-owner', '-C', join(stage, 'data'));
  run('tar', '-xpzf', join(stage, 'control.tar.gz'), '-C', join(stage, 'control'));
  const list: string[] = [];
  copyTree(join(stage, 'data'), '', dir, list);
  const info = join(dir, 'usr/lib/opkg/info');
  mkdirSync(info, { recursive: true });
  const put = (member: string, content: Uint8Array | string, mode: number) => {
    writeFileSync(join(info, `${pkg.name}.${member}`), content, { mode });
  };
  put(
    'list',
    list
      .sort()
      .map((path) => `/${path}\n`)
      .join(''),
    0o644,
  );
  for (const member of readdirSync(join(stage, 'control'))) {
    put(member, readFileSync(join(stage, 'control', member)), /inst|rm/u.test(member) ? 0o755 : 0o644);
  }
  rmSync(stage, { recursive: true });
}

function copyTree(from: string, path: string, to: string, list: string[]): void {
  for (const name of readdirSync(join(from, path))) {
    const inner = path === '' ? name : `${path}/${name}`;
    const [head = '', place = ''] = heads.find(([h]) => `${inner}/`.startsWith(h)) ?? [];
    const target = join(to, (place + `${inner}/`.slice(head.length)).replace(/\/$/u, ''));
    const stats = lstatSync(join(from, inner));
    if (stats.isDirectory()) {
      if (!existsSync(target)) {
        mkdirSync(dirname(target), { recursive: true });
        mkdirSync(target);
        chownSync(target, stats.uid, stats.gid);
        chmodSync(target, stats.mode & 0o7777);
      }
      copyTree(from, inner, to, list);
      continue;
    }
    list.push(inner);
    const busybox = (at: string) =>
      lstatSync(at).isSymbolicLink() && basename(readlinkSync(at)) === 'busybox';
    const present = lstatSync(target, { throwIfNoEntry: false });
    if (present !== undefined && busybox(join(from, inner))) continue;
    if (present !== undefined && !busybox(target)) throw new Error(`${inner} is there`);
    rmSync(target, { force: true });
    run('cp', '-a', '-T', join(from, inner), target);
  }
}

function writeStatus(packages: readonly PlainPackage[], dir: string, timestamp: number): void {
  const status = join(dir, 'usr/lib/opkg/status');
  for (const pkg of [...packages].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const state = pkg.requested ? 'install user installed' : 'install ok installed';
    const auto = pkg.requested ? '' : 'Auto-Installed: yes\n';
    const text = `Package: ${pkg.name}\n${pkg.before}Status: ${state}\n${pkg.after}Installed-Time: ${timestamp}\n${auto}\n`;
    appendFileSync(status, text);
  }
}

/** As an image builder: the package's own postinst with a shell of this host. */
function postinst(name: string, dir: string, root: string): void {
  const script = join(dir, `usr/lib/opkg/info/${name}.postinst`);
  if (!existsSync(script)) return;
  execFileSync('/bin/sh', [script, 'configure'], {
    env: { PATH: process.env['PATH'] ?? '', IPKG_INSTROOT: root, PKG_ROOT: `${root}/` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function byHand(name: string, dir: string): void {
  const info = (member: string) => join(dir, `usr/lib/opkg/info/${name}.${member}`);
  const wish = /^Require-User: (\S+):\S+$/mu.exec(readFileSync(info('control'), 'utf8'))?.[1];
  if (wish !== undefined) {
    const id = 32768 + (createHash('sha256').update(wish).digest().readUInt32BE(0) % 32766);
    appendFileSync(join(dir, 'usr/etc/group'), `${wish}:x:${id}:${wish}\n`);
    appendFileSync(
      join(dir, 'usr/etc/passwd'),
      `${wish}:x:${id}:${id}:${wish}:/var/run/${wish}:/bin/false\n`,
    );
    appendFileSync(join(dir, 'usr/etc/shadow'), `${wish}:x:0:0:99999:7:::\n`);
  }
  if (existsSync(info('postinst-pkg'))) {
    copyFileSync(info('postinst-pkg'), join(dir, 'tmp/script'));
    execFileSync('/bin/sh', [join(dir, 'tmp/script')], {
      env: { PATH: process.env['PATH'] ?? '', IPKG_INSTROOT: dir },
    });
    rmSync(join(dir, 'tmp/script'));
  }
  for (const path of readFileSync(info('list'), 'utf8').split('\n')) {
    const service = /^\/etc\/init\.d\/(.*)$/u.exec(path)?.[1];
    if (service === undefined) continue;
    const text = readFileSync(join(dir, 'usr/etc/init.d', service), 'utf8');
    for (const [letter, variable] of [
      ['S', 'START'],
      ['K', 'STOP'],
    ]) {
      const number = new RegExp(`^${variable}=(\\d+)$`, 'mu').exec(text)?.[1];
      if (number !== undefined)
        symlinkSync(`../init.d/${service}`, join(dir, `usr/etc/rc.d/${letter}${number}${service}`));
    }
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
