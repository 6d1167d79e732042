export { Chooser } from './choose.ts';
export { matchesGlob } from './glob.ts';
export { byteText, compareText, errnoText, type Messages, toByteText, toPath } from './messages.ts';
export { type AbstractPackage, flags, Package, type Requirement } from './model.ts';
export type { CommandOptions, Settings, Switch, Value } from './options.ts';
export { formatConstraint, formatRequirement } from './relations.ts';
export { renderInfo } from './render.ts';
export { Run } from './run.ts';
export { hasParent, loadSettings } from './settings.ts';
