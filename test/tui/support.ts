import type {
  DeploymentDocument,
  DiffDocument,
  JobDocument,
  PackageSummary,
  Plan,
  StatusDocument,
} from '../../src/engine/index.ts';
import type { Effect, Message } from '../../src/tui/model/messages.ts';
import { initialState, type Size, type State } from '../../src/tui/model/state.ts';
import { update } from '../../src/tui/model/update.ts';
import { lineText } from '../../src/tui/style.ts';
import { frameLines } from '../../src/tui/view/frame.ts';

export const now = Date.parse('2025-06-01T12:00:00Z');
export const sizes: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 40, rows: 12 },
];

/** A state of that size that nothing has come to yet. */
export function newState(size: Size = { columns: 80, rows: 24 }, unicode = false): State {
  return initialState({ size, unicode, jumps: false, now });
}

export function deployment(serial: number, changed: Partial<DeploymentDocument> = {}): DeploymentDocument {
  const checksum = String(serial).repeat(64).slice(0, 64) as DeploymentDocument['checksum'];
  return {
    id: `openwrt-${checksum}.${serial}`,
    index: serial,
    stateroot: 'openwrt',
    serial,
    checksum,
    'base-checksum': checksum,
    origin: 'openwrt/x86-64',
    version: `24.10.${serial}`,
    timestamp: '2025-05-31T12:00:00Z',
    booted: false,
    staged: false,
    pinned: false,
    rollback: false,
    packages: [],
    'requested-packages': [],
    'requested-local-packages': [],
    'inactive-packages': [],
    'suspended-packages': [],
    'base-removals': [],
    'base-replacements': [],
    'held-packages': [],
    'kernel-release': '6.6.86',
    kargs: ['rw'],
    signatures: [],
    health: { state: 'good', 'tries-left': null, checks: [] },
    'etc-conflicts': 0,
    'script-warnings': 0,
    'unique-bytes': null,
    path: `/sysroot/${serial}`,
    ...changed,
  };
}

export function statusOf(
  deployments: readonly DeploymentDocument[],
  changed: Partial<StatusDocument> = {},
): StatusDocument {
  const booted = deployments.find((one) => one.booted)?.id ?? null;
  const next = deployments[0]?.id ?? null;
  return {
    api: 1,
    booted,
    next,
    deployments,
    job: null,
    'free-bytes': 50_000_000,
    'boot-free-bytes': 9_000_000,
    'reboot-required': booted !== null && booted !== next,
    ...changed,
  };
}

/** A router whose next deployment requests jq and whose running one is the one before. */
export const status = statusOf([
  deployment(2, { 'requested-packages': ['jq', 'tmux=3.4-r1'] }),
  deployment(1, { booted: true, rollback: true, pinned: true }),
]);

export function summary(name: string, changed: Partial<PackageSummary> = {}): PackageSummary {
  return {
    name,
    version: '1.0-r1',
    architecture: 'x86_64',
    feed: 'packages',
    installed: null,
    layered: false,
    description: `What ${name} does`,
    ...changed,
  };
}

const noDiff: DiffDocument = {
  from: '1'.repeat(64) as DiffDocument['from'],
  to: '2'.repeat(64) as DiffDocument['to'],
  packages: { added: [], removed: [], upgraded: [], downgraded: [] },
  files: { added: [], removed: [], modified: [] },
};

export const packages: readonly PackageSummary[] = [
  summary('busybox', { installed: '1.36-r2' }),
  summary('dnsmasq', { installed: '2.90-r1', version: '2.91-r1' }),
  summary('jq', { installed: '1.7-r1', version: '1.7-r1', layered: true }),
  summary('libonig', { installed: '6.9-r1', layered: true }),
  summary('nano', { description: 'Small text editor' }),
  summary('tmux', { installed: '3.4-r1', layered: true }),
  summary('vim', { description: 'The other editor\nand more of it' }),
];

export const plan: Plan = {
  id: 'a'.repeat(64) as Plan['id'],
  basis: {
    deployment: null,
    feeds: null,
    base: 'b'.repeat(64) as Plan['id'],
    inputs: 'c'.repeat(64) as Plan['id'],
  },
  base: { from: 'b'.repeat(64) as Plan['id'], to: 'b'.repeat(64) as Plan['id'], version: '24.10.1' },
  install: [
    {
      name: 'nano' as Plan['install'][number]['name'],
      version: '1.0-r1',
      arch: 'x86_64',
      feed: 'packages',
      reason: 'requested',
      'download-bytes': 168_300,
      'installed-bytes': 395_800,
      scripts: 'native',
    },
  ],
  remove: [{ name: 'jq', version: '1.7-r1' }],
  replace: [],
  renames: [],
  inactive: [],
  suspended: [],
  services: { enable: [], disable: ['tinyproxy'], unknown: [] },
  'download-bytes': 168_300,
  'flash-bytes': 400_000,
  'boot-bytes': 0,
  'temporary-bytes': 100_000,
  etc: null,
};

export function job(changed: Partial<JobDocument> = {}): JobDocument {
  return {
    id: '0123456789ab',
    kind: 'install',
    state: 'running',
    phase: 'download',
    percent: 17,
    started: '2025-06-01T12:00:00Z',
    ended: null,
    command: 'opkg-ostree install nano',
    by: 'root',
    error: null,
    result: null,
    ...changed,
  };
}

/** The state after messages, and all that they asked for. */
export function take(
  state: State,
  ...messages: readonly Message[]
): { readonly state: State; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  let next = state;
  for (const message of messages) {
    const step = update(next, message);
    next = step.state;
    effects.push(...step.effects);
  }
  return { state: next, effects };
}

/** As `take`, with keys alone. */
export function press(state: State, ...keys: readonly string[]) {
  return take(state, ...keys.map((key) => ({ is: 'key', key }) as const));
}

/** A state with the router and its packages read. */
export function readState(size?: Size, unicode = false): State {
  return take(
    newState(size, unicode),
    { is: 'status', status, now },
    { is: 'packages', packages, upgradable: ['dnsmasq'] },
    ...status.deployments.map(({ id }) => ({ is: 'diff', id, diff: noDiff }) as const),
  ).state;
}

/** The screen as text. */
export function screenText(state: State): string[] {
  return frameLines(state).map(lineText);
}
