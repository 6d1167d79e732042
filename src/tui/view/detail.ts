/** What is told of the selected item. Pure. */
import type { DeploymentDocument, DiffDocument, HistoryRecord, PackageDetails } from '../../engine/index.ts';
import { selectedDeployment, selectedEtc, selectedPackage, selectedRecord } from '../model/items.ts';
import type { EtcRow, IndexedPackage, State } from '../model/state.ts';
import { type Line, line, type Style, span } from '../style.ts';
import { bytesText, clean, cleanLines, wrap } from '../text.ts';

/** The lines about what is selected on the screen; empty where nothing is. */
export function detailLines(state: State, columns: number): Line[] {
  switch (state.screen) {
    case 'deployments': {
      const deployment = selectedDeployment(state);
      return deployment === undefined ? [] : deploymentDetail(state, deployment, columns);
    }
    case 'software': {
      const entry = selectedPackage(state);
      return entry === undefined ? [] : packageDetail(state, entry, columns);
    }
    case 'etc': {
      const row = selectedEtc(state);
      return row === undefined ? [] : etcDetail(state, row, columns);
    }
    case 'history': {
      const record = selectedRecord(state);
      return record === undefined ? [] : historyDetail(state, record, columns);
    }
  }
}

/** `Name: value`, the value broken to the width with its lines below each other. */
export function field(name: string, value: string, columns: number, style: Style = 'plain'): Line[] {
  const indent = Math.min(12, name.length + 2);
  const [first = '', ...rest] = wrap(value, Math.max(8, columns - indent));
  return [
    [span(`${name}: `.padEnd(indent), 'bold'), span(first, style)],
    ...rest.map((part): Line => [span(' '.repeat(indent)), span(part, style)]),
  ];
}

function deploymentDetail(state: State, deployment: DeploymentDocument, columns: number): Line[] {
  const told = (name: string, value: string, style?: Style) =>
    field(name, clean(value, state), columns, style);
  const requested = [...deployment['requested-packages'], ...deployment['requested-local-packages']];
  const failed = deployment.health.checks.filter(({ ok }) => !ok);
  const conflicts = deployment['etc-conflicts'];
  return [
    ...told('Commit', `${deployment.checksum.slice(0, 16)}.${deployment.serial} of ${deployment.origin}`),
    ...told('State', stateText(deployment, state)),
    ...failed.flatMap(({ name, detail }) => told('Failed', `${name}: ${detail}`, 'bad')),
    ...(requested.length === 0 ? [] : told('Requested', requested.join(' '))),
    ...(conflicts === 0 ? [] : told('/etc', `${conflicts} to settle: see screen 3`, 'bad')),
    ...diffLines(state, deployment, columns),
    ...told('Kernel', deployment['kernel-release'] ?? 'unknown'),
    ...(deployment['base-checksum'] === deployment.checksum
      ? []
      : told('Base', deployment['base-checksum'].slice(0, 16))),
    ...told('Arguments', deployment.kargs.join(' ')),
  ];
}

function stateText(deployment: DeploymentDocument, state: State): string {
  const words = [
    ...(deployment.booted ? ['runs now'] : []),
    ...(deployment.id === state.status?.next ? ['starts at the next boot'] : []),
    ...(deployment.rollback ? ['to go back to'] : []),
    ...(deployment.staged ? ['waits to be finished'] : []),
    ...(deployment.pinned ? ['pinned'] : []),
    `health ${deployment.health.state}`,
  ];
  return words.join(', ');
}

/** How the packages differ from those of the running deployment, or of the next one where none runs from here. */
function diffLines(state: State, deployment: DeploymentDocument, columns: number): Line[] {
  const { status } = state;
  const than = status?.booted ?? status?.next;
  if (than === deployment.id) return [];
  const title = status?.booted === null ? 'Against the next one' : 'Against the running one';
  const diff = state.diffs.get(deployment.id);
  if (diff === undefined) return [line(`${title}: ...`, 'bold')];
  const changes = packageChanges(state, diff);
  const files = diff.files.added.length + diff.files.modified.length + diff.files.removed.length;
  const head = field(title, `${changes.length} packages, ${files} files differ`, columns);
  return [...head, ...changes];
}

