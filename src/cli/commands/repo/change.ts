import type { Command } from 'commander';
import { toRefName, toRelPath, UsageError } from '../../../base/index.ts';
import {
  checkout,
  commitDirectory,
  pullLocal,
  type RepoMode,
  Repository,
  type VariantDict,
  v,
} from '../../../ostree/index.ts';
import { now } from '../../../sys/index.ts';
import { addCommand, type Call, collect, type RunContext } from '../../program.ts';
import { argument, openRepo, repoOption, repoPath } from './open.ts';

/** init, commit, checkout, pull-local, reset: what writes a repository or a tree, with ostree's options. */
export function changeCommands(repo: Command, run: RunContext): void {
  addCommand(
    repo,
    run,
    'init',
    'Make an empty repository',
    (c) => repoOption(c).option('--mode <mode>', 'bare, bare-user, bare-user-only or archive', 'bare'),
    init,
  );
  addCommand(
    repo,
    run,
    'commit [dir]',
    'Commit a directory to a branch',
    (c) =>
      repoOption(c)
        .requiredOption('-b, --branch <ref>', 'the branch')
        .option('-s, --subject <text>', 'one line')
        .option('-m, --body <text>', 'the full description')
        .option('--tree <dir=PATH>', 'the directory, as ostree spells it')
        .option('--parent <commit>', "the parent, or 'none'")
        .option('--owner-uid <uid>', 'record this owner')
        .option('--owner-gid <gid>', 'record this group')
        .option('--no-xattrs', 'leave extended attributes out')
        .option('--canonical-permissions', 'owner root, usual permissions, no extended attributes')
        .option('--timestamp <time>', 'the commit time (ISO 8601 or @seconds)')
        .option('--add-metadata-string <k=v>', 'add metadata; may be repeated', collect)
        .option('--no-bindings', 'do not bind the commit to its branch'),
    commit,
  );
  addCommand(
    repo,
    run,
    'checkout <rev> <dir>',
    'Write the files of a commit to a directory',
    (c) =>
      repoOption(c)
        .option('-U, --user-mode', 'as an ordinary user: no owners, no extended attributes')
        .option('-H, --require-hardlinks', 'fail where files cannot be hard links')
        .option('-C, --force-copy', 'never link')
        .option('--union', 'replace files that exist')
        .option('--union-add', 'keep files that exist')
        .option('--union-identical', 'fail only where an existing file differs')
        .option('--subpath <path>', 'only this part'),
    checkoutCommand,
  );
  addCommand(
    repo,
    run,
    'pull-local <src> [ref...]',
    'Take commits from another repository on this machine',
    (c) =>
      repoOption(c)
        .option('--remote <name>', "write the refs as this remote's")
        .option('--depth <n>', 'take n parents too, -1 all')
        .option('--untrusted', 'verify every object'),
    pull,
  );
  addCommand(repo, run, 'reset <ref> <rev>', 'Make a ref point to another commit', repoOption, reset);
}

const modes: readonly RepoMode[] = ['bare', 'bare-user', 'bare-user-only', 'archive'];

function init(call: Call) {
  const wanted = call.options.text('mode') === 'archive-z2' ? 'archive' : call.options.text('mode');
  const mode = modes.find((known) => known === wanted);
  if (mode === undefined)
    throw new UsageError('USAGE', `unknown repository mode '${wanted}'`, { hint: modes.join(', ') });
  const repo = Repository.init(repoPath(call), { mode });
  return { json: { path: repo.path, mode }, text: [] };
}

async function commit(call: Call) {
  const { options, env } = call;
  const repo = openRepo(call);
  const branch = toRefName(options.text('branch') ?? '');
  const dir = treeOf(call);
  const parent = options.text('parent');
  const inherited =
    parent === undefined ? repo.readRef(branch) : parent === 'none' ? undefined : repo.resolveRev(parent);
  const timestamp = timestampOf(options.text('timestamp'));
  const checksum = await repo.withTransaction(async (txn) => {
    const root = await commitDirectory(
      txn,
      dir,
      {
        xattrs: !options.off('xattrs'),
        canonicalPermissions: options.flag('canonicalPermissions'),
        ...ownerOf(call),
      },
      env,
    );
    const made = txn.writeCommit({
      metadata: metadataOf(call, branch),
      ...(inherited === undefined ? {} : { parent: inherited }),
      subject: options.text('subject') ?? '',
      body: options.text('body') ?? '',
      timestamp,
      ...root,
    });
    txn.setRef(branch, made);
    return made;
  });
  return { json: { checksum, branch }, text: [checksum] };
}

