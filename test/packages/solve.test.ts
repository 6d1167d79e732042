import { describe, expect, it } from 'vitest';
import {
  type AvailablePackage,
  type InstalledPackage,
  type Solution,
  type SolveRequest,
  solve,
  solveSkippingBroken,
  why,
  withSwap,
} from '../../src/packages/index.ts';
import { available, installed, local, named, plan, request, universe, wish } from './support.ts';

interface Case {
  readonly name: string;
  readonly base?: readonly InstalledPackage[];
  readonly feed: readonly AvailablePackage[];
  readonly install?: readonly string[];
  readonly rest?: Partial<SolveRequest>;
  /** `name version` in order. */
  readonly plan: readonly string[];
  readonly inactive?: readonly string[];
}

const libc = installed('libc 1.2.3-4');
const kernel = installed('kernel 5.15.137-1-aaaa');

const solvable: readonly Case[] = [
  {
    name: 'takes the newest version and its dependencies first',
    base: [libc],
    feed: [
      available('app 1'),
      available('app 2', { depends: 'libc, lib' }),
      available('lib 1.9'),
      available('lib 1.10'),
    ],
    install: ['app'],
    plan: ['lib 1.10', 'app 2'],
  },
  {
    name: 'goes back to an older version where the newest cannot be met',
    feed: [available('app 2', { depends: 'gone' }), available('app 1')],
    install: ['app'],
    plan: ['app 1'],
  },
  {
    name: 'backtracks over a choice that a later dependency forbids',
    feed: [
      available('app 1', { depends: 'lib, tool' }),
      available('lib 2'),
      available('lib 1'),
      available('tool 1', { depends: 'lib (<< 2)' }),
    ],
    install: ['app'],
    plan: ['lib 1', 'tool 1', 'app 1'],
  },
  {
    name: 'honours NAME=VERSION',
    feed: [available('app 1'), available('app 2')],
    install: ['app=1'],
    plan: ['app 1'],
  },
  {
    name: 'compares strictly where opkg lets equality pass',
    feed: [available('app 1', { depends: 'lib (<< 3-1)' }), available('lib 3-1'), available('lib 2')],
    install: ['app'],
    plan: ['lib 2', 'app 1'],
  },
  {
    name: 'takes the first alternative',
    feed: [available('app 1', { depends: 'x | y' }), available('x 1'), available('y 1')],
    install: ['app'],
    plan: ['x 1', 'app 1'],
  },
  {
    name: 'takes the next alternative where the first cannot be met',
    feed: [available('app 1', { depends: 'x | y' }), available('x 1', { depends: 'gone' }), available('y 1')],
    install: ['app'],
    plan: ['y 1', 'app 1'],
  },
  {
    name: 'lets the base meet any alternative',
    base: [installed('y 1')],
    feed: [available('app 1', { depends: 'x | y' }), available('x 1')],
    install: ['app'],
    plan: ['app 1'],
  },
  {
    name: 'takes a real name before a provider',
    feed: [available('app 1', { depends: 'x' }), available('x 1'), available('z 1', { provides: 'x' })],
    install: ['app'],
    plan: ['x 1', 'app 1'],
  },
  {
    name: 'takes the provider that is last in the alphabet, as opkg does',
    feed: [
      available('app 1', { depends: 'virt' }),
      available('p1 1', { provides: 'virt' }),
      available('p2 1', { provides: 'virt' }),
    ],
    install: ['app'],
    plan: ['p2 1', 'app 1'],
  },
  {
    name: 'takes the provider that is asked for anyway',
    feed: [
      available('app 1', { depends: 'virt' }),
      available('p1 1', { provides: 'virt' }),
      available('p2 1', { provides: 'virt' }),
    ],
    install: ['app', 'p1'],
    plan: ['p1 1', 'app 1'],
  },
  {
    name: 'installs both where a name is asked for and another requested package provides it',
    feed: [available('x 1'), available('x-full 1', { provides: 'x' })],
    install: ['x', 'x-full'],
    plan: ['x 1', 'x-full 1'],
  },
  {
    name: 'installs a provider for a request by virtual name',
    feed: [available('wpad 1', { provides: 'hostapd, wpa-supplicant' })],
    install: ['wpa-supplicant'],
    plan: ['wpad 1'],
  },
  {
    name: 'finds ABI-versioned libraries by their base name and holds constraints to their version',
    feed: [
      available('app 1', { depends: 'libubox (>= 2023)' }),
      available('libubox20220101 2022-01-01', { provides: 'libubox' }),
      available('libubox20230523 2023-05-23', { provides: 'libubox' }),
    ],
    install: ['app'],
    plan: ['libubox20230523 2023-05-23', 'app 1'],
  },
  {
    name: 'holds constraints to the version of a versioned Provides',
    feed: [
      available('app 1', { depends: 'api (= 3)' }),
      available('a 3', { provides: 'api (= 2)' }),
      available('b 1', { provides: 'api (= 3)' }),
    ],
    install: ['app'],
    plan: ['b 1', 'app 1'],
  },
  {
    name: 'installs what takes the place of the wanted package (Replaces and Conflicts)',
    feed: [available('old 1'), available('fresh 1', { replaces: 'old', conflicts: 'old' })],
    install: ['old'],
    plan: ['fresh 1'],
  },
  {
    name: 'keeps to the name where two take the place of each other',
    feed: [
      available('x 1', { replaces: 'y', conflicts: 'y' }),
      available('y 1', { replaces: 'x', conflicts: 'x' }),
    ],
    install: ['y'],
    plan: ['y 1'],
  },
  {
    name: 'needs no place to be taken by Replaces alone',
    feed: [available('old 1'), available('fresh 1', { replaces: 'old' })],
    install: ['old'],
    plan: ['old 1'],
  },
  {
    name: 'avoids a conflict by another provider',
    feed: [
      available('app 1', { depends: 'virt' }),
      available('p1 1', { provides: 'virt' }),
      available('p2 1', { provides: 'virt', conflicts: 'app' }),
    ],
    install: ['app'],
    plan: ['p1 1', 'app 1'],
  },
  {
    name: 'looks at the Conflicts of base packages as well',
    base: [installed('guard 1', { conflicts: 'p2' })],
    feed: [
      available('app 1', { depends: 'virt' }),
      available('p1 1', { provides: 'virt' }),
      available('p2 1', { provides: 'virt' }),
    ],
    install: ['app'],
    plan: ['p1 1', 'app 1'],
  },
  {
    name: 'lets a conflict with a provided name pass, as opkg does',
    feed: [available('a 1', { conflicts: 'virt' }), available('b 1', { provides: 'virt' })],
    install: ['a', 'b'],
    plan: ['a 1', 'b 1'],
  },
  {
    name: 'lets a package conflict with a name that it provides itself',
    feed: [available('a 1', { conflicts: 'virt', provides: 'virt' })],
    install: ['virt'],
    plan: ['a 1'],
  },
  {
    name: 'honours the version of a conflict',
    feed: [available('a 1', { conflicts: 'b (<< 2)' }), available('b 1'), available('b 2')],
    install: ['a', 'b'],
    plan: ['a 1', 'b 2'],
  },
  {
    name: 'prefers the higher architecture priority at the same version, and the newer version before both',
    feed: [
      available('a 1', { arch: 'all' }),
      available('a 1', { arch: 'x86_64', feed: 'second' }),
      available('b 1', { arch: 'x86_64' }),
      available('b 2', { arch: 'all' }),
    ],
    install: ['a', 'b'],
    plan: ['a 1', 'b 2'],
  },
  {
    name: 'passes over other architectures',
    feed: [available('a 2', { arch: 'mips_24kc' }), available('a 1', { arch: 'x86_64' })],
    install: ['a'],
    plan: ['a 1'],
  },
  {
    name: "takes the kernel module that is built for the base's kernel",
    base: [kernel],
    feed: [
      available('kmod-x 5.15.150-1', { depends: 'kernel (=5.15.150-1-bbbb)' }),
      available('kmod-x 5.15.137-1', { depends: 'kernel (=5.15.137-1-aaaa)', feed: 'kmods' }),
    ],
    install: ['kmod-x'],
    plan: ['kmod-x 5.15.137-1'],
  },
  {
    name: 'tells what the base has and remembers it as inactive',
    base: [installed('a 1'), installed('full 1', { provides: 'b' })],
    feed: [available('a 2'), available('b 1'), available('c 1')],
    install: ['a', 'b', 'c'],
    plan: ['c 1'],
    inactive: ['a', 'b'],
  },
  {
    name: 'ignores what the database only remembers',
    base: [installed('a 1', { state: 'not-installed' })],
    feed: [available('a 2')],
    install: ['a'],
    plan: ['a 2'],
  },
  {
    name: 'follows recommendations that can be met and leaves the others',
    feed: [
      available('app 1', { recommends: 'nice, gone, rude' }),
      available('nice 1', { depends: 'lib', recommends: 'more' }),
      available('rude 1', { conflicts: 'app' }),
      available('lib 1'),
      available('more 1'),
    ],
    install: ['app'],
    plan: ['app 1', 'lib 1', 'more 1', 'nice 1'],
  },
  {
    name: 'leaves recommendations where they are not wanted',
    feed: [available('app 1', { recommends: 'nice' }), available('nice 1')],
    install: ['app'],
    rest: { recommends: false },
    plan: ['app 1'],
  },
  {
    name: 'takes a pinned file, never the newer package of the feed',
    feed: [available('lib 2'), available('app 1', { depends: 'lib' })],
    install: ['app'],
    rest: { local: [local('lib 1')] },
    plan: ['lib 1', 'app 1'],
  },
  {
    name: 'cuts cycles and keeps a fixed order',
    feed: [
      available('a 1', { depends: 'b' }),
      available('b 1', { depends: 'c' }),
      available('c 1', { depends: 'a' }),
    ],
    install: ['b'],
    plan: ['a 1', 'c 1', 'b 1'],
  },
  {
    name: 'lets the request hide a base package that nothing needs',
    base: [installed('a 1'), installed('b 1')],
    feed: [],
    rest: { remove: [named('a'), named('absent')] },
    plan: [],
  },
  {
    name: 'does not mind what was broken in the base before',
    base: [
      installed('a 1'),
      installed('b 1', { depends: 'gone, a (>= 5)', conflicts: 'c' }),
      installed('c 1'),
    ],
    feed: [],
    rest: { remove: [named('a')] },
    plan: [],
  },
  {
    name: 'swaps a base package for one that provides it',
    base: [installed('dnsmasq 1'), installed('luci 1', { depends: 'dnsmasq' })],
    feed: [
      available('dnsmasq-full 2', { provides: 'dnsmasq', conflicts: 'dnsmasq', depends: 'lib' }),
      available('lib 1'),
    ],
    install: ['dnsmasq-full'],
    rest: { remove: [named('dnsmasq')] },
    plan: ['lib 1', 'dnsmasq-full 2'],
  },
  {
    name: 'replaces a base package by the version of the feed',
    base: [installed('lib 1'), installed('user 1', { depends: 'lib (>= 1)' })],
    feed: [available('lib 2', { depends: 'extra' }), available('extra 1')],
    rest: { replace: [{ name: named('lib') }] },
    plan: ['extra 1', 'lib 2'],
  },
  {
    name: 'replaces a base package by a file, though the feed has a newer one',
    base: [installed('lib 1')],
    feed: [available('lib 3')],
    rest: { replace: [{ name: named('lib'), package: local('lib 2') }] },
    plan: ['lib 2'],
  },
];

