import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  findOption,
  mergeUci,
  parseUci,
  renderUci,
  sameOptions,
  samePackage,
  sameValue,
  type UciPackage,
} from '../../src/uci/index.ts';
import { mergeItems } from '../../src/uci/merge-values.ts';
import { limitOf, runsOf } from '../support/soak.ts';
import { type Change, changes, uciPackage, withChanges } from './arbitraries.ts';

const limit = limitOf(runsOf(1_000, 20_000), 20);

const merge = (base: string | undefined, ours: string, theirs: string, name = 'p') => {
  const bytes = (text: string) => bytesOf(text);
  const result = mergeUci(base === undefined ? undefined : bytes(base), bytes(ours), bytes(theirs), {
    package: name,
  });
  return { ...result, text: Buffer.from(result.bytes).toString('latin1') };
};

const lan = "config interface 'lan'\n\toption proto 'static'\n\toption ipaddr '192.168.1.1'\n";

describe('a merge without disagreement', () => {
  it.each([
    ['nothing changed', lan, lan, lan, lan],
    ['only theirs changed', lan, lan, `${lan}# new\n`, `${lan}# new\n`],
    ['only ours changed', lan, `# mine\n${lan}`, lan, `# mine\n${lan}`],
    [
      'both changed alike',
      lan,
      lan.replace('.1.1', '.2.1'),
      lan.replace('.1.1', '.2.1'),
      lan.replace('.1.1', '.2.1'),
    ],
    [
      'the same meaning in other bytes',
      lan,
      `# mine\n${lan.replace('.1.1', '.2.1')}`,
      lan.replace("'192.168.1.1'", '192.168.2.1'),
      `# mine\n${lan.replace('.1.1', '.2.1')}`,
    ],
    [
      'an option each, with a comment',
      lan,
      `# my router\n${lan.replace('static', 'dhcp').replace('ipaddr', 'ipaddr\t')}`,
      `${lan}\toption mtu '1400'\n`,
      `# my router\n${lan.replace('static', 'dhcp').replace('ipaddr', 'ipaddr\t')}\toption mtu '1400'\n`,
    ],
    [
      'an option that theirs drops and one that ours drops',
      lan,
      "config interface 'lan'\n\toption ipaddr '192.168.1.1' # mine\n\toption x '1'\n",
      "config interface 'lan'\n\toption proto 'static'\n",
      "config interface 'lan'\n\toption x '1'\n",
    ],
    [
      'a section each',
      lan,
      `${lan}\nconfig interface 'guest'\n\toption a '1'\n`,
      `${lan}\nconfig interface 'wan' # theirs\n\toption b "2"\n`,
      `${lan}\nconfig interface 'wan' # theirs\n\toption b "2"\n\nconfig interface 'guest'\n\toption a '1'\n`,
    ],
    [
      'a section that theirs drops, and its comment from the old default',
      `${lan}\n# the uplink\nconfig interface 'wan'\n\toption a '1'\n`,
      `# mine\n${lan}\n# the uplink\nconfig interface 'wan'\n\toption a '1'\n`,
      lan,
      `# mine\n${lan}\n`,
    ],
    [
      'a section that ours dropped and theirs left alone',
      `${lan}\nconfig interface 'wan'\n`,
      lan,
      `${lan.replace('static', 'dhcp')}\nconfig interface 'wan'\n`,
      lan.replace('static', 'dhcp'),
    ],
    [
      'items of a list',
      "config t 'n'\n\tlist s 'a'\n\tlist s 'b'\n",
      "config t 'n'\n\tlist s 'a' # first\n\tlist s 'b'\n\tlist s 'mine'\n",
      "config t 'n'\n\tlist s 'b'\n\tlist s 'new'\n",
      "config t 'n'\n\tlist s 'b'\n\tlist s 'mine'\n\tlist s 'new'\n",
    ],
    [
      'a file without a newline at its end',
      "config t 'n'\n\toption a '1'",
      "config t 'n'\n\toption a '2'",
      "config t 'n'\n\toption a '1'\n\toption b '3'",
      "config t 'n'\n\toption a '2'\n\toption b '3'\n",
    ],
    [
      'sections that only theirs put in another order',
      "config t 'a'\n\nconfig t 'b'\n\nconfig t 'c'\n",
      "# mine\nconfig t 'a'\n\nconfig t 'b'\n\toption x '1'\n\nconfig t 'c'\n",
      "config t 'c'\n\nconfig t 'a'\n\nconfig t 'b'\n",
      "config t 'c'\n# mine\nconfig t 'a'\n\nconfig t 'b'\n\toption x '1'\n\n",
    ],
    [
      'statements that share a line',
      "config t 'n'\n\toption a '1'\n\toption b '2'\n",
      "config t 'n'\n\toption a '1' ; option b '3' ; option c '4' # mine\n",
      "config t 'n'\n\toption a '5'\n\toption b '2'\n",
      "config t 'n'\n# mine\n\toption a '5'\n\toption b '3'\n\toption c '4'\n",
    ],
  ])('%s', (_, base, ours, theirs, expected) => {
    const merged = merge(base, ours, theirs);
    expect(merged.conflicts).toEqual([]);
    expect(merged.changed).toBe(expected !== ours);
    if (_ === 'sections that only theirs put in another order')
      expect(parseUci(merged.bytes).package.sections.map(({ name }) => name)).toEqual(['c', 'a', 'b']);
    else expect(merged.text).toBe(expected);
  });
});

