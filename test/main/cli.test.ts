import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, newFolder, removeFolder, runProgram } from '../support/world/index.ts';

describe('the command line', () => {
  let folder: string;
  beforeAll(() => {
    folder = newFolder('cli');
    ensureBundle();
  });
  afterAll(() => removeFolder(folder));

  const run = (...words: string[]) =>
    runProgram(process.execPath, [ensureBundle(), ...words], { cwd: folder });

  it.each([
    { words: ['--version'], shown: /^\d+\.\d+\.\d+\n$/ },
    { words: ['--help'], shown: /^Usage: opkg-ostree / },
    { words: ['install', '--help'], shown: /Layer packages/ },
    { words: ['repo', 'ls', '--help'], shown: /List the files of a commit/ },
  ])('$words prints and ends well', async ({ words, shown }) => {
    const ended = await run(...words);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(shown);
  });

  it.each([
    { words: [], message: 'no command given' },
    { words: ['nonsense'], message: "unknown command 'nonsense'" },
    { words: ['status', '--nonsense'], message: "unknown option '--nonsense'" },
    { words: ['install'], message: "missing required argument 'package'" },
    { words: ['compose', 'root'], message: "required option '--repo <dir>' not specified" },
    { words: ['pin', 'one'], message: "'one' is not the number of a deployment" },
    {
      words: ['status', '--progress', 'loud'],
      message: "option '--progress <style>' argument 'loud' is invalid",
    },
  ])('$words is a usage error with one line and a hint', async ({ words, message }) => {
    const plain = await run(...words);
    expect(plain).toMatchObject({ status: 2, stdout: '' });
    expect(plain.stderr).toMatch(/^error: [^\n]+\nhint: [^\n]+\n$/);
    expect(plain.stderr).toContain(message);
    const json = await run(...words, '--json');
    expect(json).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(json.stdout).error).toMatchObject({ code: 'USAGE' });
  });

  it('takes a relative sysroot as one of the current folder', async () => {
    mkdirSync(join(folder, 'below'));
    expect((await run('sysroot', 'init', 'below/router', '--target', 'generic-grub')).status).toBe(0);
    const status = await run('status', '--json', '--sysroot', 'below/router');
    expect(JSON.parse(status.stdout)).toMatchObject({ api: 1, booted: null, deployments: [] });
    expect((await run('--sysroot', 'below/router', 'cleanup')).status).toBe(0);
  });

  it('says which folder is no sysroot', async () => {
    const ended = await run('status', '--sysroot', folder);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`${folder} is not a sysroot`);
  });
});
