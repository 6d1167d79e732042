import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toChecksum } from '../../src/base/index.ts';
import { renderEtcSeen } from '../../src/boot/etc-seen.ts';
import { type Tree, writeTree } from '../state/etc-trees.ts';
import { ash, busybox, libraryDir } from './ash.ts';

const item = (digit: string) => ({
  stateroot: 'openwrt',
  checksum: toChecksum(digit.repeat(64)),
  serial: 0,
});
const [from, to] = [item('a'), item('b')];

describe.skipIf(busybox === undefined)(
  'edits between the switch and the restart, in sh (needs busybox)',
  () => {
    let root: string;
    let old: string;
    let next: string;
    beforeEach(() => {
      root = fs.mkdtempSync(join(tmpdir(), 'etc-late-'));
      const deployment = (digit: string) => join(root, `ostree/deploy/openwrt/deploy/${digit.repeat(64)}.0`);
      [old, next] = [join(deployment('a'), 'etc'), join(deployment('b'), 'etc')];
      for (const digit of ['a', 'b']) fs.mkdirSync(join(deployment(digit), 'usr'), { recursive: true });
      fs.mkdirSync(join(root, 'ostree/opkg-ostree'));
      fs.mkdirSync(join(root, `boot/loader/entries`), { recursive: true });
      fs.mkdirSync(join(root, 'ostree/boot.1/openwrt/c'), { recursive: true });
      fs.symlinkSync(deployment('b'), join(root, 'ostree/boot.1/openwrt/c/0'));
      fs.writeFileSync(
        join(root, 'boot/loader/entries/ostree-1-openwrt.conf'),
        'version 1\noptions ostree=/ostree/boot.1/openwrt/c/0\n',
      );
    });
    afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

    const seen = () =>
      fs.writeFileSync(join(root, 'ostree/opkg-ostree/etc-seen'), renderEtcSeen(from, to, old));
    const run = (script: string) => ash(root, `. '${libraryDir}/etc-late.sh'\n${script}`);
    const text = (path: string) => fs.readFileSync(join(next, path), 'utf8');
    const before: Tree = {
      'config/a': 'a1\n',
      'config/merged': 'mine\n',
      'with space': 'x\n',
      gone: 'g\n',
      passwd: 'root:x:0\n',
      'init.d/foo': 'START=50\n',
      'rc.d/S50foo': '-> ../init.d/foo',
      'rc.d/S50foofoo': '-> ../init.d/foofoo',
      link: '-> /tmp/a',
    };
    const after: Tree = {
      ...before,
      'config/merged': 'mine and theirs\n',
      passwd: 'root:x:0\nnew:x:1\n',
      'init.d/foo': 'START=60\n',
      'init.d/bar': 'START=70\n',
      'rc.d/S60foo': '-> ../init.d/foo',
    };
    const prepare = () => {
      writeTree(old, before);
      writeTree(next, after);
      fs.rmSync(join(next, 'rc.d/S50foo'));
      seen();
    };

    it('does nothing where nothing was edited', () => {
      prepare();
      const ended = run('late_merge');
      expect(ended).toMatchObject({ status: 0, stdout: '' });
      expect(text('config/merged')).toBe('mine and theirs\n');
      expect(text('passwd')).toBe('root:x:0\nnew:x:1\n');
    });

    it('brings files, deletions, links, services and accounts over, once', () => {
      prepare();
      fs.writeFileSync(join(old, 'config/a'), 'a2\n');
      fs.writeFileSync(join(old, 'config/merged'), 'late\n');
      fs.writeFileSync(join(old, 'with space'), 'y\n', { mode: 0o600 });
      fs.mkdirSync(join(old, 'added/deep'), { recursive: true });
      fs.writeFileSync(join(old, 'added/deep/file'), 'n\n');
      fs.rmSync(join(old, 'gone'));
      fs.rmSync(join(old, 'rc.d/S50foo'));
      fs.symlinkSync('../init.d/bar', join(old, 'rc.d/S70bar'));
      fs.rmSync(join(old, 'link'));
      fs.symlinkSync('/tmp/b', join(old, 'link'));
      fs.appendFileSync(join(old, 'passwd'), 'me:x:2\n');
      const ended = run('late_merge');
      expect(ended.stderr).toBe('');
      expect(text('config/a')).toBe('a2\n');
      expect(text('config/merged')).toBe('late\n');
      expect(text('config/merged.opkg-ostree-new')).toBe('mine and theirs\n');
      expect(text('with space')).toBe('y\n');
      expect(text('added/deep/file')).toBe('n\n');
      expect(fs.existsSync(join(next, 'gone'))).toBe(false);
      expect(fs.readdirSync(join(next, 'rc.d')).sort()).toEqual(['S50foofoo', 'S70bar']);
      expect(fs.readlinkSync(join(next, 'link'))).toBe('/tmp/b');
      expect(text('passwd')).toBe('root:x:0\nme:x:2\nnew:x:1\n');
      expect(run('late_merge').stdout).toBe('');
      expect(fs.readdirSync(next).filter((name) => name.startsWith('.late'))).toEqual([]);
    });

    it('leaves a deployment alone that does not start next', () => {
      prepare();
      fs.writeFileSync(join(old, 'config/a'), 'a2\n');
      fs.rmSync(join(root, 'boot/loader/entries/ostree-1-openwrt.conf'));
      run('late_merge');
      expect(text('config/a')).toBe('a1\n');
    });

    it('tells health which edits a power cut left behind', () => {
      prepare();
      const check = () => run(`late_check openwrt/deploy/${'b'.repeat(64)}.0; echo "status $?"`).stdout;
      expect(check()).toContain('every edit is here\nstatus 0');
      fs.writeFileSync(join(old, 'config/a'), 'a2\n');
      expect(check()).toMatch(/edits that were not merged.*\/etc\/config\/a.*\nstatus 1/);
      expect(run(`late_check openwrt/deploy/${'a'.repeat(64)}.0; echo "status $?"`).stdout).toContain(
        'status 77',
      );
    });
  },
);