const rule = (name: string, ...options: string[]) =>
  `config rule\n\toption name '${name}'\n${options.map((each) => `\toption ${each}\n`).join('')}\n`;

describe('anonymous sections', () => {
  it('a firewall rule of the admin and one of the new default both stay', () => {
    const base = rule('Allow-DHCP', "target 'ACCEPT'") + rule('Allow-Ping', "target 'ACCEPT'");
    const ours = `${base}# camera\n${rule('Camera', "src 'lan'", "target 'REJECT'")}`;
    const theirs =
      rule('Allow-DHCP', "target 'ACCEPT'") +
      rule('Allow-MLD', "target 'ACCEPT'") +
      rule('Allow-Ping', "target 'ACCEPT'");
    const merged = merge(base, ours, theirs, 'firewall');
    expect(merged.conflicts).toEqual([]);
    expect(merged.text).toBe(theirs + ours.slice(base.length));
  });

  it('are known by their natural key when both sides changed one', () => {
    const base = rule('A', "src 'wan'") + rule('B', "src 'wan'") + rule('C', "src 'wan'");
    const ours = rule('A', "src 'wan'") + rule('B', "src 'lan'") + rule('C', "src 'wan'");
    const theirs = rule('A', "src 'wan'") + rule('B', "src 'wan'", "proto 'udp'") + rule('C', "src 'wan'");
    const merged = merge(base, ours, theirs, 'firewall');
    expect(merged.text).toContain("name 'B'\n\toption src 'lan'\n\toption proto 'udp'");
    expect(merged.conflicts).toEqual([]);
  });

  it('that the admin deleted stay deleted', () => {
    const base = rule('A', "src 'wan'") + rule('B', "src 'wan'");
    const merged = merge(base, rule('A', "src 'lan'"), base + rule('C', "src 'wan'"), 'firewall');
    expect(merged.conflicts).toEqual([]);
    expect(parseUci(merged.bytes).package.sections).toHaveLength(2);
    expect(merged.text).not.toContain("'B'");
  });

  it('of a type that stands once belong together, however they differ', () => {
    const merged = merge(
      "config dnsmasq\n\toption a '1'\n",
      "config dnsmasq\n\toption b '2'\n",
      "config dnsmasq\n\toption a '1'\n\toption c '3'\n",
      'dhcp',
    );
    expect(merged.text).toBe("config dnsmasq\n\toption b '2'\n\toption c '3'\n");
  });

  it('without a key are known by likeness', () => {
    const peer = (key: string, port: string) =>
      `config peer\n\toption key '${key}'\n\toption port '${port}'\n\toption on '1'\n\n`;
    const base = peer('x', '1') + peer('y', '2');
    const merged = merge(
      base,
      peer('x', '9') + peer('y', '2'),
      peer('x', '1').replace("on '1'", "on '0'") + peer('y', '2'),
    );
    expect(merged.conflicts).toEqual([]);
    expect(merged.text).toBe(peer('x', '9').replace("on '1'", "on '0'") + peer('y', '2'));
  });

  it('that cannot be told apart stay as the admin has them, and that is reported', () => {
    const peer = (port: string) => `config peer\n\toption on '1'\n\toption port '${port}'\n\n`;
    const ours = `${peer('7')}${peer('8')}config t 'n'\n`;
    const merged = merge(
      peer('1') + peer('2'),
      ours,
      `${peer('3')}${peer('4')}config t 'n'\n\toption a '1'\n`,
    );
    expect(merged.text).toBe(
      `${peer('7')}${peer('8')}config t 'n'\n`.replace("config t 'n'\n", '') +
        "config t 'n'\n\toption a '1'\n",
    );
    expect(merged.conflicts).toMatchObject([{ path: 'p.@peer', kind: 'ambiguous', resolution: 'ours' }]);
  });

  it('of the same content do not take the name of one that theirs deleted', () => {
    const empty = 'config rule\n';
    const base = `${empty}${empty}config rule 'lan'\n${empty}`;
    const ours = `${empty}config rule 'lan'\n\toption a '1'\n${empty}`;
    const { text, conflicts } = merge(base, ours, `config rule\n\toption name 't'\n${empty}${empty}${empty}`);
    expect(text).toContain("config rule 'lan'\n\toption a '1'\n");
    expect(conflicts).toMatchObject([{ path: 'p.lan', kind: 'changed-deleted' }]);
  });

  it('keep their place when one got a name', () => {
    const merged = merge(
      "config led\n\toption name 'WAN'\n\toption sysfs 'a'\n",
      "config led 'led_wan'\n\toption name 'WAN'\n\toption sysfs 'a'\n",
      "config led\n\toption name 'WAN'\n\toption sysfs 'a'\n\toption mode 'link'\n",
      'system',
    );
    expect(merged.conflicts).toEqual([]);
    expect(merged.text).toBe(
      "config led 'led_wan'\n\toption name 'WAN'\n\toption sysfs 'a'\n\toption mode 'link'\n",
    );
  });
});

