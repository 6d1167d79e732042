export { mergeAccountFile, type OwnerMap } from './account-merge.ts';
export {
  besideOf,
  besidePath,
  conflictsFile,
  type EtcConflict,
  type EtcConflictKind,
  parseConflicts,
  renderConflicts,
} from './conflicts.ts';
export { mergeLines, unifiedDiff } from './lines.ts';
export { planEtc } from './plan.ts';
export { type EtcContent, type EtcPlan, type EtcResultNode, type EtcSides, resultBytes } from './result.ts';
export { EtcRules, etcRules, parseEtcRules, renderEtcRule, rulesFolder, settledFile } from './rules.ts';
export { pathToken } from './token.ts';
export { type EtcRoots, writeEtc } from './write.ts';
