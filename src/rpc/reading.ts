/** The methods that only look. */
import * as engine from '../engine/index.ts';
import type { RpcCall, RpcMethod, RpcReply } from './method.ts';
import { statusReply } from './serial.ts';

const pageSize = 50;
const maxPage = 200;
/** Letters of a description in a list, and in the details of one package. */
const summaryLength = 160;
const descriptionLength = 8_000;
/** Events of a job's log in one reply. */
const maxEvents = 200;
const maxRecords = 100;
/** Entries of each list of differing files. */
const maxFiles = 500;

const paging = { offset: 'count', limit: 'count' } as const;

export const readingMethods: Readonly<Record<string, RpcMethod>> = {
  status: { access: 'read', takes: {}, run: status },
  list: { access: 'read', takes: { what: 'text', filter: 'text', ...paging }, run: list },
  search: { access: 'read', takes: { query: 'text', ...paging }, run: search },
  info: { access: 'read', takes: { name: 'package' }, run: info },
  plan: {
    access: 'read',
    takes: {
      install: 'packages',
      uploads: 'digests',
      remove: 'packages',
      upgrade: 'flag',
      packages_only: 'flag',
      skip_broken: 'flag',
    },
    run: async (call) => ({ plan: await planOf(call) }),
  },
  diff: { access: 'read', takes: { from: 'deployment', to: 'deployment' }, run: diff },
  job: { access: 'read', takes: { id: 'job', since: 'count' }, run: job },
  jobs: { access: 'read', takes: { limit: 'count' }, run: jobs },
  history: { access: 'read', takes: { limit: 'count' }, run: history },
  etc: { access: 'read', takes: {}, run: etc },
};

/** The status, kept for the shim while nothing is at work. */
function status({ env, where }: RpcCall): RpcReply {
  const begun = env.now();
  const found = engine.readStatus(where);
  const reply = statusReply(found);
  if (found.job === null) engine.keepStatus(where, JSON.stringify(reply), begun);
  return reply;
}

/** What a change would do, by the engine's own dry run. */
async function planOf({ env, where, args }: RpcCall): Promise<engine.Plan> {
  const requests = [...args.list('install'), ...args.list('uploads').map(engine.uploadedFile)];
  const uninstall = args.list('remove');
  const quiet = { ...env, onProgress: () => undefined };
  const dry = { dryRun: true, cacheOnly: true };
  if (args.flag('upgrade')) {
    const choices = { packagesOnly: args.flag('packages_only'), skipBroken: args.flag('skip_broken') };
    return (await engine.upgrade(quiet, where, { ...dry, ...choices, allowDowngrade: false })).plan;
  }
  if (requests.length === 0) {
    return (await engine.remove(quiet, where, { ...dry, names: uninstall, idempotent: true })).plan;
  }
  const request = { ...dry, requests, uninstall, idempotent: true, allowUnsigned: false };
  return (await engine.install(quiet, where, request)).plan;
}

const kinds: readonly engine.ListKind[] = ['available', 'installed', 'layered', 'upgradable'];

async function list(call: RpcCall): Promise<RpcReply> {
  const what = call.args.text('what') ?? 'available';
  const kind = kinds.find((known) => known === what) ?? (what === 'base' ? 'installed' : 'available');
  const filter = (call.args.text('filter') ?? '').toLowerCase();
  const all = await engine.listPackages(call.where, kind, undefined);
  return page(
    call,
    all.filter((found) => (what !== 'base' || !found.layered) && found.name.toLowerCase().includes(filter)),
  );
}

async function search(call: RpcCall): Promise<RpcReply> {
  return page(call, await engine.searchPackages(call.where, call.args.required('query')));
}

function page({ args }: RpcCall, found: readonly engine.PackageSummary[]): RpcReply {
  const offset = args.count('offset', 0, found.length);
  const limit = args.count('limit', pageSize, maxPage);
  const items = found.slice(offset, offset + limit).map((entry) => ({
    name: entry.name,
    version: entry.installed,
    available: entry.version,
    layered: entry.layered,
    feed: entry.feed,
    summary: (entry.description.split('\n')[0] ?? '').slice(0, summaryLength),
  }));
  return { total: found.length, offset, items };
}

async function info({ where, args }: RpcCall): Promise<RpcReply> {
  const details = await engine.packageInfo(where, args.required('name'));
  const versions = details.versions.slice(0, 20).map((version) => ({
    ...version,
    depends: version.depends.slice(0, maxFiles),
    conflicts: version.conflicts.slice(0, maxFiles),
    provides: version.provides.slice(0, maxFiles),
    description: version.description.slice(0, descriptionLength),
  }));
  return { name: details.name, versions };
}

function diff({ where, args }: RpcCall): RpcReply {
  const { deployments } = engine.readStatus(where);
  const commitOf = (id: string | undefined) =>
    id === undefined ? undefined : (deployments.find((one) => one.id === id)?.checksum ?? id);
  const found = engine.diffRevisions(where, commitOf(args.text('from')), commitOf(args.text('to')));
  const counted = (paths: readonly string[]) => ({
    count: paths.length,
    first: paths.slice(0, maxFiles),
  });
  const { added, removed, modified } = found.files;
  return {
    from: found.from,
    to: found.to,
    packages: found.packages,
    files: { added: counted(added), removed: counted(removed), modified: counted(modified) },
  };
}

function job({ env, where, args }: RpcCall): RpcReply {
  const id = args.text('id') ?? engine.jobs(where, env.now())[0]?.id;
  if (id === undefined) return { job: null, log: [], next: 0, skipped: 0 };
  const since = args.count('since', 0, Number.MAX_SAFE_INTEGER);
  const view = engine.viewJob(id, since, env.now());
  const events = view.events.slice(-maxEvents);
  return {
    job: view.job,
    log: events,
    next: events.at(-1)?.n ?? since,
    skipped: view.events.length - events.length,
  };
}

function jobs({ env, where, args }: RpcCall): RpcReply {
  // What a job printed is asked for one by one.
  const found = engine.jobs(where, env.now()).map(({ result: _result, ...rest }) => rest);
  return { jobs: found.slice(0, args.count('limit', maxRecords, maxRecords)) };
}

function history({ where, args }: RpcCall): RpcReply {
  const records = engine.history(where, args.count('limit', 20, maxRecords)).reverse();
  const scripts = (record: engine.HistoryRecord) =>
    record.scripts.map((script) => ({ ...script, output: script.output.slice(-2_000) }));
  return { history: records.map((record) => ({ ...record, scripts: scripts(record) })) };
}

function etc({ where }: RpcCall): RpcReply {
  const conflicts = engine.etcConflicts(where);
  return { conflicts: conflicts.slice(0, maxFiles), total: conflicts.length };
}
