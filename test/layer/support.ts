/** Small bases and packages for the tests of this room. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Checksum,
  isOpkgOstreeError,
  silentContext,
  toPackageName,
  toRelPath,
} from '../../src/base/index.ts';
import {
  assemble,
  importPackage,
  type LayeredCommit,
  type LayerReason,
  type LayerSpec,
} from '../../src/layer/index.ts';
import { commitDirectory, MutableTree, Repository, v } from '../../src/ostree/index.ts';
import { buildIpk, type IpkInput } from '../support/ipk.ts';

export const stub = `#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_postinst $0 $@
`;

const functionsSh = 'default_postinst() { return 0; }\n';

const rcCommon = `#!/bin/sh
initscript=$1
action=\${2:-help}
enable() {
	name="$(basename "$initscript")"
	[ "$START" ] && ln -sf "../init.d/$name" "$IPKG_INSTROOT/etc/rc.d/S\${START}$name"
	[ "$STOP" ] && ln -sf "../init.d/$name" "$IPKG_INSTROOT/etc/rc.d/K\${STOP}$name"
	return 0
}
. "$initscript"
$action
`;

/** Path to content, to a link (`-> target`), or to nothing for a directory (`/`). */
export type Files = Readonly<Record<string, string>>;

const baseStatus = `Package: base-files
Version: 1
Status: install hold installed
Essential: yes
Architecture: all
Conffiles:
 /etc/shells 9e7d1d8ef4a2a9a10ef7d1c8b3dd5c0d
Installed-Time: 1000

Package: busybox
Version: 1.36
Depends: libc
Status: install user installed
Architecture: all
Installed-Time: 1000

Package: oldtool
Version: 1.0
Provides: tool
Status: install ok installed
Architecture: all
Installed-Time: 1000
Auto-Installed: yes
Alternatives: 100:/bin/editor:/usr/bin/oldtool

`;

export const baseFiles: Files = {
  bin: '-> usr/bin',
  sbin: '-> usr/sbin',
  lib: '-> usr/lib',
  'var/': '',
  'tmp/': '',
  'usr/sbin/': '',
  'usr/bin/ls': '-> busybox',
  'usr/bin/mount': '-> busybox',
  'usr/bin/editor': '-> /usr/bin/oldtool',
  'usr/bin/oldtool': 'old\n',
  'usr/lib/functions.sh': functionsSh,
  'usr/etc/passwd': 'root:x:0:0:root:/root:/bin/ash\n',
  'usr/etc/group': 'root:x:0:\n',
  'usr/etc/shadow': 'root::0:0:99999:7:::\n',
  'usr/etc/shells': '/bin/ash\n',
  'usr/etc/rc.common': rcCommon,
  'usr/etc/config/system': 'config system\n',
  'usr/etc/init.d/oldd': '#!/bin/sh /etc/rc.common\nSTART=50\n',
  'usr/etc/rc.d/S50oldd': '-> ../init.d/oldd',
  'usr/lib/opkg/status': baseStatus,
  'usr/lib/opkg/info/base-files.control':
    'Package: base-files\nVersion: 1\nArchitecture: all\nRequire-User: :audio=29\n',
  'usr/lib/opkg/info/base-files.list':
    '/etc/passwd\n/etc/group\n/etc/shadow\n/etc/shells\n/etc/rc.common\n/etc/config/system\n/lib/functions.sh\n',
  'usr/lib/opkg/info/busybox.control': 'Package: busybox\nVersion: 1.36\nArchitecture: all\n',
  'usr/lib/opkg/info/busybox.list': '/bin/ls\n/bin/mount\n/bin/busybox\n/bin/editor\n',
  'usr/lib/opkg/info/oldtool.control': 'Package: oldtool\nVersion: 1.0\nArchitecture: all\n',
  'usr/lib/opkg/info/oldtool.list': '/usr/bin/oldtool\n/etc/init.d/oldd\n',
  'usr/lib/opkg/info/oldtool.extra.control': 'Package: oldtool.extra\n',
};

const busyboxPath = '/bin/busybox';
export const canSandbox =
  process.getuid?.() === 0 && existsSync(busyboxPath) && existsSync('/usr/bin/unshare');

