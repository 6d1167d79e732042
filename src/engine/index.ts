export { maxConfirmSeconds } from '../boot/index.ts';
export type { EtcConflict } from '../state/index.ts';
export { applyManifest, exportManifest } from './apply.ts';
export {
  type ListKind,
  listNames,
  listPackages,
  type PackageDetails,
  packageFiles,
  packageInfo,
  searchPackages,
} from './catalog.ts';
export type { ChangeOptions, ChangeResult } from './change.ts';
export type { ComposeRootRequest } from './compose.ts';
export type * from './convert/index.ts';
export {
  cleanupSysroot,
  type DeploymentsResult,
  finalize,
  rollback,
  setDefault,
  setPinned,
  undeploy,
} from './deployments.ts';
export { diffRevisions } from './diff.ts';
export { examine, type Finding } from './doctor/index.ts';
export type {
  DeploymentDocument,
  DiffDocument,
  PackageChange,
  PackageSummary,
  StatusDocument,
} from './documents.ts';
export type { Environment } from './environment.ts';
export { type EtcLogEntry, etcLog, etcRevert, etcShow } from './etc-log.ts';
export { type EtcDecision, resetEtc, settleEtc } from './etc-settle.ts';
export { type EtcChange, type EtcPreview, etcConflicts, etcDiff, etcPreview } from './etc-view.ts';
export { updateFeeds } from './feeds.ts';
export { keepRunning, readHealth } from './health.ts';
export { type HistoryRecord, history } from './history.ts';
export { install, remove } from './install.ts';
export {
  cancelJob,
  currentJob,
  describeJob,
  hasEnded,
  isPreparedJob,
  type JobDocument,
  type JobEvent,
  job,
  jobs,
  runJob,
  startJob,
  viewJob,
  watchJob,
} from './jobs/index.ts';
export { keepStatus } from './kept-status.ts';
export {
  type DeployedSystem,
  deployedSystem,
  exportLists,
  type OpkgChange,
  opkgChange,
} from './opkg-change.ts';
export { overrideHold, overrideRemove, overrideReplace, overrideReset } from './override.ts';
export type { Plan } from './plan.ts';
export { readSelf, upgradeSelf } from './self.ts';
export type { Where } from './session.ts';
export { readStatus } from './status.ts';
export { swap } from './swap.ts';
export { type UndoResult, undo } from './undo.ts';
export { changeKargs, deploy, readKargs, rebase, upgrade } from './upgrade.ts';
export { prepareUpload, takeUpload, uploadedFile } from './uploads.ts';
export { whenceFile } from './whence.ts';
export { whyPackage } from './why.ts';
