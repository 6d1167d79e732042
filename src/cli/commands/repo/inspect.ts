import type { Command } from 'commander';
import {
  type Checksum,
  fromHex,
  RefusedError,
  type RelPath,
  sha256Hex,
  textOf,
  toRefName,
  toRelPath,
  UsageError,
} from '../../../base/index.ts';
import {
  type Attributes,
  type Commit,
  dictGet,
  dictString,
  diffTrees,
  isSymlink,
  type LogEntry,
  log,
  type Repository,
} from '../../../ostree/index.ts';
import { addCommand, type Call, type RunContext } from '../../program.ts';
import { printVariant } from '../../render/variant.ts';
import { argument, type Located, locate, openRepo, repoOption } from './open.ts';

/** ls, cat, log, show, diff, refs, rev-parse: what is in a repository, printed as ostree prints it. */
export function inspectCommands(repo: Command, run: RunContext): void {
  addCommand(
    repo,
    run,
    'ls <rev> [path...]',
    'List the files of a commit',
    (c) =>
      repoOption(c)
        .option('-d, --dironly', 'do not list what is in a directory')
        .option('-R, --recursive', 'list directories with all below them')
        .option('-C, --checksum', 'print checksums')
        .option('--nul-filenames-only', 'print paths only, each ended by a NUL'),
    ls,
  );
  addCommand(repo, run, 'cat <rev> <path...>', 'Print files of a commit', repoOption, cat);
  addCommand(repo, run, 'log <rev>', 'Show a commit and its ancestors', repoOption, logCommand);
  addCommand(
    repo,
    run,
    'show <rev>',
    'Show a commit',
    (c) =>
      repoOption(c)
        .option('--print-metadata-key <key>', 'print this value of its metadata')
        .option('--list-metadata-keys', 'print the keys of its metadata'),
    show,
  );
  addCommand(
    repo,
    run,
    'diff <a> [b]',
    'Show how two commits differ (one argument: from its parent)',
    repoOption,
    diff,
  );
  addCommand(
    repo,
    run,
    'refs [prefix]',
    'List refs',
    (c) =>
      repoOption(c)
        .option('--list', 'do not cut the prefix off')
        .option('--create <ref>', 'make a ref that points to the commit of PREFIX')
        .option('--delete', 'delete the refs with that prefix'),
    refs,
  );
  addCommand(repo, run, 'rev-parse <rev...>', 'Print the commits that revisions name', repoOption, revParse);
}

interface Listed {
  readonly path: string;
  readonly type: 'd' | 'l' | '-';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target: string | null;
  readonly checksum: string;
}

function ls(call: Call) {
  const repo = openRepo(call);
  const commit = repo.resolveRev(argument(call, 0, 'a revision'));
  const paths = call.args.length > 1 ? call.args.slice(1) : ['/'];
  const { options } = call;
  const depth = options.flag('dironly') ? 0 : options.flag('recursive') ? Number.POSITIVE_INFINITY : 1;
  const found = paths.flatMap((path) => {
    const clean = toRelPath(path);
    return listAt(repo, clean, locate(repo, commit, clean), depth);
  });
  if (options.flag('nulFilenamesOnly')) {
    return {
      json: found,
      text: found.length === 0 ? [] : [found.map(({ path }) => `${path}\0`).join('')],
      raw: true,
    };
  }
  return { json: found, text: found.map((item) => listLine(item, options.flag('checksum'))) };
}

/** The entry and, down to `depth`, what is below it; as ostree, a directory's files before its directories. */
function listAt(repo: Repository, path: RelPath, entry: Located, depth: number): Listed[] {
  if (entry.kind === 'file') return [listedFile(repo, path, entry.checksum)];
  const checksum = `${entry.tree} ${entry.meta}`;
  const own: Listed = {
    path: `/${path}`,
    type: 'd',
    ...owner(repo.loadDirmeta(entry.meta)),
    size: 0,
    target: null,
    checksum,
  };
  if (depth === 0) return [own];
  const below = (name: string) => (path === '' ? name : `${path}/${name}`) as RelPath;
  const { files, dirs } = repo.loadDirtree(entry.tree);
  return [
    own,
    ...files.map((file) => listedFile(repo, below(file.name), file.checksum)),
    ...dirs.flatMap((dir) =>
      listAt(repo, below(dir.name), { kind: 'dir', tree: dir.tree, meta: dir.meta }, depth - 1),
    ),
  ];
}

function listedFile(repo: Repository, path: RelPath, checksum: Checksum): Listed {
  const { attributes, size, target } = repo.loadFile(checksum);
  return {
    path: `/${path}`,
    type: isSymlink(attributes) ? 'l' : '-',
    ...owner(attributes),
    size: target === undefined ? size : 0,
    target: target ?? null,
    checksum,
  };
}

function owner({ mode, uid, gid }: Attributes) {
  return { mode: (mode & 0o7777).toString(8).padStart(5, '0'), uid, gid };
}