function treeOf(call: Call): string {
  const tree = call.options.text('tree');
  if (tree === undefined) return call.args[0] ?? '.';
  if (tree.startsWith('dir=')) return tree.slice('dir='.length);
  throw new UsageError('USAGE', `--tree takes dir=PATH, not '${tree}'`);
}

function ownerOf({ options }: Call): { owner?: { uid: number; gid: number } } {
  const uid = options.count('ownerUid');
  const gid = options.count('ownerGid');
  if (uid === undefined && gid === undefined) return {};
  if (uid !== undefined && gid !== undefined) return { owner: { uid, gid } };
  throw new UsageError('USAGE', 'give --owner-uid and --owner-gid together');
}

/** Texts first, the binding last, as the ostree command orders them (ostree-formats A.6). */
function metadataOf({ options }: Call, branch: string): VariantDict {
  const texts = options.list('addMetadataString').map((pair) => {
    const separator = pair.indexOf('=');
    if (separator < 1) throw new UsageError('USAGE', `--add-metadata-string takes KEY=VALUE, not '${pair}'`);
    return [pair.slice(0, separator), v.string(pair.slice(separator + 1))] as const;
  });
  return options.off('bindings') ? texts : [...texts, ['ostree.ref-binding', v.strings([branch])]];
}

function timestampOf(text: string | undefined): number {
  if (text === undefined) return Math.floor(now() / 1000);
  const seconds = /^@?\d{1,12}$/u.test(text)
    ? Number(text.replace('@', ''))
    : Math.floor(Date.parse(text) / 1000);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new UsageError('USAGE', `'${text}' is no time`, {
    hint: 'write it as 2024-01-02T03:04:05Z or @SECONDS',
  });
}

async function checkoutCommand(call: Call) {
  const { options, env } = call;
  const repo = openRepo(call);
  const union = options.flag('union')
    ? 'files'
    : options.flag('unionAdd')
      ? 'add'
      : options.flag('unionIdentical')
        ? 'identical'
        : 'none';
  const subpath = options.text('subpath');
  await checkout(
    repo,
    repo.resolveRev(argument(call, 0, 'a revision')),
    argument(call, 1, 'a directory'),
    {
      union,
      userMode: options.flag('userMode'),
      copy: options.flag('forceCopy') ? 'always' : options.flag('requireHardlinks') ? 'never' : 'fallback',
      ...(subpath === undefined ? {} : { subpath: toRelPath(subpath) }),
    },
    env,
  );
  return { json: {}, text: [] };
}

async function pull(call: Call) {
  const remote = call.options.text('remote');
  const depth = call.options.text('depth');
  if (depth !== undefined && !/^(?:-1|\d{1,9})$/u.test(depth))
    throw new UsageError('USAGE', `--depth takes a number, not '${depth}'`);
  const report = await pullLocal(
    openRepo(call),
    Repository.open(argument(call, 0, 'a repository')),
    call.args.slice(1),
    {
      ...(remote === undefined ? {} : { remote }),
      ...(depth === undefined ? {} : { depth: Number(depth) }),
      untrusted: call.options.flag('untrusted'),
    },
    call.env,
  );
  return { json: report, text: [`${report.objects} objects of ${report.commits} commits`] };
}

async function reset(call: Call) {
  const repo = openRepo(call);
  const ref = toRefName(argument(call, 0, 'a ref'));
  const checksum = repo.resolveRev(argument(call, 1, 'a revision'));
  await repo.withTransaction((txn) => txn.setRef(ref, checksum));
  return { json: { ref, checksum }, text: [] };
}
