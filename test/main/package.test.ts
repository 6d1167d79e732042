/** The packages that `npm run package` makes: the same bytes each time, installed by the real opkg and by us alike. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUsignPublicKey, parseUsignSignature, verifyUsign } from '../../src/ipk/usign.ts';
import { buildIndex, buildIpk } from '../support/ipk.ts';
import { readTar } from '../support/world/build/deb.ts';
import {
  ensureBundle,
  FeedServer,
  newFolder,
  realRootPath,
  removeFolder,
  type Scene,
  startScene,
} from '../support/world/index.ts';
import { repoRoot } from '../support/world/repo-root.ts';

const { version }: { version: string } = JSON.parse(fs.readFileSync(join(repoRoot, 'package.json'), 'utf8'));
const ours = ['luci-app-opkg-ostree', 'opkg-ostree', 'opkg-ostree-boot'];
/** What they need and a test does not. */
const stubs = ['flock', 'luci-base', 'node', 'rpcd'];
const realRoot = realRootPath();

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const ipk = (name: string) => at('feed', `${name}_${version}_all.ipk`);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function makePackages(output: string): void {
  execFileSync(
    process.execPath,
    ['tools/package.mjs', '--no-build', '--output', output, '--sign-key', at('key')],
    { cwd: repoRoot, env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' }, stdio: 'pipe' },
  );
}

/** The files of a package by their path, and the members of its control archive. */
async function contents(name: string) {
  const outer = await readTar(gunzipSync(fs.readFileSync(ipk(name))));
  const member = async (path: string) => {
    const found = outer.find((entry) => entry.path === path);
    return readTar(gunzipSync(found?.content ?? new Uint8Array()));
  };
  const [data, control] = [await member('data.tar.gz'), await member('control.tar.gz')];
  const files = data.filter((entry) => entry.content !== undefined && entry.path !== '');
  return {
    files: new Map(
      files.map((entry) => [entry.path, { bytes: entry.content ?? new Uint8Array(), mode: entry.mode }]),
    ),
    control: new Map(control.map((entry) => [entry.path, Buffer.from(entry.content ?? []).toString()])),
  };
}

function writeStubs(): void {
  fs.mkdirSync(at('stubs'));
  const entries = stubs.map((name) => {
    const control = { Package: name, Version: '1-1', Architecture: 'all', Description: 'stands in' };
    const fileName = `${name}_1-1_all.ipk`;
    const bytes = buildIpk({ control });
    fs.writeFileSync(at('stubs', fileName), bytes);
    return { fileName, bytes, control };
  });
  fs.writeFileSync(at('stubs/Packages'), buildIndex(entries));
  execFileSync('gzip', ['-nk', at('stubs/Packages')]);
}

beforeAll(() => {
  folder = newFolder('package');
  ensureBundle();
  execFileSync(process.execPath, ['tools/package.mjs', '--generate-key', at('key')], {
    cwd: repoRoot,
    stdio: 'pipe',
  });
  makePackages(at('feed'));
  writeStubs();
});
afterAll(() => removeFolder(folder));

describe('npm run package', () => {
  it('makes the same bytes again', () => {
    makePackages(at('again'));
    const names = fs.readdirSync(at('feed')).sort();
    expect(fs.readdirSync(at('again')).sort()).toEqual(names);
    for (const name of names)
      expect(digest(fs.readFileSync(at('again', name))), name).toBe(
        digest(fs.readFileSync(at('feed', name))),
      );
  });

  it('signs the index, which names every file with its digest', () => {
    const index = fs.readFileSync(at('feed/Packages'));
    expect(gunzipSync(fs.readFileSync(at('feed/Packages.gz')))).toEqual(index);
    const name = fs.readdirSync(at('feed')).find((file) => file.endsWith('.pub')) ?? '';
    const key = parseUsignPublicKey(fs.readFileSync(at('feed', name), 'utf8'));
    expect(name).toBe(`${key.fingerprint}.pub`);
    const signature = parseUsignSignature(fs.readFileSync(at('feed/Packages.sig'), 'utf8'));
    verifyUsign(index, signature, new Map([[key.fingerprint, key]]));
    for (const each of ours) {
      const bytes = fs.readFileSync(ipk(each));
      expect(index.toString()).toContain(
        `Filename: ${basename(ipk(each))}\nSize: ${bytes.length}\nSHA256sum: ${digest(bytes)}\n`,
      );
    }
  });

  it('gives no file to two packages, and each file of the product to one', async () => {
    const all = await Promise.all(ours.map(async (name) => [...(await contents(name)).files.keys()]));
    const paths = all.flat();
    expect(new Set(paths).size).toBe(paths.length);
    const shipped = execFileSync('git', ['ls-files', 'files'], { cwd: repoRoot, encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((path) => path.slice('files/'.length));
    // base-files' own, which compose changes in place
    expect(shipped.filter((path) => !paths.includes(path))).toEqual(['etc/rc.button/reset']);
  });

  it('keeps the makefile for OpenWrt at this version and with these scripts', async () => {
    const makefile = fs.readFileSync(join(repoRoot, 'packaging/openwrt/opkg-ostree/Makefile'), 'utf8');
    expect(makefile).toContain(`PKG_VERSION:=${version}\n`);
    for (const name of ours) {
      expect(makefile).toContain(`$(eval $(call BuildPackage,${name}))\n`);
      const { control } = await contents(name);
      const own = control.get('postinst-pkg');
      if (own !== undefined)
        expect(makefile).toContain(
          `define Package/${name}/postinst\n#!/bin/sh\n${own.replaceAll('$', '$$$$')}endef\n`,
        );
    }
  });
});

/** A router whose feeds are ours and the stand-ins'. */
async function useOurFeeds(scene: Scene, server: FeedServer): Promise<void> {
  await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
  await scene.compose(0);
  await scene.cli.ok('deploy', scene.branch);
  const root = (await scene.deployments())[0]?.path ?? '';
  const keyFile = fs.readdirSync(at('feed')).find((file) => file.endsWith('.pub')) ?? '';
  fs.mkdirSync(join(root, 'etc/opkg/keys'), { recursive: true });
  fs.copyFileSync(at('feed', keyFile), join(root, 'etc/opkg/keys', basename(keyFile, '.pub')));
  fs.writeFileSync(join(root, 'etc/opkg/distfeeds.conf'), '');
  fs.writeFileSync(join(root, 'etc/opkg/customfeeds.conf'), `src/gz ours ${server.url}/feed\n`);
  await scene.cli.ok('update');
}

const roots: { readonly name: string; readonly root: string | undefined }[] = [
  { name: 'the fixture', root: undefined },
  ...(realRoot === undefined ? [] : [{ name: 'OPENWRT_ROOTFS', root: realRoot }]),
];
describe.each(roots)('layered on $name', ({ root }) => {
  let scene: Scene;
  let server: FeedServer;
  beforeAll(async () => {
    scene = await startScene(root);
    server = await FeedServer.start(folder);
    await useOurFeeds(scene, server);
  });
  afterAll(async () => {
    await scene.end();
    await server.close();
  });

  it('owns as package opkg-ostree-boot what compose has put there', async () => {
    const path = (await scene.deployments())[0]?.path ?? '';
    const composed = fs.readFileSync(join(path, 'usr/lib/opkg/info/opkg-ostree-boot.list'), 'utf8');
    const { files } = await contents('opkg-ostree-boot');
    // On a deployment /lib is /usr/lib: compose registers the paths as packages name them.
    const runtime = (paths: string[]) => paths.map((line) => line.replace(/^\/usr\/lib\//u, '/lib/')).sort();
    expect(runtime([...files.keys()].map((file) => `/${file}`))).toEqual(
      runtime(composed.trim().split('\n')),
    );
  });

  it('needs no script, and no sandbox', async () => {
    const base = (await scene.deployments())[0]?.path ?? '';
    const absent = stubs.filter((name) => !fs.existsSync(join(base, 'usr/lib/opkg/info', `${name}.control`)));
    const stand = absent.map((name) => at('stubs', `${name}_1-1_all.ipk`));
    const words = ['install', ...stand, 'opkg-ostree', 'luci-app-opkg-ostree'];
    const plan = await scene.cli.ok(...words, '--dry-run', '--json');
    expect(plan).toMatch(/"scripts":\s*"native"/u);
    expect(plan).not.toMatch(/"scripts":\s*"(?:sandboxed|deferred|unknown)"/u);
    await scene.cli.ok(...words);
    const path = (await scene.deployments())[0]?.path ?? '';
    for (const name of ['opkg-ostree', 'luci-app-opkg-ostree']) {
      for (const [file, { bytes, mode }] of (await contents(name)).files) {
        const stat = fs.statSync(join(path, file));
        expect([file, digest(fs.readFileSync(join(path, file))), stat.mode & 0o7777]).toEqual([
          file,
          digest(bytes),
          mode,
        ]);
      }
    }
    const links = fs.readdirSync(join(path, 'etc/rc.d'));
    expect(links).toEqual(
      expect.arrayContaining(['S98opkg-ostree-auto', 'S99opkg-ostree', 'K89opkg-ostree-etc']),
    );
  });

  it('shows itself, and upgrades itself', async () => {
    const self = await scene.cli.json<{ deployments: { version: string | null }[] }>('self');
    expect(self).toMatchObject({ version });
    expect(self.deployments.map((entry) => entry.version)).toEqual([version, null]);
    expect((await scene.cli.run('self', 'upgrade')).status).toBe(0);
    expect(await scene.deployments()).toHaveLength(2);
  });
});

describe.skipIf(realRoot === undefined)('installed by the real opkg (needs OPENWRT_ROOTFS)', () => {
  let root: string;
  const chroot = (...words: string[]) =>
    spawnSync('chroot', [root, ...words], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
  const opkg = (...words: string[]) => chroot('/bin/opkg', ...words);

  beforeAll(() => {
    root = at('stock');
    fs.mkdirSync(root);
    execFileSync('tar', ['xf', realRoot ?? '', '-C', root]);
    for (const path of ['tmp/lock', 'tmp/run', 'tmp/ipk', 'etc/crontabs'])
      fs.mkdirSync(join(root, path), { recursive: true });
    for (const name of stubs.filter(
      (each) => !fs.existsSync(join(root, 'usr/lib/opkg/info', `${each}.control`)),
    ))
      fs.copyFileSync(at('stubs', `${name}_1-1_all.ipk`), join(root, 'tmp/ipk', `${name}.ipk`));
    for (const name of ours) fs.copyFileSync(ipk(name), join(root, 'tmp/ipk', `${name}.ipk`));
    fs.mkdirSync(join(root, 'dev'), { recursive: true });
    execFileSync('mknod', [join(root, 'dev/null'), 'c', '1', '3']);
  });

  it('is all there, with its services enabled', async () => {
    const files = fs.readdirSync(join(root, 'tmp/ipk')).map((name) => `/tmp/ipk/${name}`);
    const installed = opkg('install', ...files);
    expect([installed.status, installed.stderr.replace(/^Failed to connect to ubus\n/gmu, '')]).toEqual([
      0,
      '',
    ]);
    for (const name of ours) {
      const { files: expected } = await contents(name);
      const list = fs.readFileSync(join(root, 'usr/lib/opkg/info', `${name}.list`), 'utf8');
      expect(list.trim().split('\n').sort()).toEqual([...expected.keys()].map((path) => `/${path}`).sort());
      for (const [path, { bytes, mode }] of expected) {
        expect(digest(fs.readFileSync(join(root, path))), path).toBe(digest(bytes));
        expect(fs.statSync(join(root, path)).mode & 0o7777, path).toBe(mode);
      }
    }
    const links = fs.readdirSync(join(root, 'etc/rc.d'));
    expect(links).toEqual(
      expect.arrayContaining(['S98opkg-ostree-auto', 'S99opkg-ostree', 'K89opkg-ostree-etc']),
    );
  });

  it('runs with Node', () => {
    const needed = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/gu);
    for (const [, path = ''] of needed) {
      fs.mkdirSync(join(root, path, '..'), { recursive: true });
      fs.copyFileSync(path, join(root, path));
    }
    fs.copyFileSync(process.execPath, join(root, 'usr/bin/node'));
    fs.chmodSync(join(root, 'usr/bin/node'), 0o755);
    expect(chroot('/usr/bin/opkg-ostree', '--version')).toMatchObject({
      status: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
    // The stock system's own commands stay what they were.
    expect(chroot('/usr/sbin/opkg', 'list-installed').stdout).toContain(`opkg-ostree - ${version}\n`);
    expect(chroot('/usr/sbin/sysupgrade', '--help').stdout).not.toContain('opkg-ostree');
  });

  it('schedules by the real uci, and cleans up when it is removed', () => {
    expect(chroot('/usr/lib/opkg-ostree/automatic', 'check-config')).toMatchObject({ status: 0 });
    const settings = join(root, 'etc/config/opkg-ostree');
    fs.writeFileSync(settings, fs.readFileSync(settings, 'utf8').replace("policy 'none'", "policy 'stage'"));
    expect(chroot('/etc/init.d/opkg-ostree-auto', 'start').status).toBe(0);
    const crontab = () => fs.readFileSync(join(root, 'etc/crontabs/root'), 'utf8');
    expect(crontab()).toMatch(/^0 3 \* \* \* .*opkg-ostree\/automatic cron/mu);
    expect(opkg('remove', 'luci-app-opkg-ostree').status).toBe(0);
    expect(opkg('remove', 'opkg-ostree').status).toBe(0);
    expect(crontab()).not.toContain('opkg-ostree');
    expect(fs.readdirSync(join(root, 'etc/rc.d')).filter((name) => name.includes('-auto'))).toEqual([]);
    expect(fs.existsSync(join(root, 'usr/lib/opkg-ostree/opkg-ostree.mjs'))).toBe(false);
  });
});
