import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import type { TreeEntry } from './entries.ts';

const MAX_TAR_BYTES = 256 * 1024 * 1024;

/** What a Debian package says and holds. */
export interface Deb {
  readonly name: string;
  readonly version: string;
  readonly depends: string;
  readonly description: string;
  readonly conffiles: readonly string[];
  readonly entries: readonly TreeEntry[];
}

/**
 * Paths of the Debian packages `names`, in `cache`; what is missing there is downloaded with `apt-get download`,
 * never installed. Throws with apt's own words when the archive cannot be reached.
 */
export function fetchDebs(names: readonly string[], cache: string): Map<string, string> {
  mkdirSync(cache, { recursive: true });
  let found = cachedDebs(cache);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    download(missing, cache);
    found = cachedDebs(cache);
  }
  const paths = new Map<string, string>();
  for (const name of names) {
    const path = found.get(name);
    if (path === undefined) throw new Error(`apt-get download gave no file for the Debian package ${name}`);
    paths.set(name, path);
  }
  return paths;
}

/** Reads a .deb with dpkg-deb. */
export async function readDeb(path: string): Promise<Deb> {
  const fields = ['Package', 'Version', 'Pre-Depends', 'Depends', 'Description'];
  const control = run('dpkg-deb', ['-f', path, ...fields]).toString();
  const field = (name: string) => new RegExp(`^${name}: (.*(?:\\n .*)*)`, 'm').exec(control)?.[1] ?? '';
  const members = run('sh', [
    '-c',
    'dpkg-deb --ctrl-tarfile "$1" | tar -xO ./conffiles 2>/dev/null || :',
    'sh',
    path,
  ]);
  return {
    name: field('Package'),
    version: field('Version'),
    depends: [field('Pre-Depends'), field('Depends')].filter((list) => list !== '').join(', '),
    description: field('Description').split('\n')[0] ?? '',
    conffiles: members
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('/')),
    entries: await readTar(run('dpkg-deb', ['--fsys-tarfile', path])),
  };
}

function cachedDebs(cache: string): Map<string, string> {
  const files = existsSync(cache) ? readdirSync(cache) : [];
  const debs = files.filter((name) => name.endsWith('.deb')).sort();
  return new Map(debs.map((name) => [name.slice(0, name.indexOf('_')), join(cache, name)]));
}

function download(names: readonly string[], cache: string): void {
  try {
    execFileSync('apt-get', ['-q', 'download', ...names], { cwd: cache, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    throw new Error(`cannot download Debian packages (${names.join(' ')}); run ./tools/setup`, { cause });
  }
}

function run(command: string, args: string[]): Buffer {
  return execFileSync(command, args, { maxBuffer: MAX_TAR_BYTES, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The entries of a tar: files, directories, links; anything else is left out. */
export async function readTar(bytes: Uint8Array): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const reader = extract();
  Readable.from([bytes]).pipe(reader);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const made = toEntry(entry.header, Buffer.concat(chunks));
    if (made !== undefined) entries.push(made);
  }
  return entries;
}

function toEntry(header: Header, content: Uint8Array): TreeEntry | undefined {
  const path = clean(header.name);
  const base = { path, mode: (header.mode ?? 0o644) & 0o7777, uid: header.uid ?? 0, gid: header.gid ?? 0 };
  const target = header.linkname ?? '';
  switch (header.type) {
    case 'file':
      return { ...base, type: 'file', content };
    case 'directory':
      return { ...base, type: 'dir' };
    case 'symlink':
      return { ...base, type: 'symlink', target };
    case 'link':
      return { ...base, type: 'hardlink', target: clean(target) };
    default:
      return undefined;
  }
}

function clean(name: string): string {
  return name.replace(/^\.\//, '').replace(/\/$/, '').replace(/^\.$/, '');
}