describe('a disagreement', () => {
  const section = (...options: string[]) => `config t 'n'\n${options.map((each) => `\t${each}\n`).join('')}`;
  it.each([
    [
      'an option',
      section("option a '1'"),
      section("option a '2'"),
      section("option a '3'"),
      'option',
      'p.n.a',
      '1',
      '2',
      '3',
    ],
    [
      'a deleted option',
      section("option a '1'", "option b '1'"),
      section("option b '2'"),
      section("option a '3'", "option b '1'"),
      'deleted-changed',
      'p.n.a',
      '1',
      null,
      '3',
    ],
    [
      'an option that theirs deleted',
      section("option a '1'"),
      section("option a '2'"),
      section("option b '1'"),
      'changed-deleted',
      'p.n.a',
      '1',
      '2',
      null,
    ],
    [
      'an item',
      section("list a '1'"),
      section("list a '2'"),
      section("list a '3'"),
      'list',
      'p.n.a',
      ['1'],
      ['2'],
      ['3'],
    ],
    [
      'option or list',
      section("option a '1'"),
      section("list a '1'", "list a '2'"),
      section("option a '3'"),
      'option',
      'p.n.a',
      '1',
      ['1', '2'],
      '3',
    ],
    [
      'a section that ours deleted',
      `${section("option a '1'")}config x\n`,
      'config x\n',
      `${section("option a '2'")}config x\n`,
      'deleted-changed',
      'p.n',
      "config t 'n'\n\toption a '1'\n",
      null,
      "config t 'n'\n\toption a '2'\n",
    ],
    [
      'a section that theirs deleted',
      `${section("option a '1'")}config x\n`,
      `${section("option a '2'")}config x\n`,
      'config x\n',
      'changed-deleted',
      'p.n',
      "config t 'n'\n\toption a '1'\n",
      "config t 'n'\n\toption a '2'\n",
      null,
    ],
    [
      'a type',
      "config t 'n'\n",
      "config u 'n'\n",
      "config v 'n'\n",
      'type',
      'p.n',
      "config t 'n'\n",
      "config u 'n'\n",
      "config v 'n'\n",
    ],
    [
      'an added option',
      undefined,
      section("option a '1'"),
      section("option a '2'"),
      'option',
      'p.n.a',
      null,
      '1',
      '2',
    ],
  ])('about %s leaves ours and is reported', (_, base, ours, theirs, kind, path, b, o, t) => {
    const merged = merge(base, ours, theirs);
    expect(merged.conflicts).toEqual([{ path, kind, base: b, ours: o, theirs: t, resolution: 'ours' }]);
    for (const { options } of parseUci(bytesOf(ours)).package.sections)
      for (const option of options) expect(merged.text).toContain(`${option.name} '`);
  });

  it('about the order leaves that of ours', () => {
    const file = (names: string) => [...names].map((name) => `config t '${name}'\n`).join('');
    const merged = merge(file('abc'), file('bac'), file('acb'));
    expect(merged.text).toBe(file('bac'));
    expect(merged.conflicts).toMatchObject([{ path: 'p', kind: 'order' }]);
  });

  it('with a file that cannot be read is an error that names the side', () => {
    expect(() => merge('config t\n', 'conf t\n', 'config u\n')).toThrow('p (ours):1:1: invalid command');
    expect(merge('conf t\n', 'conf t\n', 'x\n').text).toBe('x\n');
  });
});

