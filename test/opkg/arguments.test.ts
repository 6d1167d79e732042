import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../src/opkg/arguments.ts';
import { opkgWords } from '../../src/opkg/index.ts';

const parse = (line: string) => parseArguments(line === '' ? [] : line.split(' '));

describe('opkg’s command line', () => {
  it.each([
    ['install a b', ['install', 'a', 'b'], []],
    ['install --nodeps a -V0 b', ['install', 'a', 'b'], ['nodeps']],
    ['-force-depends install a', ['install', 'a'], ['force_depends']],
    ['--force_depends install a', ['install', 'a'], ['force_depends']],
    ['--force-dep install a', ['install', 'a'], ['force_depends']],
    ['--auto remove a', ['remove', 'a'], ['autoremove']],
    ['--test install a', ['install', 'a'], ['noaction']],
    ['--recursive remove a', ['remove', 'a'], ['force_removal_of_dependent_packages']],
    ['-Ai whatdepends x', ['whatdepends', 'x'], ['query-all', 'nocase']],
    ['install -- --nodeps -x', ['install', '--nodeps', '-x'], []],
    ['compare-versions 1 << 2', ['compare-versions', '1', '<<', '2'], []],
    ['install -', ['install', '-'], []],
  ])('%s', (line, words, switches) => {
    const parsed = parse(line);
    expect(parsed.words).toEqual(words);
    expect([...parsed.options.switches]).toEqual(switches);
    expect(parsed.complaints).toEqual([]);
  });

  it.each([
    ['-o /r list', '/r'],
    ['-o/r list', '/r'],
    ['--offline-root=/r list', '/r'],
    ['--offline-root /r list', '/r'],
    ['--offline /r list', '/r'],
    ['--off /r list', '/r'],
    ['-offline-root /r list', '/r'],
    ['list -Ao /r', '/r'],
  ])('takes the offline root of %s', (line, root) => {
    const parsed = parse(line);
    expect(parsed.options.values.get('offline_root')).toBe(root);
    expect(parsed.words).toEqual(['list']);
  });

  it.each([
    ['-V list', 2],
    ['-V3 list', 3],
    ['--verbosity=0 list', 0],
    ['--verbosity list', 2],
    ['list', 1],
  ])('reads the verbosity of %s', (line, verbosity) => {
    expect(parse(line).options.verbosity).toBe(verbosity);
    expect(parse(line).words).toEqual(['list']);
  });

  it.each([
    ['--force list', 'opkg: option is ambiguous: force\n'],
    ['--nonsense list', 'opkg: unrecognized option: nonsense\n'],
    ['-x list', 'opkg: unrecognized option: x\n'],
    ['list -o', 'opkg: option requires an argument: o\n'],
    ['--size=3 list', 'opkg: option does not take an argument: size\n'],
  ])('complains about %s', (line, complaint) => {
    expect(parse(line).complaints).toEqual([complaint]);
  });

  it('collects architectures and destinations in their order, and passes over what is no pair', () => {
    const { options } = parse(
      '--add-arch all:100 --add-arch bad --add-arch :1 --add-dest root:/ --add-arch x:9 list',
    );
    expect(options.architectures).toEqual([
      ['all', '100'],
      ['x', '9'],
    ]);
    expect(options.destinations).toEqual([['root', '/']]);
  });

  it('never fails, whatever the words', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('-', '--', '-o', '--force', '-V', '--add-arch', '-AiV', '--=', '-=', '--offline-root='),
    );
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        const { words, complaints } = parseArguments(argv);
        expect(words.length).toBeLessThanOrEqual(argv.length);
        for (const complaint of complaints) expect(complaint).toMatch(/^opkg: /u);
      }),
    );
  });
});

describe('whether a command line is opkg’s', () => {
  const call = (line: string) => opkgWords(['node', ...line.split(' ')]);

  it.each([
    ['/usr/sbin/opkg install x', ['install', 'x'], undefined],
    ['/usr/lib/opkg-ostree.mjs opkg list', ['list'], undefined],
    ['/x.mjs --sysroot /s opkg list', ['list'], '/s'],
    ['/x.mjs --sysroot=/s opkg list', ['list'], '/s'],
  ])('%s', (line, argv, sysroot) => {
    expect(call(line)).toEqual({ argv, sysroot });
  });

  it.each(['/x.mjs install opkg', '/x.mjs status', '/x.mjs --sysroot opkg status'])('not %s', (line) => {
    expect(call(line)).toBeUndefined();
  });
});
