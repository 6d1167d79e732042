export { Chooser } from './choose.ts';
export { configurePackages } from './configure.ts';
export { downloadPackage, fetchTo } from './download.ts';
export { matchesGlob } from './glob.ts';
export { updateLists } from './lists.ts';
export { byteText, compareText, errnoText, type Messages, toByteText, toPath } from './messages.ts';
export { type AbstractPackage, flags, Package, type Requirement } from './model.ts';
export type { CommandOptions, Settings, Switch, Value } from './options.ts';
export { readControlOf } from './package-file.ts';
export { formatConstraint, formatRequirement } from './relations.ts';
export { removePackage } from './remove.ts';
export { renderInfo } from './render.ts';
export { installByName, upgradePackage } from './requests.ts';
export { Run } from './run.ts';
export { hasParent, loadSettings } from './settings.ts';
export { simulateRemoval } from './simulate.ts';
export {
  type Transaction,
  type TransactionContext,
  takeBackUnfinished,
  withTransaction,
} from './transaction.ts';
