import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import { moveIntoVar } from '../../src/boot/var-move.ts';
import { ash, busybox, libraryDir } from '../files/ash.ts';

/** What stops a move: the call of that number that changes anything. */
const crash = vi.hoisted(() => ({
  at: Number.POSITIVE_INFINITY,
  calls: 0,
  isStopping: false,
  changing:
    'rename unlinkIfExists copyFile rmdir mkdir symlink link lchown chmod utimes fsyncDirectory writeFileDurable'.split(
      ' ',
    ),
}));

vi.mock('../../src/sys/index.ts', async (original) => {
  const real = await original<Record<string, unknown>>();
  // Two programs for each folder, and nothing to see: left out where the move is stopped a hundred times.
  const xattrCapability = (): unknown => {
    const call = real['xattrCapability'];
    return crash.isStopping || typeof call !== 'function' ? { read: false, write: false } : call();
  };
  const wrapped = crash.changing.map((name) => [
    name,
    (...args: unknown[]): unknown => {
      if (++crash.calls >= crash.at) throw new Error('power cut');
      // Counted only: a test of stops has no power to lose.
      if (name === 'fsyncDirectory') return undefined;
      if (name === 'writeFileDurable') return fs.writeFileSync(String(args[0]), '');
      const call = real[name];
      return typeof call === 'function' ? call(...args) : undefined;
    },
  ]);
  const quiet = { fsync: () => undefined, xattrCapability };
  return { ...real, ...quiet, ...Object.fromEntries(wrapped) };
});

const folders = ['/tmp', '/dev/shm'].filter((path) => fs.existsSync(path));
const otherFileSystem = folders.length === 2 && fs.statSync('/tmp').dev !== fs.statSync('/dev/shm').dev;