function listLine(
  { path, type, mode, uid, gid, size, target, checksum }: Listed,
  withChecksum: boolean,
): string {
  const sum = withChecksum ? `${checksum} ` : '';
  return `${type}${mode} ${uid} ${gid} ${String(size).padStart(6)} ${sum}${path}${target === null ? '' : ` -> ${target}`}`;
}

const maxPrinted = 64 << 20;

function cat(call: Call) {
  const repo = openRepo(call);
  const commit = repo.resolveRev(argument(call, 0, 'a revision'));
  const texts = call.args.slice(1).map((path) => {
    const entry = locate(repo, commit, toRelPath(path));
    if (entry.kind === 'dir') throw new RefusedError('OSTREE_PATH_KIND', `${path} is a directory`);
    return textOf(repo.loadFile(entry.checksum).readAll(maxPrinted));
  });
  return { json: { content: texts }, text: [texts.join('')], raw: true };
}

function logCommand(call: Call) {
  const repo = openRepo(call);
  const entries = [...log(repo, repo.resolveRev(argument(call, 0, 'a revision')))];
  return { json: entries.map(commitJson), text: entries.flatMap(commitLines) };
}

function show(call: Call) {
  const repo = openRepo(call);
  const checksum = repo.resolveRev(argument(call, 0, 'a revision'));
  const commit = repo.loadCommit(checksum);
  const key = call.options.text('printMetadataKey');
  if (key !== undefined) {
    const value = dictGet(commit.metadata, key);
    if (value === undefined)
      throw new RefusedError('OSTREE_PATH_NOT_FOUND', `the commit has no metadata '${key}'`);
    return { json: { [key]: printVariant(value) }, text: [printVariant(value)] };
  }
  if (call.options.flag('listMetadataKeys')) {
    const keys = commit.metadata.map(([name]) => name).sort();
    return { json: keys, text: keys };
  }
  return { json: commitJson({ checksum, commit }), text: commitLines({ checksum, commit }) };
}

function commitJson({ checksum, commit }: LogEntry) {
  return {
    checksum,
    parent: commit.parent ?? null,
    'content-checksum': contentChecksum(commit),
    timestamp: new Date(commit.timestamp * 1000).toISOString(),
    version: dictString(commit.metadata, 'version') ?? null,
    subject: commit.subject,
    body: commit.body,
  };
}

/** As ostree prints a commit; the last line is empty. */
function commitLines({ checksum, commit }: LogEntry): string[] {
  const date = new Date(commit.timestamp * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/u, ' +0000');
  const version = dictString(commit.metadata, 'version');
  const indent = (text: string) => text.split('\n').map((line) => `    ${line}`);
  return [
    `commit ${checksum}`,
    ...(commit.parent === undefined ? [] : [`Parent:  ${commit.parent}`]),
    `ContentChecksum:  ${contentChecksum(commit)}`,
    `Date:  ${date}`,
    ...(version === undefined ? [] : [`Version: ${version}`]),
    '',
    ...(commit.subject === '' ? ['    (no subject)'] : indent(commit.subject)),
    '',
    ...(commit.body === '' ? [] : [...indent(commit.body.replace(/\n$/u, '')), '']),
  ];
}

/** The SHA-256 of both root checksums: equal for commits of the same tree (ostree_commit_get_content_checksum). */
function contentChecksum(commit: Commit): Checksum {
  return sha256Hex(fromHex(commit.tree), fromHex(commit.meta));
}

function diff(call: Call) {
  const repo = openRepo(call);
  const first = argument(call, 0, 'a revision');
  const second = call.args[1];
  const [a, b] = second === undefined ? [`${first}^`, first] : [first, second];
  const found = diffTrees(repo, repo.resolveRev(a), repo.resolveRev(b));
  return {
    json: found,
    text: [
      ...found.modified.map((path) => `M    /${path}`),
      ...found.removed.map((path) => `D    /${path}`),
      ...found.added.map((path) => `A    /${path}`),
    ],
  };
}

async function refs(call: Call) {
  const repo = openRepo(call);
  const prefix = call.args[0];
  const created = call.options.text('create');
  if (created !== undefined) {
    if (prefix === undefined)
      throw new UsageError('USAGE', 'name the revision that the new ref is to point to');
    const commit = repo.resolveRev(prefix);
    await repo.withTransaction((txn) => txn.setRef(toRefName(created), commit));
    return { json: { created }, text: [] };
  }
  const found = [...repo.listRefs(prefix)];
  if (call.options.flag('delete')) {
    if (prefix === undefined)
      throw new UsageError('USAGE', 'name the refs that are to be deleted by their prefix');
    await repo.withTransaction((txn) => {
      for (const [name] of found) txn.setRef(toRefName(name), undefined);
    });
    return { json: { deleted: found.map(([name]) => name) }, text: [] };
  }
  const cut = prefix === undefined || call.options.flag('list') ? 0 : prefix.length + 1;
  const names = found.map(([name]) => (name === prefix ? name : name.slice(cut))).sort();
  return { json: Object.fromEntries(found), text: names };
}

function revParse(call: Call) {
  const repo = openRepo(call);
  const commits = call.args.map((rev) => repo.resolveRev(rev));
  return { json: commits, text: commits };
}
