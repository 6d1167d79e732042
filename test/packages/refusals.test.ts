import { describe, expect, it } from 'vitest';
import { kmodsFolder } from '../../src/packages/classify.ts';
import {
  type AvailablePackage,
  type Blocker,
  type InstalledPackage,
  nearNames,
  type SolveRequest,
  solve,
} from '../../src/packages/index.ts';
import { available, installed, local, named, request, universe } from './support.ts';

type Told = Pick<Blocker, 'package' | 'reason' | 'text' | 'remedy'> & Partial<Blocker>;

interface Case {
  readonly name: string;
  readonly base?: readonly InstalledPackage[];
  readonly feed?: readonly AvailablePackage[];
  readonly install?: readonly string[];
  readonly rest?: Partial<SolveRequest>;
  readonly blockers: readonly Told[];
}

const customFeeds = '/etc/opkg/customfeeds.conf';
const kernel = installed('kernel 5.15.137-1-aaaa');

const cases: readonly Case[] = [
  {
    name: 'an unknown name, with near ones',
    feed: [available('tcpdump 1'), available('tcpdump-mini 1'), available('htop 1')],
    install: ['tcpdmup'],
    blockers: [
      {
        package: 'tcpdmup',
        chain: ['tcpdmup'],
        reason: 'missing',
        code: 'PACKAGE_UNKNOWN',
        text: 'no feed has tcpdmup; near names: tcpdump',
        remedy: "opkg-ostree install tcpdump, if that is what was meant; else 'opkg-ostree update'",
      },
    ],
  },
  {
    name: 'every dependency that nothing meets, each with its derivation',
    feed: [
      available('app 1', { depends: 'gone, mid' }),
      available('mid 2', { depends: 'deep (>= 3)' }),
      available('deep 2'),
    ],
    install: ['app'],
    blockers: [
      {
        package: 'app',
        chain: ['app', 'gone'],
        reason: 'missing',
        code: 'UNSATISFIABLE',
        text: 'app 1 needs gone: no feed has gone',
        remedy: `opkg-ostree update; if it stays missing, name the feed that has gone in ${customFeeds}`,
      },
      {
        package: 'app',
        chain: ['app', 'mid', 'deep (>= 3)'],
        reason: 'version',
        text: 'app 1 needs mid, mid 2 needs deep (>= 3): there is only deep 2',
        remedy: 'opkg-ostree update, for feeds that have deep (>= 3)',
      },
    ],
  },
  {
    name: 'every failing request at once',
    feed: [available('fine 1')],
    install: ['fine', 'xxxx', 'yyyy'],
    blockers: [
      {
        package: 'xxxx',
        reason: 'missing',
        text: 'no feed has xxxx',
        remedy: `opkg-ostree update; if it stays missing, name the feed that has xxxx in ${customFeeds}`,
      },
      {
        package: 'yyyy',
        reason: 'missing',
        text: 'no feed has yyyy',
        remedy: `opkg-ostree update; if it stays missing, name the feed that has yyyy in ${customFeeds}`,
      },
    ],
  },
  {
    name: "a module for another kernel names its kernel's feed",
    base: [kernel],
    feed: [
      available('app 1', { depends: 'kmod-x' }),
      available('kmod-x 5.10', {
        depends: 'kernel (=5.10.146-1-bbbb)',
        url: 'https://downloads.openwrt.org/releases/23.05.5/targets/x86/64/packages',
      }),
    ],
    install: ['app'],
    blockers: [
      {
        package: 'app',
        chain: ['app', 'kmod-x', 'kernel (= 5.10.146-1-bbbb)'],
        reason: 'kernel',
        text: "app 1 needs kmod-x, kmod-x 5.10 needs kernel (= 5.10.146-1-bbbb): it is built for another kernel, the base's is 5.15.137-1-aaaa",
        remedy: `add the feed of this kernel's modules, 'src/gz kmods https://downloads.openwrt.org/releases/23.05.5/targets/x86/64/kmods/5.15.137-1-aaaa', to ${customFeeds}, then 'opkg-ostree update'`,
      },
    ],
  },
  {
    name: 'a version that is not there',
    feed: [available('app 1'), available('app 2')],
    install: ['app=3'],
    blockers: [
      {
        package: 'app',
        reason: 'version',
        text: 'app (= 3): there is only app 2, app 1',
        remedy: 'opkg-ostree install app=2',
      },
    ],
  },
  {
    name: "another version of the base's own package",
    base: [installed('app 1')],
    feed: [available('app 2')],
    install: ['app=2'],
    blockers: [
      {
        package: 'app',
        reason: 'version',
        code: 'WOULD_CHANGE_BASE',
        text: 'app (= 2): the base has app 1, and an install does not change the base',
        remedy: 'opkg-ostree override replace app=2',
      },
    ],
  },
  {
    name: "a newer library than the base's, which the feed has",
    base: [installed('lib 1')],
    feed: [available('app 1', { depends: 'lib (>= 2)' }), available('lib 2')],
    install: ['app'],
    blockers: [
      {
        package: 'app',
        reason: 'version',
        code: 'WOULD_CHANGE_BASE',
        text: 'app 1 needs lib (>= 2): the base has lib 1, and an install does not change the base',
        remedy: 'opkg-ostree override replace lib=2',
      },
    ],
  },
  {
    name: "a newer library than the base's, which no feed has",
    base: [installed('lib 1')],
    feed: [available('app 1', { depends: 'lib (>= 2)' })],
    install: ['app'],
    blockers: [
      {
        package: 'app',
        reason: 'version',
        text: 'app 1 needs lib (>= 2): the base has lib 1, and an install does not change the base',
        remedy: 'opkg-ostree upgrade, for a base whose lib fits lib (>= 2)',
      },
    ],
  },
  {
    name: 'a conflict with the base, declared by either side',
    base: [installed('dnsmasq 1'), installed('guard 1', { conflicts: 'b' })],
    feed: [available('a 1', { conflicts: 'dnsmasq', replaces: 'dnsmasq' }), available('b 1')],
    install: ['a', 'b'],
    blockers: [
      {
        package: 'a',
        chain: ['a', 'dnsmasq'],
        reason: 'conflict',
        code: 'WOULD_CHANGE_BASE',
        text: "a 1 and the base's dnsmasq 1 exclude each other",
        remedy: 'opkg-ostree swap dnsmasq a',
      },
      {
        package: 'b',
        reason: 'conflict',
        text: "b 1 and the base's guard 1 exclude each other",
        remedy: 'opkg-ostree swap guard b',
      },
    ],
  },
  {
    name: 'requests that exclude each other',
    feed: [
      available('a 1', { depends: 'lib (= 1)' }),
      available('b 1', { depends: 'lib (= 2)' }),
      available('lib 1'),
      available('lib 2'),
    ],
    install: ['a', 'b'],
    blockers: [
      {
        package: 'b',
        chain: ['b', 'lib (= 2)', 'lib (= 1)', 'a'],
        reason: 'version',
        text: 'b 1 needs lib (= 2); a 1 needs lib (= 1); only one version of lib can be installed: lib 2 or lib 1',
        remedy: 'opkg-ostree remove a, or go without b',
      },
    ],
  },
  {
    name: 'a package whose own dependencies exclude each other',
    feed: [available('a 1', { depends: 'b, c' }), available('b 1', { conflicts: 'c' }), available('c 1')],
    install: ['a'],
    blockers: [
      {
        package: 'a',
        reason: 'conflict',
        text: 'a 1 needs b; a 1 needs c; b 1 conflicts with c 1',
        remedy: 'opkg-ostree update; no choice of versions in these feeds makes a installable',
      },
    ],
  },
  {
    name: 'another architecture',
    feed: [available('a 1', { arch: 'mips_24kc' })],
    install: ['a'],
    blockers: [
      {
        package: 'a',
        reason: 'arch',
        text: 'a: a is there for mips_24kc only, and this system takes all, x86_64',
        remedy: `take a build for this system: name its feed in ${customFeeds}, then 'opkg-ostree update'`,
      },
    ],
  },
  {
    name: 'removing what the base needs, with the swap that would do',
    base: [installed('dnsmasq 1'), installed('luci 1', { depends: 'dnsmasq' })],
    feed: [available('dnsmasq 2'), available('dnsmasq-full 2', { provides: 'dnsmasq' })],
    rest: { remove: [named('dnsmasq')] },
    blockers: [
      {
        package: 'dnsmasq',
        chain: ['dnsmasq', 'luci', 'dnsmasq'],
        reason: 'conflict',
        code: 'WOULD_CHANGE_BASE',
        text: "the base's luci needs dnsmasq, which the removal of dnsmasq takes away",
        remedy: 'opkg-ostree swap dnsmasq dnsmasq-full',
      },
    ],
  },
  {
    name: 'removing what the base needs and nothing else provides',
    base: [
      installed('a 1'),
      installed('b 1', { depends: 'a' }),
      installed('c 1', { depends: 'a', essential: true }),
    ],
    rest: { remove: [named('a')] },
    blockers: [
      {
        package: 'a',
        reason: 'conflict',
        text: "the base's b needs a, which the removal of a takes away",
        remedy: 'opkg-ostree override remove a b',
      },
      {
        package: 'a',
        reason: 'conflict',
        text: "the base's c needs a, which the removal of a takes away",
        remedy: 'opkg-ostree override reset a',
      },
    ],
  },
  {
    name: 'replacing what a base package needs as it is',
    base: [installed('lib 1'), installed('user 1', { depends: 'lib (= 1)' })],
    feed: [available('lib 2')],
    rest: { replace: [{ name: named('lib') }] },
    blockers: [
      {
        package: 'lib',
        reason: 'version',
        text: "the base's user needs lib (= 1), which the replacement of lib takes away",
        remedy: 'opkg-ostree override reset lib',
      },
    ],
  },
  {
    name: 'needing what an override hides',
    base: [installed('a 1')],
    feed: [available('app 1', { depends: 'a' }), available('a 2')],
    install: ['app'],
    rest: { remove: [named('a')] },
    blockers: [
      {
        package: 'app',
        reason: 'conflict',
        text: 'app 1 needs a: the override hides a',
        remedy: 'opkg-ostree override reset a',
      },
    ],
  },
  {
    name: 'essential, critical and held packages',
    base: [
      installed('a 1', { essential: true }),
      installed('procd 1'),
      installed('c 1'),
      installed('d 1', { flags: ['hold'] }),
    ],
    feed: [available('procd 2')],
    rest: {
      remove: [named('a'), named('c'), named('d')],
      replace: [{ name: named('procd') }],
      held: [named('c')],
    },
    blockers: [
      {
        package: 'a',
        reason: 'essential',
        text: 'cannot remove a 1: it is marked essential',
        remedy: 'opkg-ostree override remove a --force-critical, if the risk is known',
      },
      {
        package: 'c',
        reason: 'held',
        text: 'cannot remove c: it is held at 1',
        remedy: 'opkg-ostree override reset c',
      },
      {
        package: 'd',
        reason: 'held',
        text: 'cannot remove d: it is held at 1',
        remedy: 'opkg-ostree override reset d',
      },
      {
        package: 'procd',
        reason: 'essential',
        text: 'cannot replace procd 1: no system runs without it',
        remedy: 'opkg-ostree override replace procd --force-critical, if the risk is known',
      },
    ],
  },
  {
    name: 'a file that would take the place of a base package',
    base: [installed('a 1')],
    rest: { local: [local('a 2')] },
    blockers: [
      {
        package: 'a',
        reason: 'conflict',
        code: 'WOULD_CHANGE_BASE',
        text: "a 2 would take the place of the base's 1",
        remedy: 'opkg-ostree override replace /tmp/a_2.ipk',
      },
    ],
  },
];

