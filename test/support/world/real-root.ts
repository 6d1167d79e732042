import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readTar } from './build/deb.ts';
import { file, type TreeEntry } from './build/entries.ts';
import { writeFeed } from './build/feed.ts';
import { renderTar } from './build/gnu-tar.ts';
import { type BuiltIpk, buildIpk, type IpkSpec } from './build/ipk-builder.ts';
import { type FixtureKey, fixtureKey } from './build/usign-key.ts';

/** A real OpenWrt root, a second version of it made by changing files, and a signed feed for its architecture. */
export interface RealRoot {
  readonly rootfs: readonly [string, string];
  readonly kernel: string;
  readonly arch: string;
  /** Folder with `1/` and `2/`, one feed each, and `openwrt/` where OPENWRT_FEED names the folder of a real one. */
  readonly feeds: string;
  readonly packages: readonly BuiltIpk[];
  readonly key: FixtureKey;
}

const EPOCH = 1744562312;

/** The root that OPENWRT_ROOTFS names, or undefined when it names none. Throws when the file is not there. */
export function realRootPath(): string | undefined {
  const path = process.env['OPENWRT_ROOTFS'];
  if (path === undefined || path === '') return undefined;
  if (!existsSync(path)) throw new Error(`OPENWRT_ROOTFS names ${path}, which does not exist`);
  return path;
}

/** Prepares a day on the real root `path`, below `folder`. */
export async function prepareRealRoot(path: string, folder: string): Promise<RealRoot> {
  const bytes = readFileSync(path);
  const entries = await readTar(path.endsWith('.tar') ? bytes : gunzipSync(bytes));
  const arch = architectureOf(textOf(entries, 'usr/lib/opkg/status'));
  const kernel = join(folder, 'vmlinuz');
  writeFileSync(kernel, Buffer.concat([Buffer.from('MZ'), Buffer.alloc(8190, 1)]));
  const second = join(folder, 'rootfs-2.tar');
  writeFileSync(second, renderTar(entries.map(asSecondRelease), EPOCH + 1));
  const key = fixtureKey('real root');
  const [old, current] = [routerNotes(arch, 1), routerNotes(arch, 2)];
  mkdirSync(join(folder, 'feeds'), { recursive: true });
  writeFeed(join(folder, 'feeds/1'), old, key);
  writeFeed(join(folder, 'feeds/2'), current, key);
  const realFeed = process.env['OPENWRT_FEED'];
  if (realFeed !== undefined && realFeed !== '')
    symlinkSync(resolve(realFeed), join(folder, 'feeds/openwrt'));
  return { rootfs: [path, second], kernel, arch, feeds: join(folder, 'feeds'), packages: current, key };
}

/** The text of a file of the root; throws when it is not there. */
function textOf(entries: readonly TreeEntry[], path: string): string {
  const found = entries.find((entry) => entry.path === path);
  if (found?.content === undefined) throw new Error(`the root has no ${path}`);
  return Buffer.from(found.content).toString();
}

/** What a later release changes: its name, a default of the admin's files, a file of /usr. */
function asSecondRelease(entry: TreeEntry): TreeEntry {
  const text = Buffer.from(entry.content ?? []).toString();
  const with2 = (content: string): TreeEntry => ({ ...entry, content: Buffer.from(content) });
  switch (entry.path) {
    case 'usr/lib/os-release':
      return with2(text.replace(/^((?:PRETTY_NAME|VERSION|VERSION_ID)=".*)"$/gm, '$1-second"'));
    case 'etc/openwrt_release':
      return with2(text.replace(/^(DISTRIB_RELEASE='[^']*)'/m, "$1-second'"));
    case 'etc/profile':
    case 'lib/functions.sh':
      return with2(`${text}\n# second release\n`);
    default:
      return entry;
  }
}

function architectureOf(status: string): string {
  const named = [...status.matchAll(/^Architecture: (\S+)$/gm)].map((match) => match[1] ?? '');
  const found = named.find((arch) => arch !== 'all' && arch !== 'noarch');
  if (found === undefined) throw new Error('no package of the root names an architecture');
  return found;
}

/** Three small packages: a service with a configuration and a user, on two others. All shell, so that any CPU runs them. */
function routerNotes(arch: string, release: 1 | 2): BuiltIpk[] {
  const common: Omit<IpkSpec, 'name' | 'fields' | 'data' | 'description'> = {
    version: `1.${release}-1`,
    arch,
    conffiles: [],
    scripts: {},
    mtime: EPOCH + release,
  };
  const service = `#!/bin/sh /etc/rc.common\n\nSTART=60\nSTOP=40\nUSE_PROCD=1\n\nstart_service() {\n\t/usr/bin/router-notes > /tmp/router-notes\n}\n`;
  return [
    {
      ...common,
      name: 'router-notes',
      fields: {
        Depends: 'libc, router-notes-lib (>= 1.0), router-notes-words',
        'Require-User': 'notes:notes',
        Section: 'utils',
      },
      description: 'Prints a note about this router',
      conffiles: ['/etc/config/router-notes'],
      data: [
        file(
          'usr/bin/router-notes',
          '#!/bin/sh\n. /usr/lib/router-notes/lib.sh\nsay < /usr/share/router-notes/words\n',
          0o755,
        ),
        file('etc/config/router-notes', `\nconfig notes\n\toption release '${release}'\n`),
        file('etc/init.d/router-notes', service, 0o755),
      ],
    },
    {
      ...common,
      name: 'router-notes-lib',
      fields: { Depends: 'libc', Section: 'libs' },
      description: 'Says words',
      data: [file('usr/lib/router-notes/lib.sh', `say() { sed -e "s/^/note ${release}: /"; }\n`)],
    },
    {
      ...common,
      name: 'router-notes-words',
      arch: 'all',
      fields: { Depends: 'libc', Section: 'utils' },
      description: 'Words',
      data: [file('usr/share/router-notes/words', 'all is well\n')],
    },
  ].map(buildIpk);
}