describe.skipIf(process.getuid?.() !== 0)(
  'what an ordinary OpenWrt has in /root, /home, /opt ... (needs root)',
  () => {
    let work: string[];
    let root: string;
    let to: string;
    beforeEach(() => {
      work = [fs.mkdtempSync(join(tmpdir(), 'var-move-'))];
      fresh();
    });
    afterEach(() => {
      crash.at = Number.POSITIVE_INFINITY;
      for (const folder of work) fs.rmSync(folder, { recursive: true, force: true });
    });

    function fresh(target = work[0] ?? ''): void {
      const name = fs.mkdtempSync(join(work[0] ?? '', 'run-'));
      root = join(name, 'root');
      to = target === work[0] ? join(name, 'var') : fs.mkdtempSync(join(target, 'var-move-'));
      if (target !== work[0]) work.push(to);
      write('root/.ssh/authorized_keys', 'key', 0o600);
      fs.chmodSync(join(root, 'root'), 0o750);
      fs.chmodSync(join(root, 'root/.ssh'), 0o700);
      fs.chownSync(join(root, 'root/.ssh'), 7, 8);
      write('root/same', 'same');
      write('root/note', 'old note');
      fs.chownSync(join(root, 'root/note'), 1000, 1001);
      write('home/me/suid', 'suid', 0o4755);
      fs.linkSync(join(root, 'home/me/suid'), join(root, 'home/me/twin'));
      write('srv/ a b \\ "q"', 'odd');
      write('srv/folder/inner', 'inner');
      write('mnt/empty/.keep', '');
      fs.rmSync(join(root, 'mnt/empty/.keep'));
      fs.symlinkSync('../etc/config', join(root, 'root/config'));
      fs.symlinkSync('note', join(root, 'root/beside'));
      write('var/lib/state', 'state');
      write('var/run/pid', 'pid');
      fs.symlinkSync('mnt/disk/opt', join(root, 'opt'));
      for (const [path, content] of [
        ['roothome/same', 'same'],
        ['roothome/note', 'new note'],
        ['srv/folder', 'a file'],
      ] as const) {
        fs.mkdirSync(join(to, path, '..'), { recursive: true });
        fs.writeFileSync(join(to, path), content);
      }
    }

    function write(path: string, content: string, mode = 0o644): void {
      fs.mkdirSync(join(root, path, '..'), { recursive: true });
      fs.writeFileSync(join(root, path), content);
      fs.chmodSync(join(root, path), mode);
    }

    /** Path, type, owner, mode and content of everything below a folder. */
    function tree(folder: string): Record<string, string> {
      const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
      return Object.fromEntries(names.map((name) => [name, describeNode(join(folder, name))]));
    }

    function describeNode(path: string): string {
      const { uid, gid, mode } = fs.lstatSync(path);
      const head = `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
      if ((mode & 0o170000) === 0o120000) return `${uid}:${gid} -> ${fs.readlinkSync(path)}`;
      return (mode & 0o170000) === 0o040000 ? `${head} folder` : `${head} ${fs.readFileSync(path, 'utf8')}`;
    }

    const expectMoved = () => {
      expect(tree(to)).toMatchObject({
        'roothome/.ssh': '7:8 700 folder',
        'roothome/.ssh/authorized_keys': '0:0 600 key',
        'roothome/same': '0:0 644 same',
        'roothome/note': '0:0 644 new note',
        'roothome/note.opkg-ostree-old': '1000:1001 644 old note',
        'roothome/config': '0:0 -> ../../etc/config',
        'roothome/beside': '0:0 -> note',
        'home/me/suid': '0:0 4755 suid',
        'home/me/twin': '0:0 4755 suid',
        'srv/ a b \\ "q"': '0:0 644 odd',
        'srv/folder': '0:0 644 a file',
        'srv/folder.opkg-ostree-old/inner': '0:0 644 inner',
        'mnt/empty': '0:0 755 folder',
        'lib/state': '0:0 644 state',
        opt: '0:0 -> mnt/disk/opt',
        run: '0:0 -> /tmp/run',
      });
      const names = Object.keys(tree(to));
      expect(names.filter((name) => /\.tmp-|same\.|opt\.|beside\./u.test(name))).toEqual([]);
    };

    it('comes into /var, once: what is there wins, the other is put beside', () => {
      const report = moveIntoVar(root, to, silentContext);
      expectMoved();
      expect(report.moved).toBe(10);
      expect(report.beside.map((path) => path.slice(to.length + 1)).sort()).toEqual([
        'roothome/note.opkg-ostree-old',
        'srv/folder.opkg-ostree-old',
      ]);
      // Only what each boot empties, and the top folders.
      expect(Object.keys(tree(root))).toEqual([
        'home',
        'mnt',
        'root',
        'srv',
        'var',
        'var/run',
        'var/run/pid',
      ]);
      expect(fs.statSync(join(to, 'home/me/suid')).nlink).toBe(2);
      write('root/later', 'later');
      expect(moveIntoVar(root, to, silentContext)).toMatchObject({ moved: 0, beside: [], notes: [] });
      expect(fs.existsSync(join(to, 'roothome/later'))).toBe(false);
    });

    it('is copied where the old system has to stay', () => {
      const before = tree(root);
      moveIntoVar(root, to, silentContext, { keepSource: true });
      expectMoved();
      expect(tree(root)).toEqual(before);
      expect(fs.statSync(join(to, 'home/me/suid')).nlink).toBe(2);
    });

    it('gives a top folder that only the layout made the owner and mode of the old one', () => {
      fs.rmSync(join(to, 'roothome'), { recursive: true });
      moveIntoVar(root, to, silentContext);
      expect((fs.statSync(join(to, 'roothome')).mode & 0o7777).toString(8)).toBe('750');
    });

    it.skipIf(spawnSync('setfattr', ['--version']).status !== 0)(
      'keeps extended attributes (needs setfattr)',
      () => {
        if (spawnSync('setfattr', ['-n', 'user.note', '-v', 'hello', join(root, 'root/note')]).status !== 0)
          return;
        moveIntoVar(root, to, silentContext, { keepSource: true });
        const read = spawnSync('getfattr', [
          '--only-values',
          '-n',
          'user.note',
          join(to, 'roothome/note.opkg-ostree-old'),
        ]);
        expect(read.stdout.toString()).toBe('hello');
      },
    );

    it('does not enter what is mounted, and knows a root that is a deployment already', () => {
      const disk = join(root, 'mnt/disk');
      fs.mkdirSync(disk);
      if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', disk]).status !== 0) return;
      try {
        fs.writeFileSync(join(disk, 'big'), 'big');
        fs.rmSync(join(root, 'opt'));
        fs.symlinkSync('var/opt', join(root, 'opt'));
        const report = moveIntoVar(root, to, silentContext);
        expect(report.notes).toEqual([
          '/mnt/disk: a file system of its own is mounted there, its content stays on it',
        ]);
        expect(fs.readFileSync(join(disk, 'big'), 'utf8')).toBe('big');
        expect(fs.readdirSync(join(to, 'mnt/disk'))).toEqual([]);
        expect(fs.lstatSync(join(to, 'opt')).isDirectory()).toBe(true);
      } finally {
        spawnSync('umount', [disk]);
      }
    });

    it('never removes what would be moved into itself', () => {
      fs.rmSync(to, { recursive: true });
      const before = tree(join(root, 'var'));
      moveIntoVar(root, join(root, 'var'), silentContext);
      expect(tree(join(root, 'var'))).toMatchObject({
        'lib/state': before['lib/state'],
        'run/pid': before['run/pid'],
      });
    });

    const contents = [
      'key',
      'same',
      'old note',
      'new note',
      'suid',
      'odd',
      'inner',
      'state',
      'pid',
      'a file',
    ];
    it.each([
      ['by renames', () => work[0], false],
      ['by copies', () => work[0], true],
      ...(otherFileSystem ? ([['to another file system', () => '/dev/shm', false]] as const) : []),
    ] as const)('survives a stop at every third step, and goes on: %s', (_, target, keepSource) => {
      crash.calls = 0;
      moveIntoVar(root, to, silentContext, { keepSource });
      const steps = crash.calls;
      expect(steps).toBeGreaterThan(40);
      for (let step = 1; step <= steps; step += 3) {
        fresh(target());
        crash.at = step;
        crash.calls = 0;
        expect(() => moveIntoVar(root, to, silentContext, { keepSource })).toThrow('power cut');
        crash.at = Number.POSITIVE_INFINITY;
        const there = Object.values({ ...tree(to), ...prefixed(tree(root)) });
        for (const content of contents) {
          expect(
            there.some((text) => text.endsWith(` ${content}`)),
            `${content} after step ${step}`,
          ).toBe(true);
        }
        moveIntoVar(root, to, silentContext, { keepSource });
        expectMoved();
      }
    });

    const prefixed = (nodes: Record<string, string>) =>
      Object.fromEntries(Object.entries(nodes).map(([name, text]) => [`root/${name}`, text]));

    it.skipIf(busybox === undefined)(
      'leaves an /opt that leads to a disk alone at boot (needs busybox)',
      () => {
        moveIntoVar(root, to, silentContext);
        const script = `. '${libraryDir}/populate.sh'\nfail() { echo "$1"; exit 1; }\nmust() { "$@" || fail "$*"; }\nVAR='${to}'\nprepare_var`;
        expect(ash(root, script)).toMatchObject({ status: 0, stdout: '' });
        expect(fs.readlinkSync(join(to, 'opt'))).toBe('mnt/disk/opt');
      },
    );
  },
);
