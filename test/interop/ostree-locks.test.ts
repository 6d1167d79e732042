import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { acquireLock, waitForLock } from '../../src/sys/index.ts';
import { codeOf, commitSpec, hasProgram, newRepo, scratch } from '../ostree/support.ts';

const dir = scratch();
const usable = hasProgram('perl') && hasProgram('flock');
const withOstree = usable && hasProgram('ostree');
let counter = 0;
const fresh = (name: string) => join(dir, `${counter++}-${name}`);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(!usable)('locks (needs perl and flock)', () => {
  it.each(['ofd', 'flock'] as const)('%s: many share, one excludes', (kind) => {
    const path = fresh('lock');
    const one = acquireLock(path, { exclusive: false, kind, wait: 0 });
    const two = acquireLock(path, { exclusive: false, kind, wait: 0 });
    expect(one.kind).toBe(kind);
    expect(() => acquireLock(path, { exclusive: true, kind, wait: 100 })).toThrow(
      expect.objectContaining({ code: 'LOCK_HELD', kind: 'busy' }),
    );
    one.release();
    one.release();
    two.release();
    const three = acquireLock(path, { exclusive: true, kind, wait: 0 });
    expect(() => acquireLock(path, { exclusive: false, kind, wait: 0 })).toThrow();
    three.release();
  });

  it('waits until the other has finished, and can be cancelled', async () => {
    const path = fresh('lock');
    const held = acquireLock(path, { exclusive: true, kind: 'ofd', wait: 0 });
    setTimeout(() => held.release(), 300);
    const started = performance.now();
    const next = await waitForLock(path, { exclusive: true, kind: 'ofd', wait: 20_000 });
    expect(performance.now() - started).toBeGreaterThan(250);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const waiting = waitForLock(path, { exclusive: true, kind: 'ofd', wait: 20_000 }, controller.signal);
    expect(await codeOf(() => waiting)).toBe('INTERRUPTED');
    next.release();
  });

  it('falls back to flock where there is no perl', () => {
    const path = process.env['PATH'];
    const bin = fresh('bin');
    execFileSync('mkdir', [bin]);
    execFileSync('ln', [
      '-s',
      execFileSync('sh', ['-c', 'command -v flock'], { encoding: 'utf8' }).trim(),
      join(bin, 'flock'),
    ]);
    process.env['PATH'] = bin;
    try {
      // The helper also looks in the system's own directories, so this holds only where perl is elsewhere.
      const held = acquireLock(fresh('lock'), { exclusive: true, kind: 'ofd', wait: 0 });
      expect(['ofd', 'flock']).toContain(held.kind);
      held.release();
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('is not inherited by programs that are started meanwhile, and ends with kill -9', async () => {
    const path = fresh('lock');
    const script = fresh('holder.mjs');
    const source = `import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../src/sys/lock.ts'))};
      import { spawn } from 'node:child_process';
      acquireLock(${JSON.stringify(path)}, { exclusive: true, kind: 'ofd', wait: 0 });
      spawn('sleep', ['30'], { detached: true, stdio: 'ignore' }).unref();
      console.log('held'); setInterval(() => undefined, 1000);`;
    buildSync({
      stdin: { contents: source, resolveDir: dir },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'error',
    });
    const holder = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(() => acquireLock(path, { exclusive: true, kind: 'ofd', wait: 0 })).toThrow();
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('exit', resolve));
    acquireLock(path, { exclusive: true, kind: 'ofd', wait: 2000 }).release();
  });
});

describe.skipIf(!withOstree)('locks against the real ostree (needs perl and ostree)', () => {
  it('ostree prune waits while a transaction of ours is open; ostree commit does not', async () => {
    const repo = newRepo(fresh('repo'), 'archive');
    await commitSpec(repo, 'a', { f: '1' });
    let pruned = 0;
    let ended = 0;
    const exited = await repo.withTransaction(async () => {
      const child = spawn('ostree', [`--repo=${repo.path}`, 'prune', '--refs-only'], { stdio: 'ignore' });
      const done = new Promise<number | null>((resolve) =>
        child.once('exit', (status) => {
          pruned = performance.now();
          resolve(status);
        }),
      );
      const tree = fresh('tree');
      execFileSync('mkdir', [tree]);
      writeFileSync(join(tree, 'x'), 'x');
      execFileSync('ostree', [`--repo=${repo.path}`, 'commit', '-b', 'b', `--tree=dir=${tree}`], {
        timeout: 20_000,
      });
      await sleep(700);
      expect(pruned).toBe(0);
      ended = performance.now();
      return { done };
    });
    expect(await exited.done).toBe(0);
    expect(pruned).toBeGreaterThan(ended);
  });

  it('a transaction of ours waits while another holds the lock exclusively, and says so in the end', async () => {
    const repo = newRepo(fresh('repo'), 'archive');
    repo.config.set('core', 'lock-timeout-secs', 1);
    repo.writeConfig();
    const again = (await import('../../src/ostree/index.ts')).Repository.open(repo.path);
    const held = acquireLock(join(repo.path, '.lock'), { exclusive: true, kind: 'ofd', wait: 0 });
    const started = performance.now();
    expect(await codeOf(() => commitSpec(again, 'a', {}))).toBe('LOCK_HELD');
    expect(performance.now() - started).toBeGreaterThan(900);
    held.release();
    await commitSpec(again, 'a', {});
  });

  it('what a killed transaction leaves is invisible, harmless, and swept by the next one', async () => {
    const repo = newRepo(fresh('repo'), 'archive');
    await commitSpec(repo, 'a', { f: '1' });
    const script = fresh('killed.mjs');
    const source = `import { Repository } from ${JSON.stringify(join(import.meta.dirname, '../../src/ostree/index.ts'))};
      const repo = Repository.open(${JSON.stringify(repo.path)});
      await repo.withTransaction(async (txn) => {
        const a = { uid: 0, gid: 0, mode: 0o100644, xattrs: [] };
        for (let i = 0; i < 50; i++) txn.writeFile(a, Buffer.from('x' + i));
        txn.openFileWriter(a, 5_000_000).write(Buffer.alloc(2_000_000));
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      });`;
    buildSync({
      stdin: { contents: source, resolveDir: dir },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'error',
    });
    const child = spawn(process.execPath, [script], { stdio: 'inherit' });
    await new Promise((resolve) => child.once('exit', resolve));
    expect(readdirSync(join(repo.path, 'tmp'))).toHaveLength(2);
    const run = (...args: string[]) =>
      execFileSync('ostree', [`--repo=${repo.path}`, ...args], { encoding: 'utf8' });
    const tree = fresh('tree');
    execFileSync('mkdir', [tree]);
    run('commit', '-b', 'b', `--tree=dir=${tree}`);
    expect(run('fsck')).toContain('no errors found');
    await commitSpec(repo, 'a', { f: '2' });
    expect(readdirSync(join(repo.path, 'tmp'))).toEqual(['cache']);
    expect(run('fsck')).toContain('no errors found');
  });
});