describe('a refusal', () => {
  it.each(cases)('tells of $name', ({ base = [], feed = [], install = [], rest, blockers }) => {
    const result = solve(universe(base, feed), request(install, rest));
    expect(result.kind === 'refused' ? result.blockers : result).toMatchObject(blockers);
    if (result.kind === 'refused') expect(result.blockers).toHaveLength(blockers.length);
  });

  it('is not made where the risk was accepted', () => {
    const world = universe([installed('procd 1')], []);
    const wished = request([], { remove: [named('procd')], forceCritical: true });
    expect(solve(world, wished).kind).toBe('solved');
  });
});

describe('kmodsFolder', () => {
  it.each([
    ['5.15.137-1-40d241266c049468fd1eeac34d3457e0', '5.15.137-1-40d241266c049468fd1eeac34d3457e0'],
    ['6.6.73~0b6d3b9bda8d1ad4a5e9ff0bd1ad4a5e-r1', '6.6.73-1-0b6d3b9bda8d1ad4a5e9ff0bd1ad4a5e'],
  ])('of %s is %s', (version, folder) => expect(kmodsFolder(version)).toBe(folder));
});

describe('nearNames', () => {
  const names = ['luci', 'luci-app-sqm', 'curl', 'libcurl4', 'vim', 'vi'];
  it.each([
    ['lcui', ['luci']],
    ['crul', ['curl']],
    ['libcurl', ['libcurl4']],
    ['luci-ap-sqm', ['luci-app-sqm']],
    ['nothing-like-it', []],
    ['x'.repeat(200), []],
  ])('of %s are %j', (wanted, near) => expect(nearNames(wanted, names)).toEqual(near));
});
