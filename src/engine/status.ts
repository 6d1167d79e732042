import { join } from 'node:path/posix';
import {
  type Deployment,
  deploymentId,
  entryField,
  parseKargs,
  readStaged,
  renderLocalPackage,
} from '../boot/index.ts';
import { readLayerMetadata } from '../layer/index.ts';
import { dictString } from '../ostree/index.ts';
import { fileSystemSpace, now } from '../sys/index.ts';
import { signaturesOf } from './commit-signatures.ts';
import type { DeploymentDocument, StatusDocument } from './documents.ts';
import { countConflicts } from './etc-view.ts';
import { healthOf } from './health.ts';
import { currentJob } from './jobs/index.ts';
import { openSession, type Session, type Where } from './session.ts';
import { uniqueBytes } from './unique-bytes.ts';

/** The deployments of a sysroot as json.md's `status`; `count` fills in `unique-bytes`, which reads every folder of every tree. */
export function readStatus(where: Where, options: { readonly count?: boolean } = {}): StatusDocument {
  const session = openSession(where);
  const status = statusOf(session);
  if (options.count !== true) return status;
  const bytes = uniqueBytes(session);
  const deployments = status.deployments.map((deployment) => ({
    ...deployment,
    'unique-bytes': bytes.get(deployment.id) ?? null,
  }));
  return { ...status, deployments };
}

/** The status of a session that is open already. */
export function statusOf(session: Session): StatusDocument {
  const { sysroot, deployments } = session;
  const booted = deployments.find((deployment) => deployment.booted);
  const next = deployments[0];
  const rollback = rollbackOf(deployments);
  return {
    api: 1,
    booted: booted?.id ?? null,
    next: next?.id ?? null,
    deployments: [
      ...deployments.map((deployment) => deploymentDocument(session, deployment, deployment === rollback)),
      ...stagedDocuments(session),
    ],
    job: currentJob({ sysroot: sysroot.path }, now()),
    'free-bytes': fileSystemSpace(sysroot.path).free,
    'boot-free-bytes': fileSystemSpace(join(sysroot.path, 'boot')).free,
    'reboot-required': booted !== undefined && next !== undefined && booted.id !== next.id,
  };
}

/** The deployment that waits for `finalize`; last, since no boot entry names it. */
function stagedDocuments(session: Session): DeploymentDocument[] {
  const { sysroot, deployments } = session;
  const staged = readStaged(sysroot);
  if (staged === undefined) return [];
  const kargs = parseKargs(entryField(staged.entry, 'options') ?? '');
  const id = deploymentId(staged);
  const deployment: Deployment = { ...staged, id, index: deployments.length, bootSerial: 0, kargs };
  return [{ ...deploymentDocument(session, deployment, false), staged: true }];
}

/** What a rollback would boot: the first of the next one's stateroot behind it. */
function rollbackOf(deployments: readonly Deployment[]): Deployment | undefined {
  const next = deployments[0];
  return deployments.find((deployment, index) => index > 0 && deployment.stateroot === next?.stateroot);
}

function deploymentDocument(
  session: Session,
  deployment: Deployment,
  isRollback: boolean,
): DeploymentDocument {
  const { repo } = session.sysroot;
  const commit = repo.loadCommit(deployment.checksum);
  const layer = readLayerMetadata(commit);
  const { origin } = deployment;
  return {
    id: deployment.id,
    index: deployment.index,
    stateroot: deployment.stateroot,
    serial: deployment.serial,
    checksum: deployment.checksum,
    'base-checksum': layer?.base ?? deployment.checksum,
    origin: origin.refspec ?? deployment.checksum,
    version: deployment.version ?? null,
    timestamp: new Date(commit.timestamp * 1000).toISOString(),
    booted: deployment.booted,
    staged: false,
    pinned: deployment.pinned,
    rollback: isRollback,
    packages: layer?.packages.map((entry) => entry.name) ?? [],
    'requested-packages': origin.requested,
    'requested-local-packages': origin.requestedLocal.map(renderLocalPackage),
    'inactive-packages': origin.inactive,
    'suspended-packages': origin.suspended,
    'base-removals': origin.overrides.remove,
    'base-replacements': [
      ...origin.overrides.replace,
      ...origin.overrides.replaceLocal.map(renderLocalPackage),
    ],
    'held-packages': origin.overrides.hold.map(({ name, version }) => `${name}=${version}`).sort(),
    'kernel-release': dictString(commit.metadata, 'ostree.linux') ?? null,
    kargs: deployment.kargs,
    signatures: signaturesOf(repo, deployment, layer?.base ?? deployment.checksum),
    health: healthOf(session.sysroot.path, deployment),
    'etc-conflicts': countConflicts(deployment),
    'script-warnings': layer?.scriptWarnings.length ?? 0,
    'unique-bytes': null,
    path: deployment.path,
  };
}
