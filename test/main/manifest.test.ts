import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { parseManifest } from '../../src/engine/manifest.ts';
import { buildIpk, file, type Scene, startScene } from '../support/world/index.ts';

type Manifest = Record<string, unknown>;
const schema = join(import.meta.dirname, '../../docs/schema/manifest.json');
const fits = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(schema, 'utf8')));

describe.skipIf(process.getuid?.() !== 0)('a declarative manifest', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    await scene?.end();
  });

  const path = () => join(scene.folder, 'router.json');
  const write = (manifest: Manifest) => writeFileSync(path(), JSON.stringify({ manifest: 1, ...manifest }));
  const exported = () => scene.cli.json<Manifest>('export');
  const apply = (...words: string[]) =>
    scene.cli.json<{ outcome: string; install: { name: string }[] }>('apply', path(), ...words);
  const refusal = async () => {
    const ended = await scene.cli.run('apply', path(), '--json');
    const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string; hint: string } };
    return { status: ended.status, ...error };
  };
  const notes = buildIpk({
    name: 'notes',
    version: '1-r1',
    arch: 'all',
    fields: {},
    description: 'A file of the admin',
    data: [file('usr/share/notes', 'notes\n')],
    conffiles: [],
    scripts: {},
    mtime: 1_700_000_000,
  });
  const local = { name: 'notes', version: '1-r1', architecture: 'all', sha256: notes.sha256 };

  it('exports what fits the schema', async () => {
    const empty = await exported();
    expect(fits(empty), JSON.stringify(fits.errors)).toBe(true);
    expect(empty).toMatchObject({ manifest: 1, base: { ref: scene.branch }, packages: [], hold: [] });
    expect(JSON.parse(await scene.cli.ok('export'))).toEqual(empty);
  });

  it('shows the difference, makes it, and does nothing the second time', async () => {
    writeFileSync(join(scene.folder, 'notes.ipk'), notes.bytes);
    write({
      packages: ['jq', 'dnsmasq-full'],
      local: [{ ...local, file: 'notes.ipk' }],
      overrides: { remove: ['dnsmasq'], replace: [], 'replace-local': [] },
      kargs: { append: ['quiet'], delete: [] },
      feeds: [{ name: 'openwrt_packages' }],
    });
    const plan = await apply('--dry-run');
    expect(plan.install.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['jq', 'dnsmasq-full', 'notes']),
    );
    expect((await exported())['packages']).toEqual([]);
    expect((await apply()).outcome).toBe('done');
    const made = await exported();
    expect(fits(made), JSON.stringify(fits.errors)).toBe(true);
    expect(made).toMatchObject({
      packages: ['dnsmasq-full', 'jq'],
      local: [local],
      overrides: { remove: ['dnsmasq'] },
      kargs: { append: ['quiet'], delete: [] },
    });
    expect((await apply()).outcome).toBe('unchanged');
    writeFileSync(path(), JSON.stringify(made));
    expect((await apply()).outcome).toBe('unchanged');
  });

  it('leaves alone what it does not name, and empties what it names as empty', async () => {
    write({ packages: ['bc'], hold: ['bc'] });
    expect(await refusal()).toMatchObject({ status: 3, code: 'PACKAGE_UNKNOWN' });
    write({ packages: ['bc'] });
    await apply();
    expect(await exported()).toMatchObject({ packages: ['bc'], overrides: { remove: ['dnsmasq'] } });
    write({ local: [], overrides: { remove: [] }, kargs: { delete: ['quiet'] }, hold: ['bc'] });
    await apply();
    const made = await exported();
    expect(made).toMatchObject({ packages: ['bc'], local: [], overrides: { remove: [] } });
    expect(made['kargs']).toEqual({ append: [], delete: [] });
    expect(made['hold']).toEqual([expect.stringMatching(/^bc=/)]);
  });

  it('follows another branch, and brings a whole router back', async () => {
    const saved = await exported();
    const { rootfs, kernel } = scene.releases[1];
    const words = ['--repo', join(scene.sysroot, 'ostree/repo'), '--kernel', kernel, '--target', 'x86-64'];
    await scene.cli.ok('compose', rootfs, ...words, '--branch', 'openwrt/other');
    write({ base: { ref: 'openwrt/other' }, packages: ['tree'], hold: [] });
    await apply();
    expect(await exported()).toMatchObject({ base: { ref: 'openwrt/other' }, packages: ['tree'] });
    writeFileSync(path(), JSON.stringify({ ...saved, hold: [], feeds: [] }));
    await apply();
    expect(await exported()).toMatchObject({ base: { ref: scene.branch }, packages: ['bc'] });
  });

  it('says where it is wrong, and what is missing', async () => {
    write({ packges: [] });
    expect(await refusal()).toMatchObject({ code: 'CONFIG_INVALID' });
    expect((await refusal()).message).toContain("unknown key 'packges'");
    write({ packages: ['ok', 'no good'] });
    expect((await refusal()).message).toContain('packages[1]');
    write({ feeds: [{ name: 'mine', url: 'http://mine/' }] });
    const feed = await refusal();
    expect(feed).toMatchObject({ code: 'FEED_NOT_CONFIGURED' });
    expect(feed.hint).toContain('src/gz mine http://mine/');
    write({ local: [{ ...local, name: 'notes', sha256: 'a'.repeat(64) }] });
    expect((await refusal()).hint).toContain('"url"');
    write({ local: [{ ...local, sha256: 'a'.repeat(64), file: 'notes.ipk' }] });
    expect(await refusal()).toMatchObject({ status: 4, code: 'CHECKSUM_MISMATCH' });
    write({ local: [{ ...local, sha256: 'b'.repeat(64), url: `${scene.server.url}/none.ipk` }] });
    expect((await refusal()).status).toBe(7);
    writeFileSync(path(), '{');
    expect(await refusal()).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('never fails in another way, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), manifests), (text) => {
        try {
          expect(parseManifest(text, 'file')).toBeTypeOf('object');
        } catch (error) {
          expect(isOpkgOstreeError(error) && error.code).toBe('CONFIG_INVALID');
        }
      }),
    );
  });
});

/** Manifests of which most parts are nearly right. */
const manifests = fc
  .record(
    {
      manifest: fc.constant(1),
      base: fc.anything(),
      packages: fc.array(fc.oneof(fc.constantFrom('jq', 'bc=1'), fc.anything())),
      local: fc.array(fc.record({ name: fc.constant('a'), sha256: fc.anything() }, { requiredKeys: [] })),
      overrides: fc.record({ remove: fc.anything() }, { requiredKeys: [] }),
      kargs: fc.record({ append: fc.anything() }, { requiredKeys: [] }),
      feeds: fc.array(fc.anything()),
    },
    { requiredKeys: ['manifest'] },
  )
  .map((value) => JSON.stringify(value));
