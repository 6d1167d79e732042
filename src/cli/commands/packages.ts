import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { exitUnchanged } from '../exit-status.ts';
import { addCommand, type Call, collect, type RunContext } from '../program.ts';
import { formatBytes } from '../progress.ts';
import { loadRare } from '../rarely.ts';
import { changeResult } from '../render/change.ts';
import { change, changeOptions, fetchOptions, where } from './shared.ts';

/** update, search, list, info, files, install, remove, upgrade, rebase. */
export function packageCommands(program: Command, run: RunContext): void {
  lookCommands(program, run);
  changeCommands(program, run);
}

function lookCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'update',
    "Fetch and verify the feeds' indices",
    (c) => c.option('--allow-older', 'accept an index with older versions than the last one'),
    update,
  );
  addCommand(
    program,
    run,
    'search <text>',
    'Find packages whose name or description holds the text',
    (c) => c,
    search,
  );
  addCommand(
    program,
    run,
    'list [pattern]',
    'List packages',
    (c) =>
      c
        .option('--installed', 'those of the next deployment')
        .option('--layered', 'those layered on the base')
        .option('--upgradable', 'those with a newer version in the feeds')
        .option('--names', 'names alone'),
    list,
  );
  addCommand(program, run, 'info <name>', 'Show everything about a package', (c) => c, info);
  addCommand(program, run, 'files <name>', 'List the files of an installed package', (c) => c, files);
}

function changeCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'install <package...>',
    'Layer packages: NAME, NAME=VERSION, FILE.ipk or URL#sha256=DIGEST',
    (c) =>
      fetchOptions(changeOptions(c))
        .option('--idempotent', 'a package that is requested already is no error')
        .option('--uninstall <name>', 'remove this package in the same transaction; may be repeated', collect)
        .option('--allow-unsigned', 'accept a URL without #sha256='),
    install,
  );
  addCommand(
    program,
    run,
    'remove <package...>',
    'Drop layered packages and what only they needed',
    (c) =>
      fetchOptions(changeOptions(c))
        .option('--autoremove', 'drop what only they needed (always done: the layer is rebuilt)')
        .option('--idempotent', 'a package that is not requested is no error'),
    remove,
  );
  addCommand(
    program,
    run,
    'upgrade',
    'Newest base of the branch, newest layered packages, same wish',
    (c) =>
      fetchOptions(changeOptions(c))
        .option('--check', `look for an upgrade and stop; ends with ${exitUnchanged} when there is none`)
        .option('--preview', 'print the plan and stop')
        .option('--packages-only', 'keep the base')
        .option('--no-renames', 'keep the names of packages that the new release renamed')
        .option('--skip-broken', 'set packages aside that cannot be layered on the new base')
        .option('--allow-downgrade', 'accept a base that is older than the present one')
        .option('--retry', 'make a deployment again that was given up before'),
    upgrade,
  );
  addCommand(
    program,
    run,
    'rebase <ref|rootfs>',
    'Follow another branch, or take an OpenWrt root as the new base; same wish',
    (c) =>
      fetchOptions(changeOptions(c))
        .option('--allow-downgrade', 'accept a base that is older than the present one')
        .option('--no-renames', 'keep the names of packages that the new release renamed')
        .option('--kernel <file>', 'the kernel of the root')
        .option('--kernel-release <release>', "the kernel's release"),
    rebase,
  );
}

async function update(call: Call) {
  const result = await engine.updateFeeds(call.env, where(call), {
    allowOlder: call.options.flag('allowOlder'),
  });
  return {
    json: result,
    text: [
      ...result.feeds.map(
        (feed) =>
          `${feed.name}: ${feed.packages} packages, ${feed['signed-by'] === null ? 'not signed' : `signed by ${feed['signed-by']}`}`,
      ),
      ...result.warnings.map((warning) => `warning: ${warning}`),
      result.changed ? `New feed snapshot ${result.snapshot.slice(0, 16)}.` : 'The feeds have not changed.',
    ],
  };
}

async function search(call: Call) {
  const found = await engine.searchPackages(where(call), call.args[0] ?? '');
  return { json: found, text: found.map(packageLine) };
}

