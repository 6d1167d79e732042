import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  bytesOf,
  exportUci,
  generatedName,
  parseUci,
  renderUci,
  samePackage,
  showUci,
} from '../../src/uci/index.ts';
import { uciPackage } from './arbitraries.ts';
import { generateFiles } from './generate.ts';

const exported = (text: string) => exportUci(parseUci(bytesOf(text)).package);

describe('reading', () => {
  it.each([
    ['nothing', '', '\n'],
    ['a name and values', "config t 'n'\n option a b\n", "\nconfig t 'n'\n\toption a 'b'\n\n"],
    [
      'letters for keywords',
      'p x\nc t n\no a 1\nl b 2\n',
      "\nconfig t 'n'\n\toption a '1'\n\tlist b '2'\n\n",
    ],
    ['quotes that change in a word', 'config t\noption a x\'y\'"z"\n', "\nconfig t\n\toption a 'xyz'\n\n"],
    ['a quote in a value', `config t\noption a "it's"\n`, "\nconfig t\n\toption a 'it'\\''s'\n\n"],
    ['a value of two lines', "config t\noption a 'x\ny'\n", "\nconfig t\n\toption a 'x\ny'\n\n"],
    ['a backslash at a line end', 'config t\noption a x\\\ny\n', "\nconfig t\n\toption a 'xy'\n\n"],
    ['a backslash in double quotes', 'config t\noption a "\\n\\""\n', "\nconfig t\n\toption a 'n\"'\n\n"],
    ['a backslash in single quotes', "config t\noption a '\\n'\n", "\nconfig t\n\toption a '\\n'\n\n"],
    ['a comment glued to a word', 'config t\noption a b#c\n', "\nconfig t\n\toption a 'b'\n\n"],
    [
      'statements parted by ;',
      "config t 'n' ; option a 'b'; option c d\n",
      "\nconfig t 'n'\n\toption a 'b'\n\toption c 'd'\n\n",
    ],
    [
      'a ; behind a bare word, which hides the rest',
      'config t n\noption a b; option c d\n',
      "\nconfig t 'n'\n\toption a 'b'\n\n",
    ],
    ['an empty option, which is none', "config t\noption a ''\noption b\n", '\nconfig t\n\n'],
    [
      'an empty option, which keeps the old value',
      "config t\noption a 1\noption a ''\n",
      "\nconfig t\n\toption a '1'\n\n",
    ],
    ['an empty list item, which is one', "config t\nlist a ''\n", "\nconfig t\n\tlist a ''\n\n"],
    [
      'a section that is opened again',
      'config t n\noption a 1\nconfig t m\nconfig t n\noption b 2\n',
      "\nconfig t 'n'\n\toption a '1'\n\toption b '2'\n\nconfig t 'm'\n\n",
    ],
    [
      'an option that is given again',
      'config t\noption a 1\noption b 2\noption a 3\n',
      "\nconfig t\n\toption b '2'\n\toption a '3'\n\n",
    ],
    [
      'a list behind an option',
      'config t\noption a 1\nlist a 2\n',
      "\nconfig t\n\tlist a '1'\n\tlist a '2'\n\n",
    ],
    ['an option behind a list', 'config t\nlist a 1\noption a 2\n', "\nconfig t\n\toption a '2'\n\n"],
    [
      'an anonymous section by its generated name',
      'config rule\nconfig rule cfg0192bd\noption a 1\n',
      "\nconfig rule\n\toption a '1'\n\n",
    ],
    ['lines that end in CR LF', "config t 'n'\r\n\toption a 'b'\r\n", "\nconfig t 'n'\n\toption a 'b'\n\n"],
    ['no newline at the end', "config t\noption a 'b'", "\nconfig t\n\toption a 'b'\n\n"],
    ['bytes that are no UTF-8', "config t\noption a '\xff\xfe'\n", "\nconfig t\n\toption a '\xff\xfe'\n\n"],
    ['a NUL, which hides its line', 'config t\noption a x\0y\noption b z\n', undefined],
  ])('understands %s', (_, text, expected) => {
    if (expected === undefined) expect(() => exported(text)).toThrow('too many arguments');
    else expect(exported(text)).toBe(expected);
  });

  it.each([
    ['foo\n', 1, 1, 'invalid command'],
    ['config t\n  optio a b\n', 2, 3, 'invalid command'],
    ['config\n', 1, 1, 'invalid command'],
    ['config ', 1, 8, 'insufficient arguments'],
    ["config ''\n", 1, 8, 'insufficient arguments'],
    ['option a b\n', 1, 1, 'option before the first section'],
    ['config t\n\toption a-b c\n', 2, 9, 'invalid character in a name'],
    ['config t a.b\n', 1, 10, 'invalid character in a name'],
    ['config t\xe4\n', 1, 8, 'invalid character in the section type'],
    ['package a.b\n', 1, 9, 'invalid character in the package name'],
    ['config t n x\n', 1, 12, 'too many arguments'],
    ["config t\noption a 'b\n\n", 2, 10, "unterminated ' at the end of the file"],
    ['config t\noption a "b\\"\n', 2, 10, 'unterminated " at the end of the file'],
    ['config t n\nconfig u n\n', 2, 1, "section 'n' exists with another type"],
    ["config t 'n'; \n", 1, 15, 'invalid command'],
  ])('refuses %j at %i:%i: %s', (text, line, column, reason) => {
    try {
      parseUci(bytesOf(text), { name: 'x' });
      expect.fail('was accepted');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'UCI_INVALID',
        message: `x:${line}:${column}: ${reason}`,
        details: { file: 'x', line, column, reason },
      });
    }
  });

  it('refuses a file beyond the limit, and a buffer that NULs would grow without end', () => {
    expect(() => parseUci(new Uint8Array(8 * 1024 * 1024 + 1))).toThrow('larger than');
    expect(() => parseUci(bytesOf('a\0\n'.repeat(40)))).toThrow('line too long');
  });

  it('leaves a changed option in its place where it is told that uci does', () => {
    const text = bytesOf('config t\noption a 1\noption b 2\noption a 3\nlist b 4\n');
    expect(exportUci(parseUci(text, { repeated: 'stays' }).package)).toBe(
      "\nconfig t\n\toption a '3'\n\tlist b '2'\n\tlist b '4'\n\n",
    );
  });

  it('keeps every byte in its lines, whatever the file', () => {
    for (const text of generateFiles(11, 2_000)) {
      try {
        const { lines } = parseUci(bytesOf(text));
        expect(lines.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
      } catch (error) {
        expect(isOpkgOstreeError(error) && error.code).toBe('UCI_INVALID');
      }
    }
  });

  it('knows the bytes of each statement and word', () => {
    const text = '# c\n\tconfig t \'n\' # x\n\toption  a "b\\\nc"d\n';
    const statements = parseUci(bytesOf(text)).lines.flatMap((line) => line.statements);
    const spans = statements.map(({ start, end, name, value }) =>
      [{ start, end }, name, value].map((span) => span && text.slice(span.start, span.end)),
    );
    expect(spans).toEqual([
      ["config t 'n'", 't', "'n'"],
      ['option  a "b\\\nc"d', 'a', '"b\\\nc"d'],
    ]);
  });

  it('never fails in another way, and reads a large file in time', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          parseUci(bytes);
        } catch (error) {
          expect(isOpkgOstreeError(error)).toBe(true);
        }
      }),
    );
    const many = "config rule\n\toption name 'x'\n\tlist a 'b'\n".repeat(20_000);
    expect(parseUci(bytesOf(many)).package.sections).toHaveLength(20_000);
    const long = `config t\noption a '${'x\n'.repeat(200_000)}'\n`;
    expect(parseUci(bytesOf(long)).lines).toHaveLength(2);
  });
});

