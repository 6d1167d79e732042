import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toChecksum } from '../../src/base/index.ts';
import { noteEtcSeen, renderEtcSeen } from '../../src/boot/etc-seen.ts';
import type { Deployment } from '../../src/boot/index.ts';
import { parseConflicts, planEtc, readEtcTree, resultBytes } from '../../src/state/index.ts';
import { ash, busybox, libraryDir } from './ash.ts';

interface Leaf {
  readonly text?: string;
  readonly link?: string;
  readonly mode?: number;
}
interface Folder {
  readonly mode?: number;
  readonly nodes: Readonly<Record<string, Node>>;
}
type Node = Leaf | Folder;

const item = (digit: string) => ({ stateroot: 'openwrt', checksum: toChecksum(digit.repeat(64)), serial: 0 });
const names = ['a', 'b c', ' x ', '-n', 'q"u\'o', 'b\\n', 't\tab', 'n\nl\n', 'ü*$x', 'd', 'e.d'];
const leaf: fc.Arbitrary<Node> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      text: fc.constantFrom('1\n', '2\n', ''),
      mode: fc.constantFrom(0o644, 0o600, 0o4755),
    }),
  },
  { weight: 1, arbitrary: fc.record({ link: fc.constantFrom('a', '../o th\\er', 'x\ty\n', '/nowhere') }) },
);
const folder = (node: fc.Arbitrary<Node>): fc.Arbitrary<Folder> =>
  fc.record({
    nodes: fc.dictionary(fc.constantFrom(...names), node, { maxKeys: 5, noNullPrototype: true }),
    mode: fc.constantFrom(0o755, 0o700),
  });
const inner = folder(leaf);
const tree = folder(fc.oneof({ weight: 2, arbitrary: leaf }, { weight: 1, arbitrary: inner }));

