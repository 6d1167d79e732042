import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arguments, type ArgumentTable } from '../../src/rpc/arguments.ts';

const table: ArgumentTable = {
  packages: 'packages',
  name: 'package',
  ref: 'ref',
  id: 'deployment',
  job: 'job',
  query: 'text',
  path: 'path',
  limit: 'count',
  on: 'flag',
};

const refused: readonly (readonly [string, unknown])[] = [
  ['a list instead of an object', []],
  ['a number instead of an object', 7],
  ['an argument that the method does not take', { what: 'x' }],
  ['a member of every object', { constructor: 'x' }],
  ['a text instead of a list', { packages: 'tcpdump' }],
  ['a number in a list of names', { packages: ['tcpdump', 5] }],
  ['an option instead of a name', { packages: ['--force'] }],
  ['a path instead of a name', { name: '/etc/passwd' }],
  ['an address instead of a name', { packages: ['http://192.0.2.1/a.ipk'] }],
  ['a name that climbs', { name: 'a..b' }],
  ['a name with a newline', { name: 'a\nb' }],
  ['a name too long', { name: 'a'.repeat(200) }],
  ['too many names', { packages: Array.from({ length: 129 }, (_, index) => `p${index}`) }],
  ['a ref that is an option', { ref: '-f' }],
  ['a path outside of /etc', { path: '/root/x' }],
  ['a path that leaves /etc', { path: '/etc/../root/x' }],
  ['a negative number', { limit: -1 }],
  ['a fraction', { limit: 1.5 }],
  ['a number as a flag', { on: 1 }],
  ['a job that is a path', { job: '../../../etc' }],
];

describe('arguments of a call', () => {
  it.each(refused)('%s is refused', (_, value) => {
    expect(() => Arguments.parse(JSON.stringify(value), table)).toThrowError(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });

  it('what is no JSON is refused; nothing is an empty object', () => {
    expect(() => Arguments.parse('{', table)).toThrowError(expect.objectContaining({ code: 'USAGE' }));
    expect(Arguments.parse('', table).list('packages')).toEqual([]);
  });

  it('the session id is dropped before anything sees it', () => {
    const args = Arguments.parse('{"ubus_rpc_session":"0123","name":"less"}', table);
    expect(args.text('name')).toBe('less');
    expect(args.text('ubus_rpc_session')).toBeUndefined();
  });

  it('good values come back by kind, numbers bounded', () => {
    const args = Arguments.parse(
      JSON.stringify({
        packages: ['libc++', 'kmod-e1000'],
        limit: 5_000,
        on: true,
        ref: 'openwrt/x86-64',
        query: 'a b',
      }),
      table,
    );
    expect(args.list('packages')).toEqual(['libc++', 'kmod-e1000']);
    expect(args.count('limit', 1, 200)).toBe(200);
    expect(args.flag('on')).toBe(true);
    expect(args.text('ref')).toBe('openwrt/x86-64');
    expect(args.text('query')).toBe('a b');
    expect(() => args.required('name')).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });

  it('any JSON at all gives arguments or a typed error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          Arguments.parse(JSON.stringify(value), table);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'USAGE' });
        }
      }),
    );
  });
});
