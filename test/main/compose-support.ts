import { execFileSync, spawnSync } from 'node:child_process';
import { type Checksum, silentContext, toRefName } from '../../src/base/index.ts';
import { type ComposeRequest, type ComposeResult, composeRootfs } from '../../src/compose/index.ts';
import { type RepoMode, Repository } from '../../src/ostree/index.ts';
import { productFiles } from '../../src/sys/rare.ts';

export const isRoot = process.getuid?.() === 0;
export const hasProgram = (name: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
export const branch = toRefName('openwrt/test/base');

export function compose(
  repo: Repository,
  source: ComposeRequest['source'],
  request: Partial<ComposeRequest> = {},
): Promise<ComposeResult> {
  const bootFiles = request.bootFiles ?? productFiles();
  return composeRootfs(
    repo,
    { source, branch, productVersion: '0.1.0', ...request, bootFiles },
    silentContext,
  );
}

export function initRepo(path: string, mode: RepoMode): Repository {
  return Repository.init(path, { mode });
}

/** The real command; its standard output. */
export function ostree(...args: string[]): string {
  return execFileSync('ostree', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  });
}

/** The root tree's checksum when the real command commits a directory as it is. */
export function treeByOstree(dir: string, scratch: string): string {
  execFileSync('ostree', [`--repo=${scratch}`, 'init', '--mode=bare']);
  const commit = ostree(
    `--repo=${scratch}`,
    'commit',
    '--branch=oracle',
    `--tree=dir=${dir}`,
    '--no-xattrs',
  ).trim();
  return Repository.open(scratch).loadCommit(commit as Checksum).tree;
}
