export * from './model.ts';
export { editDistance, nearNames } from './near-names.ts';
export {
  conflictWith,
  formatDependency,
  formatRelation,
  isPresent,
  type Supply,
  type SupplyRank,
  satisfies,
  standInNames,
  suppliesOf,
} from './relations.ts';
export * from './request.ts';
export { type PartialResult, solve, solveSkippingBroken } from './solve.ts';
export * from './source.ts';
export { why } from './why.ts';