async function list(call: Call) {
  const { options } = call;
  const chosen = (['installed', 'layered', 'upgradable'] as const).filter((name) => options.flag(name));
  if (chosen.length > 1) throw new UsageError('USAGE', 'choose one of --installed, --layered, --upgradable');
  const kind = chosen[0] ?? 'available';
  if (options.flag('names')) {
    const names = await engine.listNames(where(call), kind, call.args[0]);
    return { json: names, text: [...names] };
  }
  const found = await engine.listPackages(where(call), kind, call.args[0]);
  return { json: found, text: found.map(packageLine) };
}

function packageLine(entry: engine.PackageSummary): string {
  const state = entry.layered ? ' [layered]' : entry.installed === null ? '' : ' [installed]';
  const version =
    entry.installed !== null && entry.installed !== entry.version
      ? `${entry.installed} -> ${entry.version}`
      : entry.version;
  const summary = entry.description.split('\n')[0]?.trim() ?? '';
  return `${entry.name} - ${version}${state}${summary === '' ? '' : ` - ${summary}`}`;
}

async function info(call: Call) {
  const found = await engine.packageInfo(where(call), call.args[0] ?? '');
  const text = found.versions.flatMap((version) => [
    `Package: ${found.name}`,
    `Version: ${version.version}`,
    `State: ${version.state}`,
    `Architecture: ${version.architecture}`,
    ...(version.feed === null ? [] : [`Feed: ${version.feed}`]),
    ...(version.depends.length === 0 ? [] : [`Depends: ${version.depends.join(', ')}`]),
    ...(version['download-bytes'] === null ? [] : [`Download: ${formatBytes(version['download-bytes'])}`]),
    ...(version['installed-bytes'] === 0 ? [] : [`Installed: ${formatBytes(version['installed-bytes'])}`]),
    ...(version.description === '' ? [] : [`Description: ${version.description.trim()}`]),
    '',
  ]);
  return { json: found, text: text.slice(0, -1) };
}

function files(call: Call) {
  const found = engine.packageFiles(where(call), call.args[0] ?? '');
  return { json: found, text: found.files };
}

async function install(call: Call) {
  const { options } = call;
  const result = await engine.install(call.env, where(call), {
    ...change(call),
    requests: call.args,
    uninstall: options.list('uninstall'),
    idempotent: options.flag('idempotent'),
    allowUnsigned: options.flag('allowUnsigned'),
  });
  return changeResult(result, { dryRun: call.options.flag('dryRun') });
}

async function remove(call: Call) {
  return changeResult(
    await engine.remove(call.env, where(call), {
      ...change(call),
      names: call.args,
      idempotent: call.options.flag('idempotent'),
    }),
    change(call),
  );
}

async function upgrade(call: Call) {
  const { options } = call;
  const check = options.flag('check');
  const dryRun = check || options.flag('dryRun') || options.flag('preview');
  const result = await engine.upgrade(call.env, where(call), {
    ...change(call),
    dryRun,
    packagesOnly: options.flag('packagesOnly'),
    allowDowngrade: options.flag('allowDowngrade'),
    skipBroken: options.flag('skipBroken'),
    keepNames: options.off('renames'),
    retry: options.flag('retry'),
  });
  const rendered = changeResult(result, { dryRun });
  return check && result.outcome === 'unchanged' ? { ...rendered, status: exitUnchanged } : rendered;
}

async function rebase(call: Call) {
  const { options } = call;
  const kernel = options.text('kernel');
  const kernelRelease = options.text('kernelRelease');
  return changeResult(
    await engine.rebase(call.env, where(call), {
      compose: async (...request) => (await loadRare()).composeRoot(...request),
      ...change(call),
      target: call.args[0] ?? '',
      allowDowngrade: call.options.flag('allowDowngrade'),
      keepNames: call.options.off('renames'),
      ...(kernel === undefined ? {} : { kernel }),
      ...(kernelRelease === undefined ? {} : { kernelRelease }),
    }),
    change(call),
  );
}
