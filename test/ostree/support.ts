import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Checksum, type RefName, type RelPath, toRelPath } from '../../src/base/index.ts';
import {
  type Attributes,
  MutableTree,
  type RepoMode,
  Repository,
  type Transaction,
  type VariantDict,
  v,
} from '../../src/ostree/index.ts';

export const isRoot = process.geteuid?.() === 0;

/** True when the program runs with `--version` or `--help`. */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A private directory that is removed after the file's tests. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ostree-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/**
 * A new repository without the free-space reserve, which a full build machine would trip over, and without flushing,
 * which waits for everything else that the machine writes.
 */
export function newRepo(path: string, mode: RepoMode, options: { fsync?: boolean } = {}): Repository {
  return Repository.init(path, {
    mode,
    configure: (config) => {
      config.set('core', 'min-free-space-percent', '0');
      if (options.fsync !== true) config.set('core', 'fsync', false);
    },
  });
}

export const dirAttributes = (permissions = 0o755, uid = 0, gid = 0): Attributes => ({
  uid,
  gid,
  mode: 0o040000 | permissions,
  xattrs: [],
});
export const fileAttributes = (permissions = 0o644, uid = 0, gid = 0): Attributes => ({
  uid,
  gid,
  mode: 0o100000 | permissions,
  xattrs: [],
});
export const linkAttributes: Attributes = { uid: 0, gid: 0, mode: 0o120777, xattrs: [] };

export const p = (path: string): RelPath => toRelPath(path);

/** A tree as text: `path -> content`, `path@ -> target`, `path/ -> ''` for a directory. */
export type TreeSpec = Readonly<Record<string, string>>;

/** Writes the spec into the tree, files 0644 and directories 0755 of root. */
export function fillTree(txn: Transaction, tree: MutableTree, spec: TreeSpec): void {
  for (const [key, text] of Object.entries(spec)) {
    const path = key.replace(/[@/]$/u, '');
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    if (key.endsWith('/')) tree.ensureDirectory(p(path), dirAttributes());
    else {
      tree.ensureDirectory(p(parent), dirAttributes());
      const checksum = key.endsWith('@')
        ? txn.writeSymlink(linkAttributes, text)
        : txn.writeFile(fileAttributes(), Buffer.from(text));
      tree.putFile(p(path), checksum);
    }
  }
}

/** Commits the spec under the ref; timestamp fixed. */
export async function commitSpec(
  repo: Repository,
  ref: string | undefined,
  spec: TreeSpec,
  extra: { parent?: Checksum; metadata?: VariantDict; subject?: string } = {},
): Promise<Checksum> {
  return repo.withTransaction((txn) => {
    const tree = MutableTree.empty(repo, dirAttributes());
    fillTree(txn, tree, spec);
    const commit = txn.writeCommit({
      metadata: extra.metadata ?? (ref === undefined ? [] : [['ostree.ref-binding', v.strings([ref])]]),
      ...(extra.parent === undefined ? {} : { parent: extra.parent }),
      subject: extra.subject ?? 'test',
      body: '',
      timestamp: 1_704_164_645,
      ...tree.write(txn),
    });
    if (ref !== undefined) txn.setRef(ref as RefName, commit);
    return commit;
  });
}

/** The code of the error that `run` throws. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as { code?: string }).code ?? `no code: ${String(error)}`;
  }
  return 'no error';
}
