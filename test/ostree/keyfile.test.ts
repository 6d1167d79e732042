import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { parseKeyFile } from '../../src/ostree/index.ts';

const sample = `# kept
[core]
repo_version=1
mode = bare

[remote "x"]
url=https://example.org/a\\sb
branches=a;b\\;c;
name[de]=hallo
`;

describe('key files', () => {
  it('reads values, lists and groups', () => {
    const file = parseKeyFile(sample);
    expect(file.groups()).toEqual(['core', 'remote "x"']);
    expect(file.keys('core')).toEqual(['repo_version', 'mode']);
    expect(file.get('core', 'mode')).toBe('bare');
    expect(file.get('core', 'absent')).toBeUndefined();
    expect(file.get('remote "x"', 'url')).toBe('https://example.org/a b');
    expect(file.getList('remote "x"', 'branches')).toEqual(['a', 'b;c']);
  });

  it('renders what it read byte for byte', () => {
    expect(parseKeyFile(sample).render()).toBe(sample);
  });

  it('changes one line and leaves the others', () => {
    const file = parseKeyFile(sample);
    file.set('core', 'mode', 'archive');
    file.set('core', 'fsync', false);
    file.set('new', 'list', ['a;b', ' c']);
    expect(file.remove('remote "x"', 'url')).toBe(true);
    expect(file.remove('remote "x"', 'url')).toBe(false);
    expect(file.render()).toBe(`# kept
[core]
repo_version=1
mode=archive
fsync=false

[remote "x"]
branches=a;b\\;c;
name[de]=hallo

[new]
list=a\\;b;\\sc;
`);
    expect(file.getList('new', 'list')).toEqual(['a;b', ' c']);
    expect(file.removeGroup('new')).toBe(true);
    expect(file.groups()).toEqual(['core', 'remote "x"']);
  });

  it('takes the last of repeated keys, as GLib does', () => {
    expect(parseKeyFile('[a]\nk=1\nk=2\n').get('a', 'k')).toBe('2');
  });

  it.each(['k=v\n', '[a\nk=v\n', '[]\n', '[a]\nnothing\n', '[a]\n=v\n'])('refuses %j', (text) => {
    expect(() => parseKeyFile(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('refuses numbers and truth values that are none', () => {
    const file = parseKeyFile('[a]\nn=1x\nb=yes\n');
    expect(() => file.getInteger('a', 'n', 0)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => file.getBoolean('a', 'b', true)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
    expect(file.getInteger('a', 'absent', 7)).toBe(7);
  });

  it('gives back any value that was set', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.string({ minLength: 1 })), (text, list) => {
        const file = parseKeyFile('');
        file.set('g', 'text', text);
        file.set('g', 'list', list);
        const again = parseKeyFile(file.render());
        expect(again.get('g', 'text')).toBe(text);
        expect(again.getList('g', 'list')).toEqual(list);
      }),
    );
  });

  it('throws nothing untyped on any text, and loses nothing of what it accepts', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', '=', '\n', '#', 'a', ';', '\\', ' ') }),
        (text) => {
          try {
            expect(parseKeyFile(`${text}\n`).render()).toBe(`${text}\n`);
          } catch (error) {
            if (!isOpkgOstreeError(error)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
