import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bytesOf,
  findOption,
  mergeUci,
  parseUci,
  renderUci,
  samePackage,
  type UciPackage,
  type UciSection,
  type UciValue,
} from '../../src/uci/index.ts';
import { limitOf, runsOf } from '../support/soak.ts';
import { type Change, changes, uciPackage, withChanges } from '../uci/arbitraries.ts';
import { busybox, libraryDir } from './ash.ts';

const text = fc.constantFrom('1', '2', 'eth0', 'a b', '10.0.0.1/24', 'b#c', 'ü');
const plainOption = fc.oneof(
  fc.record({ name: fc.constantFrom('a', 'b', 'name'), kind: fc.constant('option' as const), value: text }),
  fc.record({
    name: fc.constantFrom('c', 'd'),
    kind: fc.constant('list' as const),
    values: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
);
/** What a router's files look like: nearly every section can be told from the others. */
const plainPackage: fc.Arbitrary<UciPackage> = fc
  .uniqueArray(
    fc.record({
      type: fc.constantFrom('rule', 'zone', 'include'),
      name: fc.constantFrom('', '', 'lan', 'wan', 'n1', 'n2'),
      options: fc.uniqueArray(plainOption, { selector: (option) => option.name, maxLength: 4 }),
    }),
    { selector: ({ name }) => (name === '' ? {} : name), maxLength: 6 },
  )
  .map((sections) => ({
    sections: sections.map((section): UciSection => ({ ...section, anonymous: section.name === '' })),
  }));

describe.skipIf(busybox === undefined)(
  'UCI files merged by awk, held against the merge itself (needs busybox)',
  () => {
    let folder: string;
    beforeAll(() => {
      folder = fs.mkdtempSync(join(tmpdir(), 'etc-late-uci-'));
    });
    afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

    function awk(base: Uint8Array, ours: Uint8Array, theirs: Uint8Array, name = 'firewall') {
      const paths = [base, ours, theirs].map((bytes, index) => {
        fs.writeFileSync(join(folder, String(index)), bytes);
        return join(folder, String(index));
      });
      const words = ['awk', '-v', `package=${name}`];
      const program = ['-f', join(libraryDir, 'etc-late-uci.awk')];
      const { status, stdout, stderr } = spawnSync(busybox ?? '', [...words, ...program, ...paths], {
        env: { LC_ALL: 'C' },
      });
      return { status, bytes: new Uint8Array(stdout), stderr: stderr.toString() };
    }
    const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

    interface Seen {
      merged: number;
      doubt: number;
      conflict: number;
      clear: number;
    }

    /** What awk made of three files is what the merge makes of them, or less. */
    function check(base: Uint8Array, ours: Uint8Array, theirs: Uint8Array, seen: Seen): void {
      const wanted = mergeUci(base, ours, theirs, { package: 'firewall' });
      const is = awk(base, ours, theirs);
      expect(is.stderr).toBe('');
      if (wanted.conflicts.length === 0) seen.clear++;
      if (is.status === 1) {
        expect(is.bytes).toHaveLength(0);
        seen.doubt++;
        return;
      }
      expect([0, 3]).toContain(is.status);
      const result = parseUci(is.bytes).package;
      if (is.status === 0) {
        seen.merged++;
        expect(wanted.conflicts).toEqual([]);
        const model = parseUci(wanted.bytes).package;
        if (!samePackage(result, model)) expect(latin(is.bytes)).toBe(latin(wanted.bytes));
        return;
      }
      seen.conflict++;
      keepsWhatOursHas(parseUci(base).package, parseUci(ours).package, result);
    }

    /** Every option that ours changed since base is in the result as ours has it, section by section. */
    function keepsWhatOursHas(base: UciPackage, ours: UciPackage, result: UciPackage): void {
      for (const section of ours.sections) {
        if (section.anonymous) continue;
        const [was, is] = [base, result].map((side) =>
          side.sections.find(({ name }) => name === section.name),
        );
        for (const option of section.options) {
          const before: UciValue | undefined = was === undefined ? undefined : findOption(was, option.name);
          if (before !== undefined && JSON.stringify(before) === JSON.stringify(option)) continue;
          expect(is === undefined ? undefined : findOption(is, option.name)).toEqual(option);
        }
      }
    }

    function property(packages: fc.Arbitrary<UciPackage>, runs: number): Seen {
      const seen: Seen = { merged: 0, doubt: 0, conflict: 0, clear: 0 };
      const spelt = (content: UciPackage, comment: string) =>
        bytesOf(`${comment}${latin(renderUci(content)).replace(/^\n/u, '')}`);
      fc.assert(
        fc.property(packages, changes, changes, (base, mine: Change[], theirs: Change[]) => {
          check(
            spelt(base, '# old\n\n'),
            spelt(withChanges(base, mine, 'm'), '# old\n# mine\n\n'),
            spelt(withChanges(base, theirs, 't'), '# new\n\n'),
            seen,
          );
        }),
        { numRuns: runs, seed: 11 },
      );
      return seen;
    }

    const runs = runsOf(300, 10_000);
    it(
      'files of a router',
      () => {
        const { merged, clear } = property(plainPackage, runs);
        expect(merged).toBeGreaterThan(clear * 0.6);
      },
      limitOf(runs, 60),
    );

    it(
      'any file',
      () => {
        expect(property(uciPackage, runs).doubt).toBeGreaterThan(runs / 10);
      },
      limitOf(runs, 60),
    );

    const rule = (name: string, more = '') =>
      `config rule\n\toption name '${name}'\n\toption src 'wan'\n${more}`;
    it.each([
      [
        'a section of the new default and one of the admin, at one place',
        `${rule('a')}\n${rule('b')}`,
        `${rule('a')}\n${rule('b')}\n${rule('mine')}`,
        `${rule('a')}\n${rule('b')}\n${rule('new')}`,
        `${rule('a')}\n${rule('b')}\n${rule('new')}\n${rule('mine')}`,
      ],
      [
        'an option here, another there; comments stay',
        `# top\n\n${rule('a')}# of b\n${rule('b')}`,
        `# mine\n\n${rule('a', "\toption proto 'tcp'\n")}# of b\n${rule('b')}`,
        `# top\n\n${rule('a')}# of b\n${rule('b', '\toption proto udp\n')}`,
        `# mine\n\n${rule('a', "\toption proto 'tcp'\n")}# of b\n${rule('b', '\toption proto udp\n')}`,
      ],
      [
        'comments behind values',
        "config a 'b'\n\toption c 0  # was 1\n\t#list d e # f\n",
        "config a 'b'\n\toption c 0\t# mine\n\t#list d e # f\n\tlist d 'e#' # all\n",
        "config a 'b' # named\n\toption c 2  # it's more\n\t#list d e # f\n",
        "config a 'b'\n\toption c 2  # it's more\n\t#list d e # f\n\tlist d 'e#' # all\n",
      ],
      [
        'what `uci commit` wrote anew',
        "# top\nconfig 'zone' 'lan'\n  option  a \"1\"\n  list b x\n",
        "\nconfig zone 'lan'\n\toption a '2'\n\tlist b 'x'\n\n",
        "# top\nconfig 'zone' 'lan'\n  option  a \"1\"\n  list b x\n  list b y\n",
        "\nconfig zone 'lan'\n\toption a '2'\n  list b x\n  list b y\n\n",
      ],
      [
        'a section that the new default lacks',
        `${rule('a')}\n# of b\n${rule('b')}`,
        `${rule('a', "\toption x '1'\n")}\n# of b\n# mine\n${rule('b')}`,
        rule('a'),
        `${rule('a', "\toption x '1'\n")}\n# mine\n\n`,
      ],
      ['a file that had been empty', '', rule('mine'), rule('new'), `${rule('new')}\n${rule('mine')}`],
    ])('%s', (_, base, ours, theirs, wanted) => {
      const is = awk(bytesOf(base), bytesOf(ours), bytesOf(theirs));
      expect([is.status, latin(is.bytes)]).toEqual([0, wanted]);
      const merged = mergeUci(bytesOf(base), bytesOf(ours), bytesOf(theirs), { package: 'firewall' });
      expect(samePackage(parseUci(is.bytes).package, parseUci(merged.bytes).package)).toBe(true);
    });

    it('leaves to people: sections that both changed and nothing tells apart', () => {
      const two = (a: string, b: string) => bytesOf(`config x\n\toption v ${a}\nconfig x\n\toption v ${b}\n`);
      expect(awk(two('1', '2'), two('3', '4'), two('1', '5'))).toMatchObject({ status: 1, stderr: '' });
    });

    it('leaves to people: what may be one section, with a name and without', () => {
      const rule = (head: string) => bytesOf(`config zone 'z'\n\nconfig ${head}\n\toption name 'a'\n`);
      const zone = bytesOf("config zone 'z'\n");
      expect(awk(zone, rule('rule'), rule("rule 'r'"))).toMatchObject({ status: 1, stderr: '' });
      expect(awk(rule('rule'), rule("rule 'r'"), zone)).toMatchObject({ status: 1, stderr: '' });
      const single = (value: string) => bytesOf(`config zone 'z'\n\nconfig defaults\n\toption ${value} 1\n`);
      expect(awk(zone, single('a'), single('b'))).toMatchObject({ status: 1, stderr: '' });
    });

    it.each([
      ['a line that joins the next one', "config a 'b'\n\toption c 1\\\n2\n"],
      ['a string over lines', "config a 'b'\n\toption c '1\n2'\n"],
      ['a keyword in short', "c a 'b'\n\to c 1\n"],
      ['an option twice', "config a 'b'\n\toption c 1\n\toption c 2\n"],
      ['a section twice', "config a 'b'\n\toption c 1\nconfig a 'b'\n"],
      ['what is no UCI', 'option c 1\n'],
      ['a backslash in a comment', "config a 'b'\n\toption c 1 # \\\n"],
      ['a text that a semicolon hides', "config a 'b'\n\toption c 1;2\n"],
      ['an empty option', "config a 'b'\n\toption c ''\n"],
    ])('leaves to people: %s', (_, odd) => {
      const [base, theirs] = [
        "config a 'b'\n\toption c '1'\n",
        "config a 'b'\n\toption c '1'\n\toption n 1\n",
      ];
      expect(awk(bytesOf(base), bytesOf(odd), bytesOf(theirs))).toMatchObject({ status: 1, stderr: '' });
    });
  },
);
