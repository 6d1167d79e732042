/**
 * LuCI's package page over the face: its backend, a shell script, run whole on a deployment. Only paths of the running system are
 * put below the scene's folder, and jshn is a stand-in; the shell is OpenWrt's. OPENWRT_LUCI names a checkout of LuCI.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, runProgram, type Scene, startScene } from '../support/world/index.ts';

const luci = process.env['OPENWRT_LUCI'] ?? '';
const backends = [
  'luci-app-opkg/root/usr/libexec/opkg-call',
  'luci-app-package-manager/root/usr/libexec/package-manager-call',
].filter((path) => luci !== '' && existsSync(join(luci, 'applications', path)));
const canRun = process.getuid?.() === 0 && backends.length > 0;

interface Answer {
  readonly code: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** What jshn.sh offers, as far as the backends call it: values are kept as files, and printed as JSON by Node. */
const jshn = (folder: string) => `json_init() { rm -rf ${folder}/json; mkdir ${folder}/json; }
json_add_int() { printf %s "$2" >${folder}/json/$1.int; }
json_add_string() { printf %s "$2" >${folder}/json/$1.string; }
json_dump() { '${process.execPath}' -e '
const fs = require("fs");
const out = {};
for (const name of fs.readdirSync("${folder}/json")) {
  const text = fs.readFileSync("${folder}/json/" + name, "utf8");
  const [key, type] = name.split(".");
  out[key] = type === "int" ? Number(text) : text;
}
console.log(JSON.stringify(out));'; }
`;

/** Without a checkout the tests are there all the same, and skipped. */
const shown = backends.length > 0 ? backends : ['opkg-call'];

describe.skipIf(!canRun).each(shown)('%s (needs OPENWRT_LUCI and root)', (path) => {
  let scene: Scene;
  let script: string;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    const bin = join(scene.folder, 'bin');
    mkdirSync(bin);
    const opkg = `#!/bin/sh\nOPKG_OSTREE_SYSROOT='${scene.sysroot}' exec '${process.execPath}' '${ensureBundle()}' opkg "$@"\n`;
    writeFileSync(join(bin, 'opkg'), opkg);
    chmodSync(join(bin, 'opkg'), 0o755);
    writeFileSync(join(scene.folder, 'jshn.sh'), jshn(scene.folder));
    script = join(scene.folder, 'backend');
  });
  afterAll(() => scene?.end());

  /** The backend with the running system's paths put where the next deployment has them. */
  const call = async (...words: string[]) => {
    const [next] = await scene.deployments();
    const lists = join(scene.sysroot, 'ostree/deploy/openwrt/var/lib/opkg-ostree/opkg-lists');
    const text = readFileSync(join(luci, 'applications', path), 'utf8')
      .replaceAll('/usr/share/libubox/jshn.sh', join(scene.folder, 'jshn.sh'))
      .replaceAll('/usr/bin/apk', '/nonexistent')
      .replaceAll('/usr/lib/opkg/status', join(next?.path ?? '', 'usr/lib/opkg/status'))
      .replaceAll(/\/etc\/opkg/gu, join(next?.path ?? '', 'etc/opkg'))
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
      .replaceAll('${lists_dir:-/usr/lib/opkg/lists}', lists)
      .replaceAll(/\/tmp\/([io]pkg)\./gu, `${scene.folder}/$1.`);
    writeFileSync(script, text);
    const env = { PATH: `${join(scene.folder, 'bin')}:${process.env['PATH'] ?? ''}` };
    const ended = await runProgram('busybox', ['sh', script, ...words], { env });
    expect(ended, words.join(' ')).toMatchObject({ status: 0, stderr: '' });
    return ended.stdout;
  };
  const answer = async (...words: string[]): Promise<Answer> => JSON.parse(await call(...words));

  it('fetches the lists, and shows what there is', async () => {
    const update = await answer('update');
    expect(update).toMatchObject({ code: 0 });
    expect(update.stderr).toBeUndefined();
    const available = await call('list-available');
    expect(available).toMatch(/^Package: jq$/mu);
    expect(
      available.split(/\n\n+/u).filter((text) => text.trim() !== '' && !text.startsWith('Package: ')),
    ).toEqual([]);
    expect(await call('list-installed')).toMatch(/^Package: busybox$/mu);
  });

  it('installs with the options that the page gives', async () => {
    const made = await answer('install', '--force-overwrite', 'jq');
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^Installing jq \(\S+\) to root\.\.\.$/mu);
    expect(made.stdout).toContain('it becomes active after the reboot');
    expect(await call('list-installed')).toMatch(/^Package: jq$/mu);
  });

  it('tells of a failure as opkg does', async () => {
    const refused = await answer('install', 'nonesuch');
    expect(refused).toMatchObject({ code: 255 });
    expect(refused.stderr).toContain('Cannot install package nonesuch.');
  });

  it('removes, with what was pulled in', async () => {
    const gone = await answer('remove', '--autoremove', '--force-removal-of-dependent-packages', 'libjq1');
    expect(gone).toMatchObject({ code: 0 });
    expect(await call('list-installed')).not.toMatch(/^Package: (?:lib)?jq/mu);
  });
});
