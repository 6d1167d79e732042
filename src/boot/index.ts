export { type BootEntry, entryField, parseBootEntry, renderBootEntry } from './bls.ts';
export {
  addVerdict,
  type BootState,
  maxConfirmSeconds,
  readBootState,
  readVerdicts,
  stateName,
  type Verdict,
  verdictOf,
  writeBootState,
} from './boot-state.ts';
export {
  baseMetadataKey,
  type CleanupOptions,
  type CleanupReport,
  cleanup,
  repairLoader,
} from './cleanup.ts';
export {
  type Deployment,
  type DeploymentItem,
  deploymentId,
  deploymentName,
  deploymentPath,
  isStaterootName,
  parseDeploymentName,
} from './deployment.ts';
export { type BootVersions, type RuntimeView, runningSystem } from './deployments.ts';
export { commitEtcTree, mergesWholeFiles, type PlannedEtc, planEtcOf, readConflicts } from './etc.ts';
export { type EtcRecord, etcHistory, etcHistoryRef, etcOf, recordEtc } from './etc-history.ts';
export { type FinishOptions, type FinishReport, finishDeployment } from './finish.ts';
export { changeKargs, findKarg, type KargChanges, kargKey, parseKargs, renderKargs } from './kargs.ts';
export { bootChecksum, commitTree, directoryTree, findKernel, type KernelLayout } from './kernel.ts';
export { type BootSpace, bootSpaceFor } from './kernel-install.ts';
export { type KeepRules, rollbackIndex, withDefault, withNewDeployment, withoutDeployment } from './list.ts';
export { countsStarts, type Loader, type LoaderEntry, type LoaderId, loaderFor } from './loaders/index.ts';
export {
  carryOrigin,
  isLayered,
  type LocalPackage,
  newOrigin,
  type Origin,
  parseLocalPackage,
  parseOrigin,
  renderLocalPackage,
  renderOrigin,
} from './origin.ts';
export { parseOsRelease } from './os-release.ts';
export { installSkeleton, resolveInside, type SkeletonReport } from './skeleton.ts';
export { type StageRequest, stageDeployment } from './stage.ts';
export { dropStaged, holdStaged, readStaged, type StagedDeployment } from './staged.ts';
export * from './stock/index.ts';
export { stopCount } from './stop-count.ts';
export { type SwitchStep, type WriteOptions, writeDeployments } from './switch.ts';
export { findDeployment, Sysroot, type SysrootLock } from './sysroot.ts';
export { type InitOptions, initStateroot, loaderOptions } from './sysroot-init.ts';
export {
  defaultKargs,
  findTarget,
  listTargets,
  parseTarget,
  type Target,
  type TargetSummary,
} from './target.ts';
export type { ImageLayout } from './target-image.ts';
export { mergeEnvironment } from './uboot-env.ts';
export { type MoveReport, moveIntoVar } from './var-move.ts';