describe('printing', () => {
  it('is read back as the same package', () => {
    fc.assert(
      fc.property(uciPackage, (content) => {
        expect(samePackage(parseUci(renderUci(content)).package, content)).toBe(true);
      }),
    );
  });

  it('shows as uci does, by position or by generated name', () => {
    const text = "config t\noption a 'x y'\nconfig t n\nlist l 1\nlist l \"it's\"\nconfig t\n";
    const { package: content } = parseUci(bytesOf(text));
    expect(showUci(content, 'p')).toBe(
      "p.@t[0]=t\np.@t[0].a='x y'\np.n=t\np.n.l='1' 'it'\\''s'\np.@t[2]=t\n",
    );
    expect(showUci(content, 'p', { generated: true })).toBe(
      "p.cfg01b619=t\np.cfg01b619.a='x y'\np.n=t\np.n.l='1' 'it'\\''s'\np.cfg03b619=t\n",
    );
    expect(exportUci(content, { package: 'p', names: true })).toContain(
      "package p\n\nconfig t 'cfg01b619'\n",
    );
  });

  it.each([
    [1, 'rule', 'cfg0192bd'],
    [2, 'dnsmasq', 'cfg02411c'],
    [300, 'rule', 'cfg12c92bd'],
  ])('generates the name of section %i of type %s', (number, type, name) => {
    expect(generatedName(number, type)).toBe(name);
  });
});
