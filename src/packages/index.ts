export { hideNames, type PackageLookup } from './lookup.ts';
export * from './model.ts';
export { nearNames } from './near-names.ts';
export { formatDependency, formatRelation, isPresent, satisfies, suppliesOf } from './relations.ts';
export { renamesOf } from './rename-data.ts';
export * from './request.ts';
export { solve, solveSkippingBroken } from './solve.ts';
export * from './source.ts';
export { why } from './why.ts';
