import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** What each room may import: docs/architecture.md draws the same arrows. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  sys: ['base'],
  ostree: ['sys', 'base'],
  packages: ['sys', 'base'],
  ipk: ['packages', 'sys', 'base'],
  uci: ['sys', 'base'],
  state: ['uci', 'sys', 'base'],
  layer: ['ipk', 'packages', 'ostree', 'uci', 'state', 'sys', 'base'],
  compose: ['ipk', 'packages', 'ostree', 'uci', 'state', 'sys', 'base'],
  image: ['sys', 'base'],
  boot: ['ipk', 'packages', 'ostree', 'uci', 'state', 'sys', 'base'],
  offline: ['ipk', 'packages', 'state', 'sys', 'base'],
  engine: ['layer', 'compose', 'boot', 'image', 'ipk', 'packages', 'ostree', 'uci', 'state', 'sys', 'base'],
  opkg: ['engine', 'offline', 'ipk', 'packages', 'sys', 'base'],
  cli: [
    'opkg',
    'rpc',
    'engine',
    'layer',
    'compose',
    'boot',
    'image',
    'ipk',
    'packages',
    'ostree',
    'uci',
    'state',
    'sys',
    'base',
  ],
  tui: ['engine', 'sys', 'base'],
  rpc: ['engine', 'sys', 'base'],
};

/** Node modules without effects: any room may use them. */
const pureModules = new Set([
  'node:buffer',
  'node:crypto',
  'node:path/posix',
  'node:stream',
  'node:stream/promises',
  'node:util',
  'node:zlib',
]);

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/u.test(name))
    .map((name) => join(src, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const room = relative(src, file).split('/')[0] ?? '';
  const found = [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/gu,
    ),
  ];
  return found.map((match) => ({
    file: relative(src, file),
    room,
    target: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

function roomOf(imported: Import): string | undefined {
  if (!imported.target.startsWith('.')) return undefined;
  const path = relative(src, resolve(join(src, dirname(imported.file)), imported.target));
  return path.startsWith('..') ? undefined : path.split('/')[0];
}

const imports = sourceFiles().flatMap(importsOf);

describe('the house', () => {
  it('has no room that the diagram does not know', () => {
    const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map((entry) => entry.name).filter((name) => !(name in allowed))).toEqual([]);
  });

  it('keeps every arrow pointing down', () => {
    const wrong = imports.filter((imported) => {
      const room = roomOf(imported);
      return room !== undefined && room !== imported.room && !(allowed[imported.room] ?? []).includes(room);
    });
    expect(wrong).toEqual([]);
  });

  it("enters another room through a door: 'index.ts', or 'rare.ts' for what is loaded when called for", () => {
    const wrong = imports.filter((imported) => {
      const room = roomOf(imported);
      const doors = [`/${room}/index.ts`, `/${room}/rare.ts`, `/${room}/rare/index.ts`];
      return (
        room !== undefined && room !== imported.room && !doors.some((door) => imported.target.endsWith(door))
      );
    });
    expect(wrong).toEqual([]);
  });

  it('talks to the operating system in sys alone', () => {
    const wrong = imports.filter(
      (imported) =>
        imported.target.startsWith('node:') && !pureModules.has(imported.target) && imported.room !== 'sys',
    );
    expect(wrong).toEqual([]);
  });

  it('reads the process and prints in the front ends and sys alone', () => {
    const wrong = sourceFiles().filter((file) => {
      const room = relative(src, file).split('/')[0] ?? '';
      return (
        !['cli', 'tui', 'rpc', 'opkg', 'sys'].includes(room) &&
        /\bprocess\.(argv|env|std|exit)|\bconsole\.(log|error|warn|info)/u.test(readFileSync(file, 'utf8'))
      );
    });
    expect(wrong).toEqual([]);
  });
});
