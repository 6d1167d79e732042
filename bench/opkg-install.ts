/**
 * Installing 1, 10 and 100 packages into a plain root, as image builders do, beside the real opkg of OPENWRT_ROOTFS: both as whole
 * processes. The bundle is that of `npm run build`, or the one that OPKG_OSTREE_BUNDLE names.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../src/base/index.ts';
import { buildIpk } from '../test/support/ipk.ts';
import { RealOpkg, writeIndex } from '../test/support/real-opkg.ts';
import { openwrtRootfs } from '../test/support/shared-data.ts';
import { openDisk } from './lib/disk.ts';
import { measure, type Variant } from './lib/harness.ts';
import { base } from './lib/opkg-world.ts';

const status = base
  .map(
    ({ name, version }) =>
      `Package: ${name}\nVersion: ${version}\nStatus: install ok installed\nArchitecture: all\n\n`,
  )
  .join('');

/** Files of one package of the install benchmark, and bytes of each. */
const filesEach = 20;
const fileSize = 4096;

async function installing(folder: string, rootfs: string, bundle: string): Promise<void> {
  const feed = join(folder, 'feed');
  mkdirSync(feed, { recursive: true });
  const paragraphs = Array.from({ length: 100 }, (_, n) => {
    const control = {
      Package: `part-${n}`,
      Version: '1.0-1',
      Depends: 'libc',
      Architecture: 'all',
      Description: ` part ${n}`,
    };
    const files = Object.fromEntries(
      Array.from({ length: filesEach }, (_, f) => [
        `usr/share/part-${n}/file-${f}`,
        content(n * filesEach + f),
      ]),
    );
    const bytes = buildIpk({ control, files });
    writeFileSync(join(feed, `part-${n}.ipk`), bytes);
    const { Description: description, ...own } = control;
    const fields = {
      ...own,
      Filename: `part-${n}.ipk`,
      Size: bytes.byteLength,
      SHA256sum: sha256Hex(bytes),
      Description: description,
    };
    return Object.entries(fields)
      .map(([field, value]) => `${field}: ${value}`)
      .join('\n');
  });
  writeIndex(feed, paragraphs);
  const root = join(folder, 'root');
  if (!existsSync(root)) RealOpkg.unpack(rootfs, root);
  const conf = join(folder, 'opkg.conf');
  writeFileSync(conf, `dest root /\nlists_dir ext /lists\narch all 1\nsrc/gz parts file://${feed}\n`);
  const target = join(folder, 'target');
  // The root's own loader runs its opkg here, so that both see the same paths.
  const loader = [
    join(root, 'lib/ld-musl-i386.so.1'),
    '--library-path',
    `${root}/lib:${root}/usr/lib`,
    join(root, 'bin/opkg'),
  ];
  const ours = [process.execPath, bundle, 'opkg'];
  const start = () => void spawnSync(process.execPath, ['-e', '0']);
  await measure("Node's start, which is in each of ours", [{ name: 'node', run: start }], { rounds: 7 });
  for (const count of [1, 10, 100]) {
    const names = Array.from({ length: count }, (_, n) => `part-${n}`);
    const run = (program: readonly string[], ...args: readonly string[]) => {
      const [file = '', ...first] = program;
      const done = spawnSync(file, [...first, '-o', target, '-f', conf, ...args], { encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`${args[0]}: ${done.stdout}${done.stderr}`);
    };
    const variant = (name: string, program: readonly string[]): Variant => ({
      name,
      prepare: () => {
        rmSync(target, { recursive: true, force: true });
        for (const path of ['usr/lib/opkg/info', 'var/lock', 'lists', 'tmp', 'etc/opkg'])
          mkdirSync(join(target, path), { recursive: true });
        writeFileSync(join(target, 'usr/lib/opkg/status'), status);
        writeFileSync(join(target, 'usr/lib/opkg/info/libc.list'), '');
        writeFileSync(join(target, 'usr/lib/opkg/info/kernel.list'), '');
        run(loader, 'update');
      },
      run: () => run(program, 'install', ...names),
    });
    await measure(`opkg install of ${count}`, [variant('ours', ours), variant('opkg', loader)], {
      rounds: 7,
    });
  }
}

/** Bytes that compress about as programs do. */
function content(seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length: fileSize }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % 64;
  });
}

const rootfs = openwrtRootfs();
const bundle = process.env['OPKG_OSTREE_BUNDLE'] ?? join(process.cwd(), 'dist/opkg-ostree.mjs');
if (rootfs === undefined || !existsSync(bundle)) {
  console.log(`not measured: needs OPENWRT_ROOTFS and a bundle at ${bundle}`);
} else {
  const disk = openDisk(1024);
  try {
    await installing(disk.path, rootfs, bundle);
  } finally {
    disk.end();
  }
}
