import type { DeploymentDocument, StatusDocument } from '../../engine/index.ts';
import { formatBytes } from '../progress.ts';

/** The lines of `status`: one block a deployment, next boot first. */
export function renderStatus(status: StatusDocument, verbose: boolean): string[] {
  if (status.deployments.length === 0) {
    return ['No deployments.', "Make one with 'opkg-ostree deploy REF'."];
  }
  const blocks = status.deployments.flatMap((deployment, position) => [
    ...(position === 0 ? [] : ['']),
    ...renderDeployment(deployment, status, verbose),
  ]);
  const free = `Free: ${formatBytes(status['free-bytes'])}`;
  const pending = status['reboot-required'] ? ['Reboot to start the first deployment.'] : [];
  return [...blocks, '', free, ...pending];
}

function renderDeployment(
  deployment: DeploymentDocument,
  status: StatusDocument,
  verbose: boolean,
): string[] {
  const marks = marksOf(deployment, status);
  const head = `${deployment.booted ? '*' : ' '} ${deployment.index}  ${deployment.origin}`;
  const layered = deployment.checksum !== deployment['base-checksum'];
  const rows: [string, string][] = [
    ['Version', `${deployment.version ?? 'unknown'} (${deployment.timestamp})`],
    [layered ? 'Base' : 'Commit', deployment['base-checksum']],
    ...(layered ? [['Commit', deployment.checksum] as [string, string]] : []),
    ...namedList('Layered', deployment['requested-packages']),
    ...namedList('Local', deployment['requested-local-packages']),
    ...namedList('Inactive', deployment['inactive-packages']),
    ...namedList('Suspended', deployment['suspended-packages']),
    ...namedList('Removed', deployment['base-removals']),
    ...namedList('Replaced', deployment['base-replacements']),
    ...namedList('Held', deployment['held-packages']),
    ...(deployment['etc-conflicts'] > 0
      ? [['/etc', `${deployment['etc-conflicts']} conflicts`] as [string, string]]
      : []),
    ...(verbose ? verboseRows(deployment) : []),
  ];
  return [
    `${head}${marks === '' ? '' : `  (${marks})`}`,
    ...rows.map(([name, value]) => `${`${name}:`.padStart(15)} ${value}`),
  ];
}

function verboseRows(deployment: DeploymentDocument): [string, string][] {
  return [
    ['Id', deployment.id],
    ['Packages', deployment.packages.length === 0 ? 'none layered' : deployment.packages.join(' ')],
    ['Kernel', deployment['kernel-release'] ?? 'none'],
    ['Arguments', deployment.kargs.join(' ')],
    ['Health', deployment.health.state],
    ...deployment.signatures.map(({ type, valid, key, problem }): [string, string] => [
      'Signature',
      `${type}: ${valid === null ? 'checked when it was pulled' : (key ?? problem ?? 'not valid')}`,
    ]),
    ...(deployment['unique-bytes'] === null
      ? []
      : [['Alone', formatBytes(deployment['unique-bytes'])] as [string, string]]),
    ['Path', deployment.path],
  ];
}

function namedList(name: string, values: readonly string[]): [string, string][] {
  return values.length === 0 ? [] : [[name, values.join(' ')]];
}

function marksOf(deployment: DeploymentDocument, status: StatusDocument): string {
  const marks = [
    deployment.booted ? 'booted' : '',
    deployment.id === status.next && !deployment.booted ? 'next boot' : '',
    deployment.staged ? "waits for 'opkg-ostree finalize'" : '',
    deployment.rollback ? 'rollback' : '',
    deployment.pinned ? 'pinned' : '',
    deployment.health.state === 'bad' ? 'bad' : '',
  ];
  return marks.filter((mark) => mark !== '').join(', ');
}
