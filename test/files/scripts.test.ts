import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { busybox, productDir } from './ash.ts';

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;
const files = readdirSync(productDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
  statSync(join(productDir, path)).isFile(),
);
const text = (path: string) => readFileSync(join(productDir, path), 'utf8');
const isShell = (path: string) =>
  /^#!\S*(?:\/sh|busybox sh)|^# shellcheck shell/mu.test(text(path).split('\n').slice(0, 2).join('\n'));
const scripts = files.filter(isShell);

describe('what lands on a router as it is', () => {
  it('holds early boot where libostree and compose look for it', () => {
    expect(scripts).toEqual(
      expect.arrayContaining([
        'usr/lib/ostree/ostree-prepare-root',
        'usr/lib/opkg-ostree/prepare-root',
        'usr/bin/opkg-ostree',
      ]),
    );
  });

  it.each(scripts)('%s can be run where it names an interpreter, and only then', (path) => {
    const mode = statSync(join(productDir, path)).mode & 0o777;
    expect(mode.toString(8)).toBe(text(path).startsWith('#!') ? '755' : '644');
  });

  it.skipIf(busybox === undefined).each(scripts)('%s is sh that BusyBox can read', (path) => {
    const result = spawnSync(busybox ?? '', ['ash', '-n', join(productDir, path)], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
  });

  it.skipIf(!hasShellcheck).each(scripts)('%s passes shellcheck (needs shellcheck)', (path) => {
    const args = ['-s', 'dash', '-S', 'warning', '-e', 'SC2034', join(productDir, path)];
    expect(spawnSync('shellcheck', args, { encoding: 'utf8' }).stdout).toBe('');
  });
});