/** Writes the files below the folder. */
function writeFiles(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const at = join(root, path);
    if (path.endsWith('/')) {
      mkdirSync(at, { recursive: true });
      continue;
    }
    mkdirSync(dirname(at), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), at);
    else {
      writeFileSync(at, content);
      chmodSync(at, content.startsWith('#!') ? 0o755 : 0o644);
    }
  }
}

/** A repository with a base commit, in a folder of its own; call `close` at the end. */
export class LayerWorld {
  readonly dir: string;
  readonly repo: Repository;
  base: Checksum;

  private constructor(dir: string, repo: Repository, base: Checksum) {
    this.dir = dir;
    this.repo = repo;
    this.base = base;
  }

  static async make(
    files: Files = {},
    options: { busybox?: boolean; parent?: string; mode?: 'bare' | 'archive' | 'bare-user' } = {},
  ): Promise<LayerWorld> {
    const dir = mkdtempSync(join(options.parent ?? tmpdir(), 'layer-test-'));
    const root = join(dir, 'root');
    mkdirSync(root, { mode: 0o755 });
    writeFiles(root, { ...baseFiles, ...files });
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    if (options.busybox === true) {
      copyFileSync(busyboxPath, join(root, 'usr/bin/busybox'));
      chmodSync(join(root, 'usr/bin/busybox'), 0o755);
      for (const name of execFileSync(busyboxPath, ['--list'], { encoding: 'utf8' }).split('\n')) {
        if (name !== '' && name !== 'busybox' && !existsSync(join(root, 'usr/bin', name))) {
          rmSync(join(root, 'usr/bin', name), { force: true });
          symlinkSync('busybox', join(root, 'usr/bin', name));
        }
      }
    } else writeFileSync(join(root, 'usr/bin/busybox'), 'busybox\n');
    const repo = Repository.init(join(dir, 'repo'), { mode: options.mode ?? 'bare' });
    const base = await repo.withTransaction(async (txn) => {
      const tree = await commitDirectory(txn, root, { owner: { uid: 0, gid: 0 } }, silentContext);
      return txn.writeCommit({
        metadata: [
          ['version', v.string('24.10')],
          ['ostree.linux', v.string('6.6.1')],
          ['ostree.ref-binding', v.strings(['base'])],
        ],
        subject: 'base',
        body: '',
        timestamp: 5000,
        ...tree,
      });
    });
    return new LayerWorld(dir, repo, base);
  }

  import(input: IpkInput, feed = 'feed') {
    const path = join(this.dir, 'package.ipk');
    writeFileSync(path, buildIpk(input));
    return importPackage(this.repo, path, { feed }, silentContext);
  }

  async layer(
    packages: readonly (IpkInput & { reason?: LayerReason })[],
    options: Partial<Omit<LayerSpec, 'remove' | 'replace'>> & { remove?: string[]; replace?: string[] } = {},
  ): Promise<LayeredCommit> {
    const imported = [];
    for (const { reason = 'requested', ...input } of packages) {
      imported.push({ commit: await this.import(input), reason, feed: 'feed' });
    }
    const { remove = [], replace = [], ...rest } = options;
    return assemble(
      this.repo,
      {
        ...{ base: this.base, packages: imported, feeds: [], scriptPolicy: 'fail', requested: [] },
        ...{ remove: remove.map(toPackageName), replace: replace.map(toPackageName) },
        ...rest,
      },
      silentContext,
    );
  }

  /** Content, `-> target`, 'dir', or undefined. */
  at(commit: Checksum, path: string): string | undefined {
    const entry = MutableTree.fromCommit(this.repo, commit).lookup(toRelPath(path));
    if (entry === undefined) return undefined;
    if (entry.kind === 'dir') return 'dir';
    const file = this.repo.loadFile(entry.checksum);
    return file.target === undefined ? Buffer.from(file.readAll()).toString() : `-> ${file.target}`;
  }

  mode(commit: Checksum, path: string): string {
    const entry = MutableTree.fromCommit(this.repo, commit).lookup(toRelPath(path));
    if (entry === undefined) return 'absent';
    const a = entry.kind === 'dir' ? entry.attributes : this.repo.loadFile(entry.checksum).attributes;
    return `${a.uid}:${a.gid} ${a.mode.toString(8)}`;
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The error as `CODE: message`. */
export async function refusal(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (isOpkgOstreeError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

export const control = (name: string, rest: Readonly<Record<string, string>> = {}) => ({
  control: { Package: name, Version: '1.0', Architecture: 'all', ...rest },
});