describe('the items of a list', () => {
  it.each([
    ['', 'a', 'b', 'ab', false],
    ['abc', 'abcx', 'yabc', 'yabcx', false],
    ['abc', 'ac', 'abcd', 'acd', false],
    ['abc', 'axc', 'ac', 'axc', false],
    ['abc', 'axc', 'ayc', 'axc', true],
    ['ab', 'ba', 'ab', 'ba', false],
    ['abc', '', 'abcd', 'd', false],
    ['abc', 'xabc', 'xabc', 'xabc', false],
    ['a', 'aa', 'ab', 'aab', false],
  ])('of %j, %j and %j are %j', (base, ours, theirs, items, conflict) => {
    const merged = mergeItems([...base], [...ours], [...theirs]);
    expect({ ...merged, items: merged.items.join('') }).toEqual({ items, conflict });
  });
});

/** Changes of both sides to one base, as files; ours with comments between its lines. */
const cases = fc.tuple(uciPackage, changes, changes).map(([base, mine, new_]) => ({
  base,
  ours: withChanges(base, mine, 'm'),
  theirs: withChanges(base, new_, 't'),
}));

const commented = (content: UciPackage) => {
  const text = Buffer.from(renderUci(content)).toString('latin1');
  return bytesOf(`# mine\n${text.replaceAll(/^config/gmu, '# of mine\nconfig')}`);
};

/** The change with a value that stands nowhere else. */
function signed(change: Change, number: number): Change {
  return change.kind === 'add-section' ? change : { ...change, value: `mine-${number}` };
}

/** The values of a package that only `signed` changes can have made, in byte order. */
function signedValues({ sections }: UciPackage): string[] {
  const options = sections.flatMap((section) => section.options);
  return options
    .flatMap((option) => (option.kind === 'list' ? option.values : [option.value]))
    .filter((value) => value.startsWith('mine'))
    .sort();
}

