import { join, resolve } from 'node:path/posix';
import type { Command } from 'commander';
import { type Checksum, RefusedError, type RelPath, UsageError } from '../../../base/index.ts';
import { Repository } from '../../../ostree/index.ts';
import { exists } from '../../../sys/index.ts';
import type { Call } from '../../program.ts';

/** Adds the option that names the repository. */
export function repoOption(command: Command): Command {
  return command.option('--repo <dir>', "the repository (default: the sysroot's)");
}

/** The folder of the repository that a call means. */
export function repoPath({ options, sysroot }: Call): string {
  const here = exists('config') && exists('objects') ? '.' : join(sysroot, 'ostree/repo');
  return resolve(options.text('repo') ?? here);
}

/** The repository that a call means. */
export function openRepo(call: Call): Repository {
  return Repository.open(repoPath(call));
}

/** The argument at `index`; UsageError where it is missing. */
export function argument(call: Call, index: number, name: string): string {
  const value = call.args[index];
  if (value !== undefined && value !== '') return value;
  throw new UsageError('USAGE', `${name} is needed`);
}

/** What is at a path of a commit. */
export type Located =
  | { readonly kind: 'file'; readonly checksum: Checksum }
  | { readonly kind: 'dir'; readonly tree: Checksum; readonly meta: Checksum };

/** What is at a path of a commit, symlinks not followed; OSTREE_PATH_NOT_FOUND where nothing is. */
export function locate(repo: Repository, commit: Checksum, path: RelPath): Located {
  const { tree, meta } = repo.loadCommit(commit);
  let at: Located | undefined = { kind: 'dir', tree, meta };
  for (const name of path === '' ? [] : path.split('/')) {
    at = at?.kind === 'dir' ? childOf(repo, at.tree, name) : undefined;
  }
  if (at !== undefined) return at;
  throw new RefusedError('OSTREE_PATH_NOT_FOUND', `the commit has no /${path}`, {
    hint: "'opkg-ostree repo ls -R COMMIT' lists what it has",
  });
}

function childOf(repo: Repository, tree: Checksum, name: string): Located | undefined {
  const { files, dirs } = repo.loadDirtree(tree);
  const file = files.find((entry) => entry.name === name);
  if (file !== undefined) return { kind: 'file', checksum: file.checksum };
  const dir = dirs.find((entry) => entry.name === name);
  return dir === undefined ? undefined : { kind: 'dir', tree: dir.tree, meta: dir.meta };
}
