import type { Command } from 'commander';
import { UsageError } from '../../../base/index.ts';
import { type PullOptions, pull } from '../../../ostree/index.ts';
import { serveFolder, writeFileDurable } from '../../../sys/index.ts';
import { addCommand, type Call, collect, type RunContext } from '../../program.ts';
import { formatBytes } from '../../progress.ts';
import { argument, openRepo, repoOption } from './open.ts';

/** pull, serve: taking from a remote, and being one. */
export function pullCommands(repo: Command, run: RunContext): void {
  addCommand(
    repo,
    run,
    'pull <remote> [branch...]',
    'Download branches or commits from a remote',
    (c) =>
      repoOption(c)
        .option('--depth <n>', 'take n parents too, -1 all')
        .option('--subpath <path>', 'only this path; may be repeated', collect)
        .option('--commit-metadata-only', 'only the commit objects')
        .option('--mirror', 'write the refs as local ones; all of them where none is named')
        .option('-T, --timestamp-check', 'refuse commits older than those that are here')
        .option('--disable-static-deltas', 'do not use static deltas')
        .option('--disable-verify-bindings', 'take commits that say that they belong to other refs')
        .option('--url <url>', "use this address instead of the remote's"),
    pullCommand,
  );
  addCommand(
    repo,
    run,
    'serve',
    'Serve a repository over HTTP, read-only, until interrupted',
    (c) =>
      repoOption(c)
        .option('--address <address>', 'where to listen', '127.0.0.1')
        .option('--port <port>', 'the port, 0 for one that is free', '0')
        .option('--port-file <file>', 'write the port here'),
    serve,
  );
}

async function pullCommand(call: Call) {
  const { options, args, env } = call;
  const depth = options.text('depth');
  if (depth !== undefined && !/^(?:-1|\d{1,9})$/u.test(depth))
    throw new UsageError('USAGE', `--depth takes a number, not '${depth}'`);
  const url = options.text('url');
  const subpaths = options.list('subpath');
  const wanted: PullOptions = {
    refs: args.slice(1),
    ...(depth === undefined ? {} : { depth: Number(depth) }),
    ...(subpaths.length === 0 ? {} : { subpaths }),
    commitMetadataOnly: options.flag('commitMetadataOnly'),
    mirror: options.flag('mirror'),
    timestampCheck: options.flag('timestampCheck'),
    disableStaticDeltas: options.flag('disableStaticDeltas'),
    disableVerifyBindings: options.flag('disableVerifyBindings'),
    ...(url === undefined ? {} : { url }),
  };
  const report = await pull(openRepo(call), argument(call, 0, 'a remote'), wanted, env);
  return {
    json: report,
    text: [`${report.objects} objects of ${report.commits} commits, ${formatBytes(report.bytes)} received`],
  };
}

/** What a client may ask for: not the locks, the state or what is in the making. */
const served =
  /^(?:config|summary|summary\.sig|refs\/heads\/.+|refs\/mirrors\/.+|objects\/[0-9a-f]{2}\/[0-9a-f]{62}\.[a-z-]+|deltas\/.+|delta-indexes\/.+)$/u;
const immutable = /^objects\/.+\.(?:filez|dirtree|dirmeta|commit)$/u;

async function serve(call: Call) {
  const repo = openRepo(call);
  if (repo.mode !== 'archive')
    throw new UsageError('USAGE', `a repository of mode ${repo.mode} cannot be pulled over HTTP`, {
      hint: 'serve one of mode archive',
    });
  const port = call.options.text('port') ?? '0';
  if (!/^\d{1,5}$/u.test(port) || Number(port) > 65_535)
    throw new UsageError('USAGE', `--port takes a number, not '${port}'`);
  const server = await serveFolder(repo.path, {
    host: call.options.text('address') ?? '127.0.0.1',
    port: Number(port),
    allows: (path) => served.test(path),
    isImmutable: (path) => immutable.test(path),
  });
  const { signal } = call.env;
  try {
    call.env.onProgress({ phase: 'resolve', message: `serving ${repo.path} at ${server.url}` });
    const portFile = call.options.text('portFile');
    if (portFile !== undefined) writeFileDurable(portFile, `${server.port}\n`);
    await new Promise<void>((resolve) => {
      if (signal === undefined || signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await server.close();
  }
  return { json: { url: server.url }, text: [] };
}