describe('every merge', () => {
  it(
    'gives the side that changed where the other did not',
    () => {
      fc.assert(
        fc.property(cases, ({ base, ours, theirs }) => {
          const [a, b, c] = [renderUci(base), renderUci(ours), renderUci(theirs)];
          expect(mergeUci(a, b, b)).toEqual({ bytes: b, conflicts: [], changed: false });
          expect(mergeUci(a, a, b).bytes).toEqual(b);
          expect(mergeUci(c, a, a)).toEqual({ bytes: a, conflicts: [], changed: false });
          expect(mergeUci(a, b, a)).toEqual({ bytes: b, conflicts: [], changed: false });
          expect(mergeUci(undefined, a, a)).toEqual({ bytes: a, conflicts: [], changed: false });
        }),
        { numRuns: runsOf(300, 5_000) },
      );
    },
    limit,
  );

  it(
    'takes all of theirs where ours only has comments more, and keeps these',
    () => {
      fc.assert(
        fc.property(cases, ({ base, theirs }) => {
          const merged = mergeUci(renderUci(base), commented(base), renderUci(theirs));
          expect(merged.conflicts).toEqual([]);
          expect(samePackage(parseUci(merged.bytes).package, theirs)).toBe(true);
          expect(Buffer.from(merged.bytes).toString('latin1')).toContain('# mine\n');
        }),
        { numRuns: runsOf(500, 5_000) },
      );
    },
    limit,
  );

  it(
    'can be read, and is the same when it is merged again',
    () => {
      fc.assert(
        fc.property(cases, ({ base, ours, theirs }) => {
          const merged = mergeUci(renderUci(base), commented(ours), renderUci(theirs));
          const content = parseUci(merged.bytes).package;
          const again = mergeUci(renderUci(theirs), merged.bytes, renderUci(theirs));
          expect(samePackage(parseUci(again.bytes).package, content)).toBe(true);
        }),
        { numRuns: runsOf(500, 5_000) },
      );
    },
    limit,
  );

  it(
    'loses no option of the admin without saying so',
    () => {
      fc.assert(
        fc.property(cases, ({ base, ours, theirs }) => {
          const merged = mergeUci(renderUci(base), commented(ours), renderUci(theirs));
          const result = parseUci(merged.bytes).package;
          const reported = (name: string) => merged.conflicts.some(({ path }) => path.startsWith(name));
          for (const section of ours.sections) {
            if (section.anonymous) {
              // What the admin added or changed is in the result word for word, or merged, or reported.
              if (base.sections.some((old) => sameOptions(old, section))) continue;
              const found = result.sections.some((each) =>
                section.options.every(
                  (option) =>
                    sameValue(findOption(each, option.name), option) ||
                    base.sections.some((old) => sameValue(findOption(old, option.name), option)) ||
                    option.kind === 'list',
                ),
              );
              expect(found || merged.conflicts.length > 0).toBe(true);
              continue;
            }
            const old = base.sections.find((each) => each.name === section.name);
            const now = result.sections.find((each) => each.name === section.name);
            for (const option of section.options) {
              const was = old && findOption(old, option.name);
              if (sameValue(was, option)) continue;
              const is = now && findOption(now, option.name);
              const items = (each: typeof option) => (each.kind === 'list' ? each.values : [each.value]);
              const added = items(option).filter((item) => !(was && items(was).includes(item)));
              const kept = is !== undefined && added.every((item) => items(is).includes(item));
              expect(kept || reported(section.name)).toBe(true);
            }
          }
        }),
        { numRuns: runsOf(1_000, 20_000) },
      );
    },
    limit,
  );

  it(
    'has every value that the admin wrote, whatever theirs did',
    () => {
      const named = fc.constantFrom('p', 'firewall', 'dhcp', 'system');
      fc.assert(
        fc.property(uciPackage, changes, changes, named, (base, mine, news, name) => {
          const ours = withChanges(base, mine.map(signed), 'mine');
          const merged = mergeUci(renderUci(base), commented(ours), renderUci(withChanges(base, news, 'y')), {
            package: name,
          });
          expect(signedValues(parseUci(merged.bytes).package)).toEqual(signedValues(ours));
        }),
        { numRuns: runsOf(500, 20_000) },
      );
    },
    limit,
  );

  it(
    'has both sides, where they changed different sections, in any order',
    () => {
      fc.assert(
        fc.property(uciPackage, fc.nat(5), fc.nat(5), fc.boolean(), ({ sections }, i, j, swap) => {
          const named = sections.map((section, index) => ({
            ...section,
            name: `s${index}`,
            anonymous: false,
          }));
          const at = i % Math.max(1, named.length);
          const other = j % Math.max(1, named.length);
          fc.pre(named.length > 1 && at !== other);
          const edit = (index: number, value: string) => ({
            sections: named.map((section, k) =>
              k === index
                ? {
                    ...section,
                    options: [...section.options, { name: 'new', kind: 'option' as const, value }],
                  }
                : section,
            ),
          });
          const [x, y] = [edit(at, 'x'), edit(other, 'y')];
          const [ours, theirs] = swap ? [y, x] : [x, y];
          const merged = mergeUci(renderUci({ sections: named }), commented(ours), renderUci(theirs));
          expect(merged.conflicts).toEqual([]);
          const result = parseUci(merged.bytes).package.sections;
          expect(result[at] && findOption(result[at], 'new')).toMatchObject({ value: 'x' });
          expect(result[other] && findOption(result[other], 'new')).toMatchObject({ value: 'y' });
          expect(result).toHaveLength(named.length);
        }),
        { numRuns: runsOf(300, 5_000) },
      );
    },
    limit,
  );
});
