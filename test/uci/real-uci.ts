import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the real uci says of one file: its `export` and `show`, or undefined where it refuses the file. */
export interface Verdict {
  readonly export: string | undefined;
  readonly show: string | undefined;
}

const script = `cd /tmp/in; mkdir -p /tmp/out
for f in *; do
  uci -c /tmp/in export $f >/tmp/out/$f.export 2>/dev/null
  uci -c /tmp/in show $f >/tmp/out/$f.show 2>/dev/null
done`;

/** The uci of an OpenWrt root (`OPENWRT_ROOTFS`, a tar.gz), run by chroot in a folder of its own. */
export class RealUci {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Why it cannot run here, or undefined where it can. */
  static missing(): string | undefined {
    const archive = process.env['OPENWRT_ROOTFS'];
    if (archive === undefined || !fs.existsSync(archive)) return 'OPENWRT_ROOTFS names no archive';
    return process.getuid?.() === 0 ? undefined : 'chroot needs root';
  }

  static unpack(): RealUci {
    const root = fs.mkdtempSync(join(tmpdir(), 'uci-root-'));
    execFileSync('tar', ['-xzf', process.env['OPENWRT_ROOTFS'] ?? '', '-C', root], { stdio: 'ignore' });
    for (const folder of ['tmp/lock', 'tmp/run']) fs.mkdirSync(join(root, folder), { recursive: true });
    return new RealUci(root);
  }

  /** The verdict on each file, named f0, f1, …; files are byte strings. */
  judge(files: readonly string[]): Verdict[] {
    const input = join(this.root, 'tmp/in');
    const output = join(this.root, 'tmp/out');
    for (const folder of [input, output]) fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(input, { recursive: true });
    for (const [index, text] of files.entries()) fs.writeFileSync(join(input, `f${index}`), text, 'latin1');
    const run = spawnSync('chroot', [this.root, '/bin/sh', '-c', script], { encoding: 'utf8' });
    if (!fs.existsSync(output)) throw new Error(`chroot failed: ${run.stderr}`);
    return files.map((_, index) => {
      const [exported, shown] = ['export', 'show'].map((kind) =>
        fs.readFileSync(join(output, `f${index}.${kind}`), 'latin1'),
      );
      // An accepted file's export has at least its `package` line.
      return exported === '' ? { export: undefined, show: undefined } : { export: exported, show: shown };
    });
  }

  /** Runs one uci command; its output as a byte string, and its status. */
  run(...args: string[]): { status: number; output: string } {
    const run = spawnSync('chroot', [this.root, '/sbin/uci', ...args], { encoding: 'latin1' });
    return { status: run.status ?? 128, output: run.stdout };
  }

  /** Every file of the root's etc/config. */
  configFiles(): { name: string; bytes: Uint8Array }[] {
    const folder = join(this.root, 'etc/config');
    return fs.readdirSync(folder).map((name) => ({ name, bytes: fs.readFileSync(join(folder, name)) }));
  }

  remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}
