/** The face on a plain root whose feed is behind HTTP: signatures, the cache, downloads without installing, verbosity. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildIpk,
  type Ended,
  ensureBundle,
  FeedServer,
  file,
  fixtureKey,
  runProgram,
  writeFeed,
} from '../support/world/index.ts';

const key = fixtureKey('world');

describe.skipIf(process.getuid?.() !== 0)('opkg on a plain root with a feed behind HTTP (needs root)', () => {
  let folder: string;
  let root: string;
  let server: FeedServer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'opkg-network-'));
    for (const name of ['feed', 'here', 'cache']) mkdirSync(join(folder, name));
    const one = (name: string, fields: Readonly<Record<string, string>> = {}) =>
      buildIpk({
        name,
        version: '1-r1',
        arch: 'all',
        fields,
        description: name,
        data: [file(`usr/share/${name}`, name)],
        conffiles: [],
        scripts: {},
        mtime: 1_700_000_000,
      });
    writeFeed(join(folder, 'feed'), [one('app', { Depends: 'lib' }), one('lib')], key);
    server = await FeedServer.start(join(folder, 'feed'));
    root = makeRoot('root');
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const makeRoot = (name: string): string => {
    const made = join(folder, name);
    for (const path of ['var/lock', 'tmp', 'usr/lib/opkg/info', 'etc/opkg/keys'])
      mkdirSync(join(made, path), { recursive: true });
    writeFileSync(join(made, 'usr/lib/opkg/status'), '');
    writeFileSync(join(made, 'etc/opkg/keys', key.fingerprint), key.publicText);
    const conf = `dest root /\nlists_dir ext /lists\narch all 1\noption check_signature\nsrc/gz own ${server.url}\n`;
    writeFileSync(join(made, 'etc/opkg/own.conf'), conf);
    return made;
  };
  const opkg = (line: string, target = root): Promise<Ended> =>
    runProgram(process.execPath, [ensureBundle(), 'opkg', '-o', target, ...line.split(' ')], {
      cwd: join(folder, 'here'),
    });
  const list = () => join(root, 'lists/own');

  it('verifies the list, and installs what the list names', async () => {
    const update = await opkg('update');
    expect(update).toMatchObject({ status: 0, stderr: '' });
    expect(update.stdout).toMatch(/^Signature check passed\.$/mu);
    expect(await opkg('install app')).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(root, 'usr/share/app'), 'utf8')).toBe('app');
  });

  it.each([
    ['whose signer is not known', () => rmSync(join(root, 'etc/opkg/keys', key.fingerprint))],
    ['that was changed', () => server.fail('Packages.gz', { kind: 'corrupt' })],
  ])('throws a list away %s', async (_, spoil) => {
    spoil();
    const update = await opkg('update');
    expect(update.stdout).toMatch(/^Signature check failed\.$/mu);
    expect(existsSync(list())).toBe(false);
    expect((await opkg('install app')).status).toBe(255);
    expect(existsSync(join(root, 'usr/share/app'))).toBe(false);
  });

  it('verifies the list again before it installs, unless it is told not to', async () => {
    await opkg('update');
    rmSync(`${list()}.sig`);
    const refused = await opkg('install lib');
    expect(refused.status).toBe(255);
    expect(refused.stderr).toContain('Signature file is missing for lib.');
    expect(existsSync(join(root, 'usr/share/lib'))).toBe(false);
    expect(await opkg('--force-signature install lib')).toMatchObject({ status: 0 });
    expect(existsSync(join(root, 'usr/share/lib'))).toBe(true);
  });

  it('a list that somebody changed is refused', async () => {
    await opkg('update');
    appendFileSync(list(), 'x');
    const refused = await opkg('install lib');
    expect(refused.status).toBe(255);
    expect(existsSync(join(root, 'usr/share/lib'))).toBe(false);
  });

  it('a root without check_signature needs none', async () => {
    const conf = join(root, 'etc/opkg/own.conf');
    writeFileSync(conf, readFileSync(conf, 'utf8').replace('option check_signature\n', ''));
    expect((await opkg('update')).stdout).not.toContain('ignature');
    expect(server.count('.sig')).toBe(0);
    expect(await opkg('install lib')).toMatchObject({ status: 0 });
  });

  it('a package that is not what the list says is refused', async () => {
    await opkg('update');
    server.fail('.ipk', { kind: 'corrupt' });
    const refused = await opkg('install lib');
    expect(refused.status).toBe(255);
    expect(refused.stderr).toContain('Checksum or size mismatch for package lib.');
    expect(existsSync(join(root, 'usr/share/lib'))).toBe(false);
  });

  it('--cache keeps packages for other roots, and takes a damaged one for none', async () => {
    const cache = join(folder, 'cache');
    await opkg('update');
    expect(await opkg(`--cache ${cache} install app`)).toMatchObject({ status: 0 });
    expect(readdirSync(cache)).toHaveLength(2);
    expect(server.count('.ipk')).toBe(2);
    const second = makeRoot('second');
    await opkg('update', second);
    const again = await opkg(`--cache ${cache} install app`, second);
    expect(again).toMatchObject({ status: 0 });
    expect(again.stdout).toMatch(/^Copying \S+\.ipk\.$/mu);
    expect(server.count('.ipk')).toBe(2);
    for (const name of readdirSync(cache)) appendFileSync(join(cache, name), 'x');
    const third = makeRoot('third');
    await opkg('update', third);
    const mended = await opkg(`--cache ${cache} install app`, third);
    expect(mended).toMatchObject({ status: 0 });
    expect(mended.stdout).toMatch(/^Removing app from cache because it has incorrect checksum\.$/mu);
    expect(server.count('.ipk')).toBe(4);
  });

  it('--download-only leaves the packages in the current folder and the root as it was', async () => {
    await opkg('update');
    const before = readFileSync(join(root, 'usr/lib/opkg/status'), 'utf8');
    expect(await opkg('--download-only install app')).toMatchObject({ status: 0 });
    expect(readdirSync(join(folder, 'here')).sort()).toEqual([
      expect.stringMatching(/^app_/u),
      expect.stringMatching(/^lib_/u),
    ]);
    expect(readFileSync(join(root, 'usr/lib/opkg/status'), 'utf8')).toBe(before);
    expect(readdirSync(join(root, 'usr/lib/opkg/info'))).toEqual([]);
  });

  it('says more with each -V, and nothing but errors with -V0', async () => {
    await opkg('update');
    expect((await opkg('-V0 install lib')).stdout).toBe('');
    const [plain, more] = [
      await opkg('-V1 --noaction install app'),
      await opkg('-V2 --noaction install app'),
    ];
    expect(plain.stdout).not.toMatch(/^\w+: /mu);
    expect(more.stdout).toMatch(/^opkg_configure_packages: /mu);
    for (const line of plain.stdout.split('\n')) expect(more.stdout).toContain(line);
    for (const level of ['-V3', '-V4'])
      expect(await opkg(`${level} --noaction install app`)).toMatchObject({ status: 0, stderr: '' });
  });
});
