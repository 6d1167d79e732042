import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InternalError, isOpkgOstreeError, printable, UsageError } from '../src/base/index.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const declared = [...read('src/base/error-codes.ts').matchAll(/\| '([A-Z_]+)'/gu)].map(
  (match) => match[1] ?? '',
);
const documented = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gmu)].map(
  (match) => match[1] ?? '',
);

describe('error codes', () => {
  it('are all documented, once, and nothing else is', () => {
    expect([...documented].sort()).toEqual([...declared].sort());
  });

  it('are all used', () => {
    const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('error-codes.ts'))
      .map((name) => read(join('src', name)))
      .join('\n');
    expect(declared.filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  });
});

describe('an error', () => {
  it.each([
    ['a\u001b[2Jb\u0000c', 'a?[2Jb?c'],
    ['https://user:secret@host/x', 'https://host/x'],
    ['line\nline', 'line\nline'],
    ['C1 \u009b31m', 'C1 ?31m'],
  ])('shows %j as %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
    expect(new UsageError('USAGE', text, { hint: text })).toMatchObject({ message: shown, hint: shown });
  });

  it('carries its cause, and is known as ours', () => {
    const cause = new Error('inner');
    const error = new InternalError('outer', { cause });
    expect([error.cause, error.code, error.kind, isOpkgOstreeError(error), isOpkgOstreeError(cause)]).toEqual(
      [cause, 'INTERNAL', 'internal', true, false],
    );
  });
});
