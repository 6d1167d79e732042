/** The real opkg of an OpenWrt root, run by chroot on feeds whose packages are stubs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildIpk } from './ipk.ts';
import { sharedData } from './shared-data.ts';

/** One feed: its name and the text of its `Packages`. */
export interface FeedText {
  readonly name: string;
  readonly text: string;
}

export interface OpkgRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The folder of real feed indices: OPENWRT_INDICES, or that beside a developer's checkout; undefined where there is none. */
export function openwrtIndices(): string | undefined {
  const named = process.env['OPENWRT_INDICES'];
  return named !== undefined && existsSync(named) ? named : sharedData('feeds');
}

/** Every feed of a release's folder, which may be one feed itself. */
export function readFeedTexts(folder: string): FeedText[] {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  return (names.length === 0 ? [''] : names).map((name) => ({
    name: name === '' ? 'feed' : name,
    text: readFileSync(join(folder, name, 'Packages'), 'utf8'),
  }));
}

/** The values of a paragraph's fields, continuation lines included. */
export function fieldsOf(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name = '', value = ''] of paragraph.matchAll(/^([^\s:]+):((?:.*)(?:\n[ \t].*)*)/gmu)) {
    fields.set(name, value.replace(/^ /u, ''));
  }
  return fields;
}

/** The paragraphs of an index that name a package. */
export function paragraphsOf(text: string): string[] {
  return text.split(/\n\n+/u).filter((paragraph) => /^Package:/mu.test(paragraph));
}

const fileFields = new Set(['Filename', 'Size', 'SHA256sum', 'MD5Sum', 'MD5sum']);

/** The feed with a small package file for each entry that `wanted` names, and its index made to fit. */
export function writeStubFeed(
  folder: string,
  { text }: FeedText,
  wanted: (name: string) => boolean = () => true,
): void {
  mkdirSync(folder, { recursive: true });
  const paragraphs = paragraphsOf(text).map((paragraph) => {
    const fields = fieldsOf(paragraph);
    const name = fields.get('Package') ?? '';
    if (!wanted(name)) return paragraph;
    const control = Object.fromEntries([...fields].filter(([field]) => !fileFields.has(field)));
    const bytes = buildIpk({ control });
    const fileName = `${name}_${createHash('sha1').update(paragraph).digest('hex').slice(0, 8)}.ipk`;
    writeFileSync(join(folder, fileName), bytes);
    const { Description: description = '', ...own } = control;
    const digest = createHash('sha256').update(bytes).digest('hex');
    // opkg ends a paragraph at a description's line of one space: what it needs comes before.
    const file = { Filename: fileName, Size: String(bytes.byteLength), SHA256sum: digest };
    return Object.entries({ ...own, ...file, Description: description })
      .map(([field, value]) => `${field}: ${value}`)
      .join('\n');
  });
  writeIndex(folder, paragraphs);
}

/** Writes `Packages` and `Packages.gz`. */
export function writeIndex(folder: string, paragraphs: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  const text = paragraphs.map((paragraph) => `${paragraph}\n\n`).join('') || '\n';
  writeFileSync(join(folder, 'Packages'), text);
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(text));
}

export class RealOpkg {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Unpacks the root into the folder, with an empty database and no feeds. */
  static unpack(rootfs: string, root: string): RealOpkg {
    mkdirSync(root, { recursive: true });
    execFileSync('tar', ['xf', rootfs, '-C', root]);
    for (const path of ['tmp/lock', 'tmp/run', 'feeds']) mkdirSync(join(root, path), { recursive: true });
    rmSync(join(root, 'usr/lib/opkg'), { recursive: true, force: true });
    mkdirSync(join(root, 'usr/lib/opkg/info'), { recursive: true });
    rmSync(join(root, 'etc/opkg'), { recursive: true, force: true });
    mkdirSync(join(root, 'etc/opkg'));
    return new RealOpkg(root);
  }

  /** Writes the configuration for the feeds below `/feeds` of the root. */
  configure(feeds: readonly string[], architecture: string): void {
    const lines = [
      'dest root /',
      'lists_dir ext /tmp/opkg-lists',
      'arch all 1',
      'arch noarch 1',
      `arch ${architecture} 10`,
      ...feeds.map((name) => `src/gz ${name} file:///feeds/${name}`),
    ];
    writeFileSync(join(this.root, 'etc/opkg.conf'), `${lines.join('\n')}\n`);
  }

  /** The folder of a feed. */
  feed(name: string): string {
    return join(this.root, 'feeds', name);
  }

  /** Makes the database hold these paragraphs, each of an installed package. */
  writeStatus(paragraphs: readonly string[]): void {
    const text = paragraphs.map((paragraph) => `${paragraph}\nStatus: install ok installed\n\n`).join('');
    writeFileSync(join(this.root, 'usr/lib/opkg/status'), text);
    for (const paragraph of paragraphs) {
      const name = fieldsOf(paragraph).get('Package') ?? '';
      writeFileSync(join(this.root, 'usr/lib/opkg/info', `${name}.list`), '');
    }
  }

  run(...args: readonly string[]): OpkgRun {
    const options = {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { PATH: '/bin:/sbin:/usr/bin:/usr/sbin' },
    } as const;
    const { status, stdout, stderr } = spawnSync('chroot', [this.root, '/bin/opkg', ...args], options);
    return { status, stdout, stderr };
  }

  /** What `opkg install` would install, as `name version`; undefined where it refuses. */
  choice(...names: readonly string[]): string[] | undefined {
    const { status, stdout } = this.run('--noaction', 'install', ...names);
    if (status !== 0) return undefined;
    return [...stdout.matchAll(/^Installing (\S+) \((\S+)\) to root\.\.\.$/gmu)].map(
      ([, name, version]) => `${name} ${version}`,
    );
  }
}
