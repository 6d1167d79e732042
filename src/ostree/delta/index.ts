export {
  type AppliedDelta,
  type ApplyOptions,
  applyDelta,
  type DeltaSource,
  hasAll as hasAllOfPart,
} from './apply.ts';
export { type GeneratedDelta, type GenerateOptions, generateDelta } from './generate.ts';
export { type DeltaId, deltaDirectory, deltaName, parseDeltaName } from './names.ts';
export { applyOffline } from './offline.ts';
export {
  type DeltaDescription,
  deleteDelta,
  describeDelta,
  hasDelta,
  listDeltas,
  type PartDescription,
} from './store.ts';
export {
  type DeltaFallback,
  type DeltaObject,
  type DeltaPartHeader,
  type DeltaSuperblock,
  objectsOf as objectsOfPart,
  parseSuperblock,
} from './superblock.ts';
