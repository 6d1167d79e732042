import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toRelPath, utf8 } from '../../src/base/index.ts';
import { appendInit, findPrepareRoot, renderCpio } from '../../src/compose/cpio.ts';

const hasCpio = spawnSync('cpio', ['--version']).status === 0;

function cpio(args: string[], input: Uint8Array, cwd?: string): string {
  const result = spawnSync('cpio', args, { input, cwd });
  expect(result.stderr.toString()).not.toMatch(/error|malformed|premature/u);
  return result.stdout.toString();
}

describe('renderCpio', () => {
  it('writes the header that the format describes', () => {
    const bytes = Buffer.from(renderCpio([{ path: 'a', mode: 0o100644, content: utf8('xyz') }]));
    expect(bytes.subarray(0, 110).toString()).toBe(
      `070701${'00000001'}${'000081A4'}${'00000000'.repeat(2)}${'00000001'}${'00000000'}${'00000003'}${'00000000'.repeat(4)}${'00000002'}${'00000000'}`,
    );
    expect(bytes.subarray(110, 120).toString('latin1')).toBe('a\0xyz\0' + '0707');
    expect(bytes.byteLength % 4).toBe(0);
  });

  it('pads every member to 4 bytes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,9}$/u), fc.uint8Array({ maxLength: 9 }), (path, content) => {
        const one = renderCpio([{ path, mode: 0o100644, content }]);
        expect(one.byteLength % 4).toBe(0);
        expect(Buffer.from(one).indexOf('070701', 6) % 4).toBe(0);
      }),
    );
  });

  it.skipIf(!hasCpio)('is read by the real cpio (skipped where there is none)', () => {
    const archive = renderCpio([
      { path: 'd', mode: 0o40700, content: new Uint8Array() },
      { path: 'd/file', mode: 0o100755, content: utf8('hello') },
      { path: 'd/link', mode: 0o120777, content: utf8('file') },
    ]);
    expect(cpio(['-t', '--quiet'], archive)).toBe('d\nd/file\nd/link\n');
    const dir = mkdtempSync(join(tmpdir(), 'cpio-'));
    try {
      cpio(['-i', '--quiet'], archive, dir);
      expect(readdirSync(join(dir, 'd')).sort()).toEqual(['file', 'link']);
      expect(readFileSync(join(dir, 'd/link'), 'utf8')).toBe('hello');
      expect(statSync(join(dir, 'd/file')).mode & 0o777).toBe(0o755);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('appendInit', () => {
  const first = renderCpio([{ path: 'init', mode: 0o100755, content: utf8('old') }]);

  it('keeps the given archive and ends with our init', () => {
    for (const given of [first, gzipSync(first), utf8('any bytes')]) {
      const whole = Buffer.from(appendInit(given, utf8('new init')));
      expect(whole.subarray(0, given.byteLength).equals(Buffer.from(given))).toBe(true);
      const ours = whole.indexOf('070701', given.byteLength);
      expect(ours % 4).toBe(0);
      expect(ours - given.byteLength).toBeLessThan(4);
      expect(whole.lastIndexOf('new init')).toBeGreaterThan(ours);
    }
  });

  it.skipIf(!hasCpio)(
    'makes an /init of its own, not the old file with new bytes (skipped without cpio)',
    () => {
      const given = gzipSync(first);
      const whole = appendInit(given, utf8('new init'));
      const ours = whole.subarray(Math.ceil(given.byteLength / 4) * 4);
      expect(cpio(['-t', '--quiet'], ours).trim().split('\n').slice(-2)).toEqual(['init', 'init']);
      const dir = mkdtempSync(join(tmpdir(), 'cpio-'));
      try {
        cpio(['-i', '-u', '--quiet'], ours, dir);
        expect(readFileSync(join(dir, 'init'), 'utf8')).toBe('new init');
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
});

describe('findPrepareRoot', () => {
  it.each([
    [['usr/lib/ostree/ostree-prepare-root', 'etc/x'], 'usr/lib/ostree/ostree-prepare-root'],
    [['usr/lib/opkg-ostree/prepare-root'], 'usr/lib/opkg-ostree/prepare-root'],
    [['usr/lib/a/ostree-prepare-root', 'usr/lib/b/prepare-root'], 'usr/lib/b/prepare-root'],
    [['usr/lib/not-prepare-root'], undefined],
  ])('finds it in %j', (paths, expected) => {
    expect(findPrepareRoot(paths.map(toRelPath))).toBe(expected);
  });
});
