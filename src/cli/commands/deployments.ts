import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, collect, type RunContext } from '../program.ts';
import { changeResult, deploymentsResult } from '../render/change.ts';
import { renderDiff } from '../render/diff.ts';
import { renderHistory } from '../render/history.ts';
import { renderStatus } from '../render/status.ts';
import { rebootOption } from '../restart.ts';
import { change, changeOptions, confirmOption, confirmSeconds, fetchOptions, where } from './shared.ts';

const plain = (command: Command) => command;

/** status, deploy, rollback, set-default, pin, unpin, undeploy, cleanup, kargs, diff, history. */
export function deploymentCommands(program: Command, run: RunContext): void {
  addCommand(program, run, 'status', 'Show the deployments, next boot first', plain, status);
  addCommand(
    program,
    run,
    'deploy <rev>',
    'Make a deployment of a branch or commit, keeping the layered packages',
    (command) =>
      fetchOptions(changeOptions(command))
        .option('--karg <k=v>', 'kernel argument to append; may be repeated', collect)
        .option('--karg-none', 'start without the kernel arguments of the previous deployment'),
    deploy,
  );
  addCommand(
    program,
    run,
    'rollback',
    'Boot the previous deployment next',
    (c) => rebootOption(c.option('--keep-etc', "merge today's /etc into it")),
    rollback,
  );
  addCommand(program, run, 'set-default <index>', 'Boot this deployment next', plain, setDefault);
  addCommand(
    program,
    run,
    'finalize',
    'Switch to a deployment that was made with --lock-finalization',
    confirmOption,
    finalize,
  );
  addCommand(program, run, 'pin <index>', 'Keep this deployment whatever comes', plain, (call) =>
    pin(call, true),
  );
  addCommand(program, run, 'unpin <index>', 'Let this deployment be dropped again', plain, (call) =>
    pin(call, false),
  );
  addCommand(program, run, 'undeploy <index>', 'Drop this deployment', plain, undeploy);
  addCommand(program, run, 'cleanup', 'Remove what no deployment needs', plain, cleanup);
  addCommand(
    program,
    run,
    'kargs',
    'Show or change the kernel arguments of the next deployment',
    (command) =>
      fetchOptions(changeOptions(command))
        .option('--append <k=v>', 'append an argument; may be repeated', collect)
        .option('--delete <k[=v]>', 'delete an argument; may be repeated', collect)
        .option('--replace <k=v>', 'replace the values of an argument; may be repeated', collect),
    kargs,
  );
  addCommand(
    program,
    run,
    'diff [a] [b]',
    'Show packages and files that differ between two deployments or commits',
    plain,
    diff,
  );
  addCommand(
    program,
    run,
    'history',
    'Show what was done, when and by whom',
    (c) => c.option('--limit <n>', 'the newest n records'),
    history,
  );
}

function status(call: Call) {
  const data = engine.readStatus(where(call), { count: call.verbose || call.options.flag('json') });
  return { json: data, text: renderStatus(data, call.verbose) };
}

async function deploy(call: Call) {
  const result = await engine.deploy(call.env, where(call), {
    ...change(call),
    rev: call.args[0] ?? '',
    kargs: call.options.list('karg'),
    kargsNone: call.options.flag('kargNone'),
  });
  return changeResult(result, { dryRun: call.options.flag('dryRun') });
}

async function rollback(call: Call) {
  return deploymentsResult(
    await engine.rollback(call.env, where(call), { keepEtc: call.options.flag('keepEtc') }),
  );
}

async function setDefault(call: Call) {
  return deploymentsResult(await engine.setDefault(call.env, where(call), index(call)));
}

async function finalize(call: Call) {
  const options = { confirmSeconds: confirmSeconds(call) };
  return deploymentsResult(await engine.finalize(call.env, where(call), options));
}

async function pin(call: Call, pinned: boolean) {
  return deploymentsResult(await engine.setPinned(call.env, where(call), index(call), pinned));
}

async function undeploy(call: Call) {
  return deploymentsResult(await engine.undeploy(call.env, where(call), index(call)));
}

async function cleanup(call: Call) {
  const report = await engine.cleanupSysroot(call.env, where(call));
  return {
    json: { 'freed-bytes': report.freedBytes, 'freed-objects': report.freedObjects },
    text: [`Freed ${report.freedObjects} objects, ${report.freedBytes} bytes.`],
  };
}

async function kargs(call: Call) {
  const { options } = call;
  const changes = {
    append: options.list('append'),
    delete: options.list('delete'),
    replace: options.list('replace'),
  };
  if (changes.append.length + changes.delete.length + changes.replace.length === 0) {
    const current = engine.readKargs(where(call));
    return { json: { kargs: current }, text: [current.join(' ')] };
  }
  const result = await engine.changeKargs(call.env, where(call), {
    ...change(call),
    ...changes,
  });
  return changeResult(result, { dryRun: call.options.flag('dryRun') });
}

function diff(call: Call) {
  const data = engine.diffRevisions(where(call), call.args[0], call.args[1]);
  return { json: data, text: renderDiff(data, call.verbose) };
}

function history(call: Call) {
  const records = engine.history(where(call), call.options.count('limit'));
  return { json: records, text: renderHistory(records, call.verbose) };
}

function index(call: Call): number {
  const text = call.args[0] ?? '';
  if (/^\d{1,4}$/u.test(text)) return Number(text);
  throw new UsageError('USAGE', `'${text}' is not the number of a deployment`, {
    hint: "'opkg-ostree status' numbers them, from 0",
  });
}