function packageChanges(state: State, { packages }: DiffDocument): Line[] {
  const text = (value: string | null) => clean(value ?? '', state);
  return [
    ...packages.added.map(({ name, to }): Line => [span('  + ', 'good'), span(`${text(name)} ${text(to)}`)]),
    ...packages.removed.map(
      ({ name, from }): Line => [span('  - ', 'bad'), span(`${text(name)} ${text(from)}`)],
    ),
    ...packages.upgraded.map(
      ({ name, from, to }): Line => [
        span('  ^ ', 'accent'),
        span(`${text(name)} ${text(from)} -> ${text(to)}`),
      ],
    ),
    ...packages.downgraded.map(
      ({ name, from, to }): Line => [
        span('  v ', 'warn'),
        span(`${text(name)} ${text(from)} -> ${text(to)}`),
      ],
    ),
  ];
}

function packageDetail(state: State, entry: IndexedPackage, columns: number): Line[] {
  const told = (name: string, value: string) => field(name, clean(value, state), columns);
  const known = state.software.details.get(entry.name);
  const newest = known?.versions.find(({ version }) => version === entry.version) ?? known?.versions[0];
  return [
    ...told('Package', `${entry.name} ${entry.installed ?? entry.version}${whereFrom(entry)}`),
    ...(entry.upgradable ? told('Newer', `${entry.version} in ${entry.feed ?? 'a feed'}`) : []),
    ...(newest === undefined ? [] : sizes(newest, columns)),
    ...(newest === undefined || newest.depends.length === 0
      ? []
      : told('Depends', newest.depends.join(', '))),
    ...(newest === undefined || newest.conflicts.length === 0
      ? []
      : told('Conflicts', newest.conflicts.join(', '))),
    ...cleanLines(entry.description.slice(0, 4_000).trim(), state).flatMap((text) =>
      wrap(text.trim(), columns).map((part) => line(part)),
    ),
  ];
}

function whereFrom(entry: IndexedPackage): string {
  if (entry.layered) return ' (layered)';
  if (entry.installed !== null) return ' (in the base)';
  return entry.feed === null ? '' : ` (${entry.feed})`;
}

function sizes(version: PackageDetails['versions'][number], columns: number): Line[] {
  const download = version['download-bytes'];
  const parts = [
    ...(download === null ? [] : [`${bytesText(download)} to download`]),
    ...(version['installed-bytes'] === 0 ? [] : [`${bytesText(version['installed-bytes'])} installed`]),
  ];
  return parts.length === 0 ? [] : field('Size', parts.join(', '), columns);
}

function etcDetail(state: State, row: EtcRow, columns: number): Line[] {
  const head: Line[] = field(row.path, clean(row.text, state), columns);
  const help =
    row.mark === '!' || row.mark === '?'
      ? [line('n: new default   o: keep ours   m: merge by line', 'bold')]
      : [];
  if (row.diff === null) return [...head, ...help, line('(no text to show)', 'dim')];
  return [...head, ...help, ...row.diff.map((text) => diffLine(clean(text, state)))];
}

function diffLine(text: string): Line {
  const style = text.startsWith('+')
    ? 'good'
    : text.startsWith('-')
      ? 'bad'
      : text.startsWith('@')
        ? 'accent'
        : 'plain';
  return line(text, style);
}

function historyDetail(state: State, record: HistoryRecord, columns: number): Line[] {
  const told = (name: string, value: string, style?: Style) =>
    field(name, clean(value, state), columns, style);
  return [
    ...told('Command', record.command),
    ...told('When', `${record.time} by ${record.by}`),
    ...told('Outcome', `${record.outcome}, verdict ${record.verdict}`),
    ...(record.error === null ? [] : told('Error', record.error.message, 'bad')),
    ...(record.from === null ? [] : told('From', record.from)),
    ...(record.to === null ? [] : told('To', record.to)),
    ...record.scripts.flatMap((script): Line[] => [
      ...told('Script', `${script.package}, ${script.class}, status ${script.status ?? 'none'}`),
      ...cleanLines(script.output.slice(-4_000), state).map((text) => line(`  ${text}`)),
    ]),
  ];
}
