import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Checksum, silentContext } from '../../src/base/index.ts';
import {
  applyOffline,
  deltaDirectory,
  deltaName,
  describeDelta,
  generateDelta,
  listDeltas,
  pullLocal,
  Repository,
} from '../../src/ostree/index.ts';
import { hasProgram, isRoot, newRepo, scratch } from '../ostree/support.ts';

const usable = isRoot && hasProgram('ostree') && hasProgram('xz');
const dir = scratch();
let counter = 0;
const fresh = (name: string) => join(dir, `${name}-${counter++}`);

function ostree(repo: string, ...args: string[]): string {
  return execFileSync('ostree', [`--repo=${repo}`, ...args], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function theirs(mode: 'archive' | 'bare' | 'bare-user'): string {
  const path = fresh(`theirs-${mode}`);
  execFileSync('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
  ostree(path, 'config', 'set', 'core.min-free-space-percent', '0');
  return path;
}

/** Bytes that look like machine code: repeated pieces with small differences. */
function code(size: number, seed: number): Buffer {
  const block = (n: number) =>
    createHash('sha256')
      .update(`${seed}/${n % 97}/${n >> 6}`)
      .digest();
  return Buffer.concat(Array.from({ length: Math.ceil(size / 32) }, (_, n) => block(n))).subarray(0, size);
}

/** A later build: an insertion, and addresses that moved. */
function rebuilt(old: Buffer): Buffer {
  const next = Buffer.concat([
    old.subarray(0, old.length / 3),
    Buffer.from('forty-eight bytes of code that were not here yet'),
    old.subarray(old.length / 3),
  ]);
  for (let at = 100; at < next.length - 4; at += 151)
    next.writeUInt32LE((next.readUInt32LE(at) + 48) >>> 0, at);
  return next;
}

function writeTree(root: string, version: 1 | 2): void {
  const libraries = [1, 2, 3, 4, 5, 6, 7, 8].map(
    (n) => [`usr/lib/lib${n}.so`, code(40_000 + n * 9_000, n)] as const,
  );
  mkdirSync(join(root, 'usr/lib'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  for (const [path, bytes] of libraries)
    writeFileSync(join(root, path), version === 2 && path.includes('lib8') ? rebuilt(bytes) : bytes);
  for (let n = 0; n < 60; n++) {
    const text = Array.from({ length: 60 }, (_, i) => `option${i}_of_${n}=${(i * 7919 * (n + 1)) % 1000}`);
    if (version === 2 && n < 10) text.splice(30, 1, 'changed=1', 'added=2');
    writeFileSync(join(root, `etc/conf${n}`), text.join('\n'), { mode: n % 3 === 0 ? 0o755 : 0o644 });
  }
  writeFileSync(join(root, 'etc/empty'), '');
  writeFileSync(join(root, 'etc/secret'), `secret of version ${version}`, { mode: 0o600 });
  symlinkSync(`lib${version}.so`, join(root, 'usr/lib/lib.so'));
  if (version === 2) {
    writeFileSync(join(root, 'usr/lib/new.so'), code(30_000, 99));
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(root, 'usr/lib/new.so')]);
  }
}

const sizeOf = (path: string): number =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
    : statSync(path).size;

describe.skipIf(!usable)('static deltas beside ostree', () => {
  let origin: string;
  let one: Checksum;
  let two: Checksum;

  beforeAll(() => {
    origin = theirs('archive');
    const commits = ([1, 2] as const).map((version) => {
      const tree = fresh('tree');
      mkdirSync(tree);
      writeTree(tree, version);
      return ostree(
        origin,
        'commit',
        '-b',
        'os',
        `--tree=dir=${tree}`,
        '-s',
        `version ${version}`,
      ).trim() as Checksum;
    });
    [one, two] = commits as [Checksum, Checksum];
  });

  const forms: [string, string[]][] = [
    ['as it likes', []],
    ['without bsdiff', ['--disable-bsdiff']],
    ['inline', ['--inline']],
    ['for big endian', ['--set-endianness=B']],
    ['in small parts', ['--max-chunk-size=0']],
  ];
  it.each(forms)('applies what ostree generates %s', async (_name, args) => {
    for (const from of [one, undefined]) {
      const path = join(fresh('delta'), 'superblock');
      mkdirSync(dirname(path));
      const start = from === undefined ? ['--empty'] : [`--from=${from}`];
      ostree(
        origin,
        'static-delta',
        'generate',
        ...start,
        `--to=${two}`,
        '--min-fallback-size=0',
        `--filename=${path}`,
        ...args,
      );
      for (const mode of ['bare', 'archive', 'bare-user'] as const) {
        const repo = newRepo(fresh('ours'), mode);
        if (from !== undefined) await pullLocal(repo, Repository.open(origin), [from], {}, silentContext);
        expect((await applyOffline(repo, dirname(path), silentContext)).commit).toBe(two);
        ostree(repo.path, 'fsck');
      }
    }
  });

  it('generates what ostree applies, at most a tenth larger than its own', async () => {
    const repo = Repository.open(origin);
    for (const from of [one, undefined]) {
      const id = from === undefined ? { to: two } : { from, to: two };
      const start = from === undefined ? ['--empty'] : [`--from=${from}`];
      const reference = fresh('reference');
      ostree(
        origin,
        'static-delta',
        'generate',
        ...start,
        `--to=${two}`,
        '--inline',
        '--min-fallback-size=0',
        `--filename=${reference}`,
      );
      for (const options of [
        { inline: true },
        {},
        { compress: false },
        { bsdiff: false },
        { maxPartSize: 50_000 },
      ]) {
        const path = join(fresh('delta'), 'superblock');
        mkdirSync(dirname(path));
        const made = await generateDelta(
          repo,
          { ...id, ...options, output: path, minFallbackSize: 0 },
          silentContext,
        );
        expect(made.size).toBe(sizeOf(dirname(path)));
        if ('inline' in options) expect(made.size).toBeLessThan(sizeOf(reference) * 1.1);
        for (const mode of ['bare', 'bare-user'] as const) {
          const target = theirs(mode);
          if (from !== undefined) ostree(target, 'pull-local', origin, from);
          ostree(target, 'static-delta', 'apply-offline', 'inline' in options ? path : dirname(path));
          ostree(target, 'fsck');
          expect(readFileSync(join(target, `objects/${two.slice(0, 2)}/${two.slice(2)}.commit`))).toEqual(
            Buffer.from(repo.loadCommitBytes(two)),
          );
        }
      }
    }
  });

  it('generates, in the repository, what ostree lists, shows, pulls and deletes', async () => {
    const repo = Repository.open(origin);
    await generateDelta(repo, { from: one, to: two }, silentContext);
    const name = deltaName({ from: one, to: two });
    expect(ostree(origin, 'static-delta', 'list').trim()).toBe(name);
    const { parts } = await describeDelta(repo, { from: one, to: two });
    const shown = ostree(origin, 'static-delta', 'show', name);
    expect(shown).toContain('Endianness: little');
    expect(shown).toContain(
      `PartMeta0: nobjects=${parts[0]?.objects} size=${parts[0]?.size} usize=${parts[0]?.uncompressedSize}`,
    );
    expect(shown).toContain(`blobsize=${parts[0]?.blobSize} opsize=${parts[0]?.operationsSize}`);
    ostree(origin, 'summary', '-u');
    const target = theirs('bare');
    ostree(target, 'remote', 'add', '--no-gpg-verify', 'origin', `file://${origin}`);
    ostree(target, 'pull', `origin`, `os@${one}`);
    ostree(target, 'pull', '--require-static-deltas', 'origin', 'os');
    ostree(target, 'fsck');
    ostree(origin, 'static-delta', 'delete', name);
    expect(listDeltas(repo)).toEqual([]);
    ostree(origin, 'static-delta', 'generate', `--from=${one}`, `--to=${two}`);
    expect(listDeltas(repo)).toEqual([{ from: one, to: two }]);
    expect(readdirSync(join(origin, deltaDirectory({ from: one, to: two })))).toContain('superblock');
  });
});
