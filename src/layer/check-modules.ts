/**
 * Whether the kernel can load what a layer brings: every module is built for the deployment's kernel, what it depends on is
 * there, and every name in modules.d is a module. A mismatch would show at the next boot only, as a router without its network.
 */
import { type Checksum, compareBytes, RefusedError, type RelPath, textOf, toRelPath } from '../base/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { BaseDatabase } from './database.ts';
import { moduleName, readModuleInfo } from './module-info.ts';
import { readTreeFile } from './tree-files.ts';

const modulesFolder = toRelPath('usr/lib/modules');
const autoloadFolders = [toRelPath('usr/etc/modules.d'), toRelPath('usr/etc/modules-boot.d')];
const maxModuleBytes = 64 << 20;
/** `modules.builtin` names what is part of the kernel itself. */
const builtinFiles = ['modules.builtin'];

/** One reason why a module would not load. */
export interface ModuleProblem {
  readonly path: string;
  /** The package that brings it; '' where none lists it. */
  readonly package: string;
  readonly problem: 'folder' | 'vermagic' | 'depends' | 'autoload';
  readonly text: string;
}

/**
 * Refuses a layered commit with KERNEL_MODULE_MISMATCH and every problem in `details.modules`. What was wrong in the base already
 * is the base's own affair; a layer that leaves modules alone is not looked into.
 */
export function checkModules(
  repo: Repository,
  base: Checksum,
  commit: Checksum,
  kernelRelease: string | undefined,
): void {
  const [before, after] = [moduleFiles(repo, base), moduleFiles(repo, commit)];
  if (kernelRelease === undefined || sameFiles(before, after)) return;
  const known = new Set(problemsOf(repo, base, before, kernelRelease).map(({ text }) => text));
  const fresh = problemsOf(repo, commit, after, kernelRelease).filter(({ text }) => !known.has(text));
  const first = fresh[0];
  if (first === undefined) return;
  const more = fresh.length === 1 ? '' : ` (${fresh.length} problems in all)`;
  const culprit = fresh.find((problem) => problem.package !== '')?.package;
  throw new RefusedError('KERNEL_MODULE_MISMATCH', `${first.text}${more}`, {
    hint:
      culprit === undefined
        ? `install modules that were built for kernel ${kernelRelease}`
        : `install the ${culprit} that was built for kernel ${kernelRelease}: 'opkg-ostree update' looks into the right feed`,
    details: { 'kernel-release': kernelRelease, modules: fresh.slice(0, 100) },
  });
}

type Files = ReadonlyMap<RelPath, Checksum>;

/** Modules, lists of built-in ones, and the lists of what is loaded at boot. */
function moduleFiles(repo: Repository, commit: Checksum): Files {
  const tree = MutableTree.fromCommit(repo, commit);
  const found = new Map<RelPath, Checksum>();
  for (const folder of [modulesFolder, ...autoloadFolders]) {
    if (tree.lookup(folder)?.kind !== 'dir') continue;
    for (const entry of tree.walk(folder)) {
      const name = entry.path.split('/').at(-1) ?? '';
      const counts = folder !== modulesFolder || name.endsWith('.ko') || builtinFiles.includes(name);
      if (entry.kind === 'file' && counts) found.set(entry.path, entry.checksum);
    }
  }
  return found;
}

function sameFiles(a: Files, b: Files): boolean {
  return a.size === b.size && [...a].every(([path, checksum]) => b.get(path) === checksum);
}

function problemsOf(repo: Repository, commit: Checksum, files: Files, release: string): ModuleProblem[] {
  const tree = MutableTree.fromCommit(repo, commit);
  const database = new BaseDatabase(repo, tree);
  const modules = [...files].filter(([path]) => path.endsWith('.ko'));
  const loadable = new Set(modules.map(([path]) => moduleName(fileName(path).slice(0, -'.ko'.length))));
  for (const name of builtins(repo, tree, files)) loadable.add(name);
  const problems: ModuleProblem[] = [];
  const add = (path: RelPath, problem: ModuleProblem['problem'], text: string) => {
    const owner = database.ownersOf(path)[0] ?? '';
    const by = owner === '' ? '' : ` of ${owner}`;
    problems.push({ path: `/${path}`, package: owner, problem, text: `/${path}${by} ${text}` });
  };
  for (const [path, checksum] of modules.sort(([a], [b]) => compareBytes(a, b))) {
    if (!path.startsWith(`${modulesFolder}/${release}/`)) {
      add(path, 'folder', `lies where kernel ${release} does not look`);
      continue;
    }
    const file = repo.loadFile(checksum);
    const info = file.size > maxModuleBytes ? undefined : readModuleInfo(file.readAll(maxModuleBytes));
    if (info === undefined) continue;
    // OpenWrt strips it where the kernel does not ask (CONFIG_MODULE_STRIPPED): there the package's dependency on the kernel tells.
    const built = info.vermagic?.split(' ')[0] ?? release;
    if (built !== release) add(path, 'vermagic', `was built for kernel ${built}, not for ${release}`);
    const missing = info.depends.filter((name) => !loadable.has(name));
    if (missing.length > 0) add(path, 'depends', `needs ${missing.join(', ')}, which is no module here`);
  }
  for (const path of [...files.keys()].filter(isAutoload)) {
    const missing = autoloads(repo, tree, path).filter((name) => !loadable.has(name));
    if (missing.length > 0) add(path, 'autoload', `loads ${missing.join(', ')}, which is no module here`);
  }
  return problems;
}

function isAutoload(path: RelPath): boolean {
  return autoloadFolders.some((folder) => path.startsWith(`${folder}/`));
}

/** The names in a list of modules.d: the first word of each line, as kmodloader takes them. */
function autoloads(repo: Repository, tree: MutableTree, path: RelPath): string[] {
  const file = readTreeFile(repo, tree, path);
  const lines = file === undefined ? [] : textOf(file.bytes).split('\n');
  return lines.flatMap((line) => {
    const name = line.trim().split(/\s+/u)[0] ?? '';
    return name === '' || name.startsWith('#') ? [] : [moduleName(name)];
  });
}

function builtins(repo: Repository, tree: MutableTree, files: Files): string[] {
  return [...files.keys()]
    .filter((path) => builtinFiles.includes(fileName(path)))
    .flatMap((path) => {
      const file = readTreeFile(repo, tree, path);
      return file === undefined ? [] : textOf(file.bytes).split('\n');
    })
    .map((line) => moduleName(fileName(line.trim()).replace(/\.ko$/u, '')));
}

function fileName(path: string): string {
  return path.split('/').at(-1) ?? '';
}
