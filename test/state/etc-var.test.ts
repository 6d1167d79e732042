import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureVar, installFactory } from '../../src/boot/var.ts';
import { varVolatile } from '../../src/state/index.ts';
import { ash, busybox, libraryDir } from '../files/ash.ts';
import { writeTree } from './etc-trees.ts';

describe('what packages have below /var', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'var-'));
    const factory = {
      'run/x': '1',
      'lock/x': '1',
      'state/y': '1',
      'etc/z': '1',
      'log/a': '1',
      'tmp/b': '1',
      'opkg-lists/c': '1',
      'lib/d': '1',
    };
    writeTree(join(root, 'deployment/usr/share/factory/var'), factory);
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
  const left = () => fs.readdirSync(join(root, 'var/lib'));

  it('is created where it lasts, and never below a name that every boot empties', () => {
    ensureVar(join(root, 'var'));
    const notes: string[] = [];
    expect(installFactory(join(root, 'deployment'), join(root, 'var'), notes)).toEqual(['lib/d']);
    expect(notes).toHaveLength(varVolatile.length);
    for (const { name, target } of varVolatile) expect(fs.readlinkSync(join(root, 'var', name))).toBe(target);
  });

  const ids = () => {
    const accounts = {
      'usr/etc/passwd': 'root:x:0:0::/:/bin/sh\nsvc:x:40000:40001::/:/bin/false\n',
      'usr/etc/group': 'root:x:0:\nsvc:x:40001:\n',
      'etc/passwd': 'root:x:0:0::/:/bin/sh\nsvc:x:101:102::/:/bin/false\n',
      'etc/group': 'root:x:0:\nsvc:x:102:\n',
    };
    writeTree(join(root, 'deployment'), accounts);
    fs.chownSync(join(root, 'deployment/usr/share/factory/var/lib/d'), 40_000, 40_001);
  };
  const ownerOf = (path: string) => {
    const { uid, gid } = fs.statSync(join(root, path));
    return `${uid}:${gid}`;
  };

  it.skipIf(process.getuid?.() !== 0)(
    'belongs to the ids that its accounts have on this machine (needs root)',
    () => {
      ids();
      ensureVar(join(root, 'var'));
      installFactory(join(root, 'deployment'), join(root, 'var'));
      expect(ownerOf('var/lib/d')).toBe('101:102');
    },
  );

  it.skipIf(busybox === undefined || process.getuid?.() !== 0)(
    'and at boot too (needs busybox and root)',
    () => {
      ids();
      fs.mkdirSync(join(root, 'var'));
      const script = `. '${libraryDir}/populate.sh'\nsay() { echo "$1"; }\nTARGET=t ROOT='${root}/deployment' VAR='${root}/var'\nprepare_var; factory_content`;
      expect(ash(root, script)).toMatchObject({ status: 0, stdout: '', stderr: '' });
      expect(ownerOf('var/lib/d')).toBe('101:102');
    },
  );

  it.skipIf(busybox === undefined)('is so at boot too (needs busybox)', () => {
    fs.mkdirSync(join(root, 'var'));
    const script = `. '${libraryDir}/populate.sh'\nfail() { echo "$1"; exit 1; }\nmust() { "$@"; }\nsay() { echo "$1"; }\nTARGET=t ROOT='${root}/deployment' VAR='${root}/var'\nprepare_var; factory_content`;
    expect(ash(root, script)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(left()).toContain('d');
    for (const { name, target } of varVolatile) expect(fs.readlinkSync(join(root, 'var', name))).toBe(target);
    expect(fs.existsSync('/tmp/state/y')).toBe(false);
  });
});