describe('solve', () => {
  it.each(solvable)('$name', ({ base = [], feed, install = [], rest, plan: expected, inactive }) => {
    const result = solve(universe(base, feed), request(install, rest));
    expect(plan(result)).toEqual(expected);
    if (inactive !== undefined) expect((result as Solution).inactive).toEqual(inactive);
  });

  it('tells what is removed, replaced, inactive and not recommended', () => {
    const world = universe(
      [installed('a 1'), installed('b 1')],
      [available('b 2', { recommends: 'gone' }), available('c 1')],
    );
    const wished = request(['c'], {
      remove: [named('a'), named('x')],
      replace: [{ name: named('b') }, { name: named('y') }],
    });
    const result = solve(world, wished) as Solution;
    expect(result.removed).toEqual(['a']);
    expect(result.replaced).toEqual([{ name: 'b', from: '1', to: '2' }]);
    expect(result.inactiveOverrides).toEqual(['x', 'y']);
    expect(result.unmetRecommends).toEqual([{ by: 'b', wanted: 'gone' }]);
    expect(result.install.map(({ replaces }) => replaces)).toEqual(['1', undefined]);
  });

  it('takes the package of the higher architecture', () => {
    const feed = [available('a 1', { arch: 'all' }), available('a 1', { arch: 'x86_64' })];
    const result = solve(universe([], feed), request(['a'])) as Solution;
    expect(result.install[0]?.package.architecture).toBe('x86_64');
  });

  it('gives each package its reason and the shortest chain to a request', () => {
    const feed = [
      available('app 1', { depends: 'mid, lib', recommends: 'nice' }),
      available('mid 1', { depends: 'deep' }),
      available('deep 1', { depends: 'lib' }),
      available('lib 1'),
      available('nice 1', { depends: 'fine' }),
      available('fine 1', { provides: 'virt' }),
    ];
    const result = solve(universe([], feed), request(['app'])) as Solution;
    const told = result.install.map(({ package: item, reason, requiredBy }) => [
      item.name,
      reason,
      requiredBy,
    ]);
    expect(told).toEqual([
      ['lib', 'depends', 'app'],
      ['deep', 'depends', 'mid'],
      ['mid', 'depends', 'app'],
      ['app', 'requested', undefined],
      ['fine', 'depends', 'nice'],
      ['nice', 'recommends', 'app'],
    ]);
    expect(why(result, named('fine'))?.map(({ package: item }) => item.name)).toEqual([
      'app',
      'nice',
      'fine',
    ]);
    expect(why(result, named('absent'))).toBeUndefined();
  });

  it('tells which request a provider answers', () => {
    const result = solve(universe([], [available('p 1', { provides: 'virt' })]), request(['virt', 'p']));
    const [only] = (result as Solution).install;
    expect(only?.requests).toEqual(['p', 'virt']);
    expect(why(result as Solution, named('virt'))).toEqual([only]);
  });

  it('writes a swap as one request', () => {
    const swapped = withSwap(request(['old', 'keep']), named('old'), { name: named('fresh') });
    expect(swapped.remove).toEqual(['old']);
    expect(swapped.install.map(({ name }) => name)).toEqual(['keep', 'fresh']);
  });
});

