import type { Command } from 'commander';
import { RefusedError, UsageError } from '../../../base/index.ts';
import {
  dictString,
  loadTrustedKeys,
  type PublicKey,
  parseKeyLines,
  parsePublicKey,
  parseSecretKey,
  readSummary,
  type SecretKey,
  type Summary,
  signCommit,
  signSummary,
  summaryModified,
  summaryTime,
  unsignCommit,
  verifyCommit,
  writeSummary,
} from '../../../ostree/index.ts';
import { now, readText } from '../../../sys/index.ts';
import { addCommand, type Call, collect, type RunContext } from '../../program.ts';
import { argument, openRepo, repoOption } from './open.ts';

/** sign, summary. */
export function signCommands(repo: Command, run: RunContext): void {
  addCommand(
    repo,
    run,
    'sign <rev> [key...]',
    'Sign a commit with ed25519 keys, or check its signatures',
    (c) =>
      repoOption(c)
        .option('-s, --sign-type <type>', 'the kind of signature', 'ed25519')
        .option('--keys-file <file>', 'keys in base64, one a line')
        .option('-v, --verify', 'check the signatures instead: the keys are public ones')
        .option('-d, --delete', 'remove the signatures of these public keys'),
    sign,
  );
  addCommand(
    repo,
    run,
    'summary',
    'Show or make the summary',
    (c) =>
      repoOption(c)
        .option('-u, --update', 'make it anew')
        .option('-v, --view', 'show it')
        .option('--sign <key>', 'sign it with this secret key; may be repeated', collect)
        .option('--keys-file <file>', 'secret keys to sign it with, one a line'),
    summary,
  );
}

async function sign(call: Call) {
  const { options, args } = call;
  if (options.text('signType') !== 'ed25519')
    throw new UsageError('USAGE', `signatures of type '${options.text('signType')}' are not supported`);
  const repo = openRepo(call);
  const commit = repo.resolveRev(argument(call, 0, 'a commit'));
  const given = args.slice(1);
  if (options.flag('verify')) {
    const keys = publicKeys(call, given);
    const key = verifyCommit(repo, commit, keys.length > 0 ? keys : loadTrustedKeys({}));
    return {
      json: { commit, key: key.text },
      text: [`ed25519: Signature verified successfully with key '${key.text}'`],
    };
  }
  if (options.flag('delete')) {
    const keys = publicKeys(call, given);
    if (keys.length === 0) throw new UsageError('USAGE', 'which keys?');
    await unsignCommit(repo, commit, keys);
    return { json: { commit }, text: [] };
  }
  const keys = secretKeys(call, given);
  if (keys.length === 0) throw new UsageError('USAGE', 'a secret key is needed', { hint: 'use --keys-file' });
  await signCommit(repo, commit, keys);
  return { json: { commit, keys: keys.map((key) => key.public.text) }, text: [] };
}

function publicKeys({ options }: Call, given: readonly string[]): PublicKey[] {
  const file = options.text('keysFile');
  return [
    ...given.map((key) => parsePublicKey(key)),
    ...(file === undefined ? [] : parseKeyLines(readText(file), parsePublicKey)),
  ];
}

function secretKeys({ options }: Call, given: readonly string[]): SecretKey[] {
  const file = options.text('keysFile');
  return [
    ...given.map((key) => parseSecretKey(key)),
    ...(file === undefined ? [] : parseKeyLines(readText(file), parseSecretKey)),
  ];
}

function summary(call: Call) {
  const repo = openRepo(call);
  if (call.options.flag('update')) {
    const keys = secretKeys(call, call.options.list('sign'));
    const made = writeSummary(repo, Math.floor(now() / 1000));
    if (keys.length > 0) signSummary(repo, keys);
    return { json: shown(made), text: [] };
  }
  if (!call.options.flag('view'))
    throw new UsageError('USAGE', 'what to do with the summary?', { hint: 'use --update or --view' });
  const found = readSummary(repo);
  if (found === undefined) throw new RefusedError('SUMMARY_INVALID', 'the repository has no summary');
  const json = shown(found);
  return {
    json,
    text: json.refs.flatMap((ref) => [
      `* ${ref.name}`,
      `    Latest Commit (${ref.size} bytes):`,
      `      ${ref.commit}`,
      ...(ref.version === null ? [] : [`    Version (ostree.commit.version): ${ref.version}`]),
      ...(ref.timestamp === null ? [] : [`    Timestamp (ostree.commit.timestamp): ${iso(ref.timestamp)}`]),
      '',
    ]),
  };
}

function shown(found: Summary) {
  return {
    lastModified: summaryModified(found) ?? null,
    refs: found.refs.map(({ name, commit, size, metadata }) => ({
      name,
      commit,
      size,
      timestamp: summaryTime(metadata, 'ostree.commit.timestamp') ?? null,
      version: dictString(metadata, 'ostree.commit.version') ?? null,
    })),
  };
}

function iso(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace(/\.\d+Z$/u, 'Z');
}