describe.skipIf(busybox === undefined || process.getuid?.() !== 0)(
  'late edits of /etc, merged in sh as the merge itself would (needs busybox and root)',
  () => {
    let root: string;
    const etc = (digit: string) => join(root, `ostree/deploy/openwrt/deploy/${digit.repeat(64)}.0/etc`);
    beforeEach(() => {
      root = fs.mkdtempSync(join(tmpdir(), 'etc-late-'));
      for (const digit of ['a', 'b']) fs.mkdirSync(join(etc(digit), '../usr'), { recursive: true });
      for (const path of ['ostree/opkg-ostree', 'boot/loader/entries', 'ostree/boot.1/openwrt/c'])
        fs.mkdirSync(join(root, path), { recursive: true });
      fs.symlinkSync(join(etc('b'), '..'), join(root, 'ostree/boot.1/openwrt/c/0'));
      const entry = 'version 1\noptions ostree=/ostree/boot.1/openwrt/c/0\n';
      fs.writeFileSync(join(root, 'boot/loader/entries/ostree-1-openwrt.conf'), entry);
    });
    afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

    const late = (command: string) => ash(root, `. '${libraryDir}/etc-late.sh'\n${command}`);

    function write(at: string, node: Node): void {
      fs.rmSync(at, { recursive: true, force: true });
      if ('nodes' in node) {
        fs.mkdirSync(at);
        for (const [name, child] of Object.entries(node.nodes)) write(join(at, name), child);
      } else if (node.link !== undefined) {
        fs.symlinkSync(node.link, at);
        return;
      } else {
        fs.writeFileSync(at, node.text ?? '');
      }
      fs.chmodSync(at, node.mode ?? ('nodes' in node ? 0o755 : 0o644));
    }

    /** What the switch saw, what is there now, and what the switch made of it. */
    function prepare(seen: Node, now: Node, target: Node): void {
      write(etc('a'), seen);
      fs.writeFileSync(
        join(root, 'ostree/opkg-ostree/etc-seen'),
        renderEtcSeen(item('a'), item('b'), etc('a')),
      );
      write(join(root, 'seen'), seen);
      write(etc('a'), now);
      write(etc('b'), target);
    }

    /** The merge of the same three trees. */
    function planned() {
      const sides = {
        base: readEtcTree(join(root, 'seen')),
        live: readEtcTree(etc('a')),
        target: readEtcTree(etc('b')),
      };
      const plan = planEtc(sides);
      const result = Object.fromEntries(
        [...plan.result].map(([path, node]) => [
          path,
          node.kind === 'symlink'
            ? `-> ${node.target}`
            : `${node.mode.toString(8)} ${node.kind === 'dir' ? 'folder' : Buffer.from(resultBytes(sides, node.content)).toString()}`,
        ]),
      );
      const conflicts = plan.conflicts.map(({ path, kind, beside }) => ({ path, kind, beside }));
      return { result, conflicts, refused: plan.entries.some((entry) => entry.class === 'type-conflict') };
    }

    function made() {
      const found = readEtcTree(etc('b'));
      const result = Object.fromEntries(
        [...found.nodes].map(([path, node]) => [
          path,
          node.kind === 'symlink'
            ? `-> ${node.target}`
            : `${node.mode.toString(8)} ${node.kind === 'dir' ? 'folder' : Buffer.from(found.read(path)).toString()}`,
        ]),
      );
      const record = join(etc('b'), 'opkg-ostree/conflicts.json');
      const conflicts = fs.existsSync(record) ? parseConflicts(fs.readFileSync(record)) : [];
      return { result, conflicts };
    }

    /** Without our own folder, whose mode depends on nothing that was merged; the copies in it count. */
    const clean = (result: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(result).filter(
          ([path, text]) =>
            !path.startsWith('opkg-ostree') || (path.includes('/new/') && !text.endsWith('folder')),
        ),
      );
    const byPath = (list: readonly { readonly path: string }[]) =>
      [...list].sort((a, b) => (a.path < b.path ? -1 : 1));

    it('random trees, odd names, links, folders, modes', () => {
      fc.assert(
        fc.property(tree, tree, tree, fc.boolean(), (seen, now, target, keeps) => {
          prepare(seen, now, keeps ? seen : target);
          const wanted = planned();
          const lives = readEtcTree(etc('a'));
          const ended = late('late_merge');
          expect([ended.stderr, ended.status]).toEqual(['', 0]);
          const is = made();
          if (!wanted.refused) {
            expect(clean(is.result)).toEqual(clean(wanted.result));
            expect(byPath(is.conflicts)).toEqual(byPath(wanted.conflicts));
          }
          // What cannot be refused any more: the admin's side wins all the same.
          for (const [path, node] of lives.nodes) {
            if (node.kind === 'file' && wanted.refused && !keeps) expect(is.result[path]).toBeDefined();
          }
          expect(late('late_merge')).toMatchObject({ stdout: '', stderr: '' });
        }),
        { numRuns: 25, seed: 7 },
      );
    }, 240_000);

    it('leaves no temporary file, and never writes through a link of the new deployment', () => {
      const outside = join(root, 'outside');
      fs.mkdirSync(outside);
      const sub = (text: string): Node => ({ nodes: { d: { nodes: { f: { text } } } } });
      prepare(sub('1'), sub('2'), { nodes: { d: { link: outside } } });
      expect(late('late_merge').stderr).toBe('');
      expect(fs.readdirSync(outside)).toEqual([]);
      expect(fs.readFileSync(join(etc('b'), 'd/f'), 'utf8')).toBe('2');
      expect(made().conflicts).toEqual([{ path: 'd', kind: 'both', beside: 'd.opkg-ostree-new' }]);
      expect(fs.readdirSync(etc('b')).filter((name) => name.startsWith('.late'))).toEqual([]);
    });

    it('adds to the conflicts that the merge recorded, and overwrites no copy', () => {
      const record = { api: 1, conflicts: [{ path: 'a', kind: 'both', beside: 'a.opkg-ostree-new' }] };
      const text = (a: string, b: string) => ({ nodes: { a: { text: a }, b: { text: b } } });
      prepare(text('1', '1'), text('2', '2'), text('3', '3'));
      fs.mkdirSync(join(etc('b'), 'opkg-ostree'));
      fs.writeFileSync(
        join(etc('b'), 'opkg-ostree/conflicts.json'),
        `${JSON.stringify(record, undefined, 2)}\n`,
        { mode: 0o600 },
      );
      fs.writeFileSync(join(etc('b'), 'a.opkg-ostree-new'), 'default');
      late('late_merge');
      expect(made().conflicts.map(({ path }) => path)).toEqual(['a', 'b']);
      expect(made().result['a.opkg-ostree-new']).toBe('644 default');
      expect(fs.statSync(join(etc('b'), 'opkg-ostree/conflicts.json')).mode & 0o777).toBe(0o600);
    });

    it('lets the release keep its own files and the machine its own', () => {
      const all = (text: string): Node => ({ nodes: { openwrt_release: { text }, 'board.json': { text } } });
      prepare(all('1'), all('2'), all('3'));
      late('late_merge');
      expect(made()).toMatchObject({
        result: {
          openwrt_release: '644 3',
          'openwrt_release.opkg-ostree-old': '644 2',
          'board.json': '644 2',
        },
        conflicts: [{ path: 'openwrt_release', kind: 'release', beside: 'openwrt_release.opkg-ostree-old' }],
      });
    });

    it('merges accounts by line: edits of today, and what the new deployment added', () => {
      const accounts = (group: string, passwd: string): Node => ({
        nodes: { group: { text: group }, passwd: { text: passwd, mode: 0o600 } },
      });
      prepare(
        accounts(
          'root:x:0:\ndial:x:20:\nold:x:9:\n',
          'root:x:0:0::/root:/bin/ash\nsvc:x:5:5::/:/bin/false\n',
        ),
        accounts(
          'root:x:0:\ndial:x:20:me\nold:x:9:\nme:x:1000:\n',
          'root:x:0:0::/root:/bin/sh\nsvc:x:5:5::/:/bin/false\nme:x:1000:1000::/:/bin/sh\n',
        ),
        accounts(
          'root:x:0:\ndial:x:20:svc2\nsvc2:x:6:\n',
          'root:x:0:0::/root:/bin/ash\nsvc:x:5:5::/var:/bin/false\nsvc2:x:6:6::/:/bin/false\n',
        ),
      );
      fs.mkdirSync(join(root, 'ostree/opkg-ostree/etc-seen.d'));
      for (const name of ['passwd', 'group'])
        fs.copyFileSync(join(root, 'seen', name), join(root, 'ostree/opkg-ostree/etc-seen.d', name));
      expect(late('late_merge').stderr).toBe('');
      expect(made().result).toEqual({
        group: '644 root:x:0:\ndial:x:20:me,svc2\nme:x:1000:\nsvc2:x:6:\n',
        passwd:
          '600 root:x:0:0::/root:/bin/sh\nsvc:x:5:5::/var:/bin/false\nme:x:1000:1000::/:/bin/sh\nsvc2:x:6:6::/:/bin/false\n',
      });
    });

    describe('a UCI file that both changed', () => {
      const lan = (mask: string, more = '') => `config interface 'lan'\n\toption netmask '${mask}'\n${more}`;
      const wan = "\nconfig interface 'wan'\n\toption proto 'dhcp'\n";
      const config = (text: string, mode = 0o600): Node => ({
        nodes: { config: { nodes: { network: { text, mode } } } },
      });

      /** As a switch leaves it, then edited. */
      function switched(seen: string, now: string, target: string): void {
        write(etc('a'), config(seen));
        write(etc('b'), config(target, 0o640));
        const at = (digit: string) => ({ ...item(digit), path: join(etc(digit), '..') });
        noteEtcSeen(
          root,
          { ...at('a'), booted: true } as unknown as Deployment,
          at('b') as unknown as Deployment,
        );
        write(etc('a'), config(now));
      }

      it('is merged by section and option', () => {
        switched(lan('1'), lan('2'), `${lan('1', "\toption mtu '1400'\n")}${wan}`);
        expect(late('late_merge')).toMatchObject({ status: 0, stderr: '' });
        const result = {
          config: '755 folder',
          'config/network': `640 ${lan('2', "\toption mtu '1400'\n")}${wan}\n`,
        };
        expect(made()).toEqual({ result, conflicts: [] });
        // What was carried over is what the next run knows.
        write(etc('a'), config(lan('3')));
        expect(late('late_merge').stderr).toBe('');
        expect(made().result['config/network']).toContain(lan('3', "\toption mtu '1400'\n"));
        expect(made().conflicts).toEqual([]);
      });

      it('keeps the option of today, and what it won over beside the file', () => {
        switched(lan('1'), lan('2'), `${lan('3')}${wan}`);
        expect(late('late_merge').stderr).toBe('');
        expect(made().result).toMatchObject({
          'config/network': `640 ${lan('2')}${wan}\n`,
          'config/network.opkg-ostree-new': `600 ${lan('3')}${wan}`,
        });
        expect(made().conflicts).toEqual([
          { path: 'config/network', kind: 'uci', beside: 'config/network.opkg-ostree-new' },
        ]);
      });

      it.each([
        ['has a NUL', (now: string) => `${now}\0`, () => {}],
        ['is no UCI', (now: string) => `${now}what\n`, () => {}],
        [
          'was another one than is kept',
          (now: string) => now,
          () => fs.appendFileSync(join(root, 'ostree/opkg-ostree/etc-seen.d/config/network'), ' '),
        ],
        [
          'was not kept',
          (now: string) => now,
          () => fs.rmSync(join(root, 'ostree/opkg-ostree/etc-seen.d'), { recursive: true }),
        ],
      ])('is the one of today where it %s', (_, edit, trouble) => {
        switched(lan('1'), edit(lan('2')), lan('1', wan));
        trouble();
        expect(late('late_merge').stderr).toBe('');
        expect(made().result).toMatchObject({
          'config/network': `600 ${edit(lan('2'))}`,
          'config/network.opkg-ostree-new': `600 ${lan('1', wan)}`,
        });
        expect(made().conflicts).toMatchObject([{ path: 'config/network', kind: 'both' }]);
        expect(fs.readdirSync(etc('b')).filter((name) => name.startsWith('.late'))).toEqual([]);
      });
    });

    it('puts a folder that has to give way on record', () => {
      const file = (text: string): Node => ({ nodes: { a: { text } } });
      prepare(file('1'), file('2'), { nodes: { a: { nodes: { b: { text: '3' } } } } });
      expect(late('late_merge').stderr).toBe('');
      const beside = 'opkg-ostree/new/a.opkg-ostree-new';
      expect(made().result).toMatchObject({ a: '644 2', [`${beside}/b`]: '644 3' });
      expect(made().conflicts).toEqual([{ path: 'a', kind: 'both', beside }]);
    });

    it('tells health only of edits that are not in the new deployment', () => {
      const two = (a: string, b: string): Node => ({ nodes: { 'a b': { text: a }, 'n\nl': { text: b } } });
      prepare(two('1', '1'), two('2', '2'), two('2', '1'));
      const ended = late(`late_check openwrt/deploy/${'b'.repeat(64)}.0; echo "status $?"`);
      expect(ended.stdout).toMatch(/not merged, in .*: \/etc\/n\\nl \nstatus 1/u);
    });
  },
);
