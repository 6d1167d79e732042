import type { Command } from 'commander';
import { SystemError, UsageError } from '../../../base/index.ts';
import { fsck, prune } from '../../../ostree/index.ts';
import { addCommand, type Call, newCommand, type RunContext } from '../../program.ts';
import { formatBytes } from '../../progress.ts';
import { argument, openRepo, repoOption } from './open.ts';

/** fsck, prune, config, remote. */
export function maintainCommands(repo: Command, run: RunContext): void {
  addCommand(
    repo,
    run,
    'fsck',
    'Check every object',
    (c) => repoOption(c).option('--delete', 'remove corrupt objects'),
    fsckCommand,
  );
  addCommand(
    repo,
    run,
    'prune',
    'Delete objects that nothing needs',
    (c) =>
      repoOption(c)
        .option('--refs-only', 'delete commits too that no ref reaches')
        .option('--depth <n>', 'keep n parents of each ref, -1 all')
        .option('--no-prune', 'only count'),
    pruneCommand,
  );
  const config = newCommand('config', 'Read and write the configuration of a repository');
  addCommand(config, run, 'get <key>', 'Print a value, as in core.mode', repoOption, configGet);
  addCommand(config, run, 'set <key> <value>', 'Set a value', repoOption, configSet);
  repo.addCommand(config);
  const remote = newCommand('remote', 'Remotes of a repository');
  addCommand(
    remote,
    run,
    'add <name> <url> [branch...]',
    'Add a remote',
    (c) =>
      repoOption(c)
        .option('--no-gpg-verify', 'do not demand GPG signatures')
        .option('--if-not-exists', 'leave one of that name alone'),
    remoteAdd,
  );
  addCommand(
    remote,
    run,
    'list',
    'List remotes',
    (c) => repoOption(c).option('-u, --show-urls', 'with their URLs'),
    remoteList,
  );
  addCommand(
    remote,
    run,
    'delete <name>',
    'Delete a remote',
    (c) => repoOption(c).option('--if-exists', 'no error where there is none'),
    remoteDelete,
  );
  repo.addCommand(remote);
}

async function fsckCommand(call: Call) {
  const report = await fsck(
    openRepo(call),
    { delete: call.options.flag('delete'), verifyBindings: true },
    call.env,
  );
  if (report.faults.length > 0) {
    const first = report.faults[0]?.message ?? '';
    throw new SystemError(
      'OSTREE_FSCK_FAILED',
      `the repository has ${report.faults.length} faults: ${first}`,
      {
        hint: call.options.flag('delete')
          ? 'fetch what was removed again'
          : 'remove corrupt objects with --delete, then fetch them again',
        details: { ...report },
      },
    );
  }
  const partial =
    report.partial.length === 0 ? [] : [`${report.partial.length} partial commits not verified`];
  return {
    json: report,
    text: [...partial, `object fsck of ${report.commits} commits completed successfully - no errors found.`],
  };
}

async function pruneCommand(call: Call) {
  const depth = call.options.text('depth');
  if (depth !== undefined && !/^(?:-1|\d{1,9})$/u.test(depth))
    throw new UsageError('USAGE', `--depth takes a number, not '${depth}'`);
  const dryRun = call.options.off('prune');
  const report = await prune(
    openRepo(call),
    {
      refsOnly: call.options.flag('refsOnly'),
      dryRun,
      ...(depth === undefined ? {} : { depth: Number(depth) }),
    },
    call.env,
  );
  const gone = dryRun ? 'Would delete' : 'Deleted';
  return {
    json: report,
    text: [
      `Total objects: ${report.objects}`,
      report.pruned === 0
        ? 'No unreachable objects'
        : `${gone} ${report.pruned} objects, ${formatBytes(report.bytes)} freed`,
    ],
  };
}

/** `group.key`; the group of a remote is `remote "NAME"` and may hold dots. */
function splitKey(text: string): [string, string] {
  const separator = text.lastIndexOf('.');
  if (separator > 0 && separator < text.length - 1)
    return [text.slice(0, separator), text.slice(separator + 1)];
  throw new UsageError('USAGE', `'${text}' is no key`, { hint: 'write it as GROUP.KEY, as in core.mode' });
}

function configGet(call: Call) {
  const key = argument(call, 0, 'a key');
  const value = openRepo(call).config.get(...splitKey(key));
  if (value === undefined) throw new UsageError('USAGE', `the configuration has no ${key}`);
  return { json: { [key]: value }, text: [value] };
}

function configSet(call: Call) {
  const repo = openRepo(call);
  const [group, key] = splitKey(argument(call, 0, 'a key'));
  repo.config.set(group, key, argument(call, 1, 'a value'));
  repo.writeConfig();
  return { json: {}, text: [] };
}

const groupOf = (name: string) => `remote "${name}"`;

function remoteAdd(call: Call) {
  const repo = openRepo(call);
  const name = argument(call, 0, 'a name');
  const url = argument(call, 1, 'a URL');
  if (!/^[\w\d][-._\w\d]*$/u.test(name)) throw new UsageError('USAGE', `'${name}' cannot name a remote`);
  if (repo.config.get(groupOf(name), 'url') !== undefined) {
    if (call.options.flag('ifNotExists')) return { json: { name }, text: [] };
    throw new UsageError('USAGE', `there is a remote '${name}' already`, {
      hint: `delete it first: opkg-ostree repo remote delete ${name}`,
    });
  }
  repo.config.set(groupOf(name), 'url', url);
  const branches = call.args.slice(2);
  if (branches.length > 0) repo.config.set(groupOf(name), 'branches', branches);
  if (call.options.off('gpgVerify')) repo.config.set(groupOf(name), 'gpg-verify', 'false');
  repo.writeConfig();
  return { json: { name, url }, text: [] };
}

function remoteList(call: Call) {
  const { config } = openRepo(call);
  const remotes = config.groups().flatMap((group) => {
    const name = /^remote "(.+)"$/u.exec(group)?.[1];
    return name === undefined ? [] : [{ name, url: config.get(group, 'url') ?? '' }];
  });
  const width = Math.max(0, ...remotes.map(({ name }) => name.length));
  const urls = call.options.flag('showUrls');
  return {
    json: remotes,
    text: remotes.map(({ name, url }) => (urls ? `${name.padEnd(width)}  ${url}` : name)),
  };
}

function remoteDelete(call: Call) {
  const repo = openRepo(call);
  const name = argument(call, 0, 'a name');
  if (repo.config.get(groupOf(name), 'url') === undefined) {
    if (call.options.flag('ifExists')) return { json: {}, text: [] };
    throw new UsageError('USAGE', `there is no remote '${name}'`);
  }
  repo.config.removeGroup(groupOf(name));
  repo.writeConfig();
  return { json: {}, text: [] };
}
