/**
 * Makes dist/packages: the .ipk files and a feed of them (Packages, Packages.gz, with --sign-key FILE also Packages.sig).
 * The same sources and time give the same bytes: SOURCE_DATE_EPOCH, else the time of the commit.
 *
 *   --output DIR        elsewhere
 *   --sign-key FILE     a usign secret key; its public key is written beside the feed, named by its fingerprint
 *   --generate-key FILE makes such a key and ends
 *   --stage DIR         writes no packages but the tree of each to DIR/PACKAGE, for OpenWrt's own build
 *   --no-build          takes the bundles that are in dist/
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path/posix';
import { parseArgs } from 'node:util';
import { compressedIndex, makeIpk, packagesIndex } from './lib/ipk.mjs';
import { bundles, packageSet, version } from './lib/package-set.mjs';
import { importTs, repoRoot } from './lib/run-ts.mjs';

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: join(repoRoot, 'dist/packages') },
    'sign-key': { type: 'string' },
    'generate-key': { type: 'string' },
    stage: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});

/** Bytes that must not be exceeded: flash is small, and a larger bundle starts later. */
const budget = {
  'opkg-ostree.mjs': 700 * 1024,
  'opkg-ostree-tui.mjs': 1536 * 1024,
  unpacked: 4096 * 1024,
};

function sourceTime() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && !/^\d{1,10}$/u.test(given)) throw new Error('SOURCE_DATE_EPOCH is no number');
  if (given !== undefined) return Number(given);
  return Number(execFileSync('git', ['-C', repoRoot, 'log', '-1', '--format=%ct'], { encoding: 'utf8' }));
}

/** Prints what the packages weigh; the names of what is too heavy. */
function weigh(set) {
  const unpacked = set
    .flatMap(({ input }) => input.files)
    .reduce((sum, file) => sum + file.content.length, 0);
  const weights = [
    ...bundles().map(({ path, content }) => [path.split('/').at(-1), content.length]),
    ['unpacked', unpacked],
  ];
  return weights.flatMap(([name, bytes]) => {
    const limit = budget[name];
    const allowed = limit === undefined ? '' : ` of ${limit / 1024}`;
    console.log(`${name}: ${(bytes / 1024).toFixed(1)}${allowed} KiB`);
    return limit !== undefined && bytes > limit ? [name] : [];
  });
}

function stage(set, folder) {
  for (const { name, input } of set) {
    for (const { path, mode, content } of input.files) {
      const target = join(folder, name, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
      chmodSync(target, mode);
    }
  }
}

async function writeFeed(set, folder, time) {
  const made = [];
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, input } of set) {
    const file = `${name}_${version}_all.ipk`;
    const { bytes, control } = await makeIpk(input, time);
    writeFileSync(join(folder, file), bytes);
    made.push({ name: file, bytes, control });
    console.log(`${file}: ${(bytes.length / 1024).toFixed(1)} KiB`);
  }
  const index = packagesIndex(made);
  writeFileSync(join(folder, 'Packages'), index);
  writeFileSync(join(folder, 'Packages.gz'), compressedIndex(index));
  return index;
}

async function main() {
  const { generateUsignKey, parseUsignSecretKey, renderUsignPublicKey, renderUsignSecretKey, signUsign } =
    await importTs('src/ipk/usign.ts');
  const newKey = values['generate-key'];
  if (newKey !== undefined) {
    writeFileSync(newKey, renderUsignSecretKey(generateUsignKey('feed key')), { mode: 0o600, flag: 'wx' });
    console.log(`made ${newKey}`);
    return;
  }
  const keyFile = values['sign-key'];
  const key = keyFile === undefined ? undefined : parseUsignSecretKey(readFileSync(keyFile, 'utf8'));
  if (!values['no-build'])
    execFileSync(process.execPath, [join(repoRoot, 'tools/build.mjs')], { stdio: 'inherit' });
  const time = sourceTime();
  const set = packageSet(time);
  if (values.stage !== undefined) {
    stage(set, resolve(values.stage));
    return;
  }
  const folder = resolve(values.output);
  const index = await writeFeed(set, folder, time);
  if (key !== undefined) {
    writeFileSync(join(folder, 'Packages.sig'), signUsign(Buffer.from(index), key));
    writeFileSync(join(folder, `${key.fingerprint}.pub`), renderUsignPublicKey(key));
    console.log(`signed by ${key.fingerprint}`);
  }
  const heavy = weigh(set);
  if (heavy.length > 0) {
    console.error(`too large: ${heavy.join(', ')}`);
    process.exitCode = 1;
  }
}

await main();
