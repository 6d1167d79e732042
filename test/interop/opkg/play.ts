/** Runs scenarios with an opkg and notes what came of them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFeeds, writeRoot } from './fixture.ts';
import type { Scenario } from './scenarios.ts';

/** An opkg: runs the words on the root. All paths are the same inside and outside of what it runs in. */
export type Opkg = (words: readonly string[]) => { stdout: string; stderr: string; status: number | null };

export interface Played {
  readonly outputs: readonly { command: string; status: number | null; stdout: string; stderr: string }[];
  /** A line for each path but those that only say when: type, mode, owner, target or digest. */
  readonly tree: readonly string[];
  readonly status: string;
  readonly lists: Readonly<Record<string, string>>;
}

/** Plays the scenario on a fresh root below `folder`. */
export function play(scenario: Scenario, folder: string, opkg: Opkg, forOldOpkg = false): Played {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const root = join(folder, 'root');
  writeFeeds(folder, { forOldOpkg });
  writeRoot(root, join(folder, 'feeds'));
  const outputs: Played['outputs'][number][] = [];
  for (const step of scenario.steps) {
    if (step.startsWith('!')) {
      const ended = spawnSync('sh', ['-ec', step.slice(1)], { cwd: root });
      if (ended.status !== 0) throw new Error(`${step}: ${ended.stderr.toString()}`);
      continue;
    }
    const words = step.replaceAll('FEEDS', join(folder, 'feeds')).split(' ');
    const { stdout, stderr, status } = opkg(['-o', root, ...words]);
    const plain = (text: string) => normalize(text.replaceAll(folder, 'FOLDER'), scenario.anyOrder === true);
    outputs.push({ command: step, status, stdout: plain(stdout), stderr: plain(stderr) });
  }
  return {
    outputs,
    tree: scenario.outputsOnly === true ? [] : treeOf(root),
    status: statusOf(root),
    lists: listsOf(root),
  };
}

/** Names of temporary folders and of the program say nothing. */
function normalize(text: string, anyOrder: boolean): string {
  const plain = text
    .replace(/\/tmp\/opkg-\w{6}/gu, 'TMP')
    .replace(/TMP\/\d+-\w+\//gu, 'TMP/')
    .replace(/^Installed-Time: \d+$/gmu, 'Installed-Time: T');
  return anyOrder ? plain.split('\n').sort().join('\n') : plain;
}

export function treeOf(root: string): string[] {
  const lines: string[] = [];
  const visit = (path: string) => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const inner = path === '' ? name : `${path}/${name}`;
      const found = lstatSync(join(root, inner));
      const owner = `${(found.mode & 0o7777).toString(8)} ${found.uid}:${found.gid}`;
      if (found.isDirectory()) {
        // opkg makes the folders of every destination even when it only reads.
        if (!/^(?:mnt\b|var\/opkg-lists$)/u.test(inner)) lines.push(`${inner}/ ${owner}`);
        if (inner !== 'tmp') visit(inner);
      } else if (found.isSymbolicLink()) lines.push(`${inner} -> ${readlinkSync(join(root, inner))}`);
      else lines.push(`${inner} ${owner} ${contentOf(root, inner)}`);
    }
  };
  visit('');
  return lines;
}

function contentOf(root: string, path: string): string {
  if (path.includes('usr/lib/opkg/') && /(?:\/status|\.list)$/u.test(path)) return 'database';
  if (path.startsWith('var/opkg-lists/')) return 'list';
  // It names the folder of the feeds, which is another one in each run.
  if (path === 'etc/opkg/feeds.conf') return 'configuration';
  return createHash('sha256')
    .update(readFileSync(join(root, path)))
    .digest('hex');
}

export function statusOf(root: string): string {
  return readFileSync(join(root, 'usr/lib/opkg/status'), 'utf8').replace(
    /^Installed-Time: \d+$/gmu,
    'Installed-Time: T',
  );
}

export function listsOf(root: string): Record<string, string> {
  const folder = join(root, 'usr/lib/opkg/info');
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.list'))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8').split('\n').sort().join('\n')]),
  );
}