describe('solveSkippingBroken', () => {
  const world = universe(
    [],
    [available('a 1'), available('b 1', { depends: 'gone' }), available('c 1', { conflicts: 'a' })],
  );

  it('parks what cannot be met and installs the rest', () => {
    const { result, suspended } = solveSkippingBroken(world, request(['a', 'b', 'c']));
    expect(plan(result)).toEqual(['a 1']);
    expect(suspended.map(({ name, blockers }) => [name, blockers.length])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('does not park overrides', () => {
    const held = universe([installed('a 1', { flags: ['hold'] })], []);
    const { result } = solveSkippingBroken(held, request([], { remove: [named('a')] }));
    expect(result.kind).toBe('refused');
  });
});

describe('the size of a world', () => {
  it('does not grow with the square of versions, providers or conflicts', () => {
    const many = 10_000;
    const feed = Array.from({ length: many }, (_, at) =>
      available(`p${at} 1`, { provides: 'virt', depends: 'virt, x', conflicts: 'y' }),
    );
    const versions = Array.from({ length: 2000 }, (_, at) => available(`x ${at}`, { conflicts: 'y' }));
    const result = solve(universe([], [...feed, ...versions]), request(['virt', 'x']));
    expect(plan(result)).toEqual(['x 1999', 'p9999 1']);
  });

  it('makes thousands of choices that hang on each other', () => {
    const last = 3000;
    const feed = Array.from({ length: last }, (_, at) => [
      available(`p${at} 1`, { depends: `p${at + 1} | q${at + 1}` }),
      available(`q${at} 1`, { depends: `q${at + 1} | p${at + 1}` }),
    ]).flat();
    const world = universe(
      [],
      [...feed, available(`p${last} 1`, { conflicts: 'p0' }), available(`q${last} 1`)],
    );
    const chosen = plan(solve(world, request(['p0'])));
    expect(chosen).toHaveLength(last + 1);
    expect(chosen[0]).toBe(`q${last} 1`);
  });

  it('follows a chain of ten thousand dependencies', () => {
    const feed = Array.from({ length: 10_000 }, (_, at) => available(`p${at} 1`, { depends: `p${at + 1}` }));
    const world = universe([], [...feed, available('p10000 1')]);
    expect(plan(solve(world, request(['p0'], { install: [wish('p9000')] })))).toHaveLength(1001);
  });
});
