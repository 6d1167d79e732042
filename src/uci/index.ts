export type { UciConflict, UciConflictKind, UciConflictValue } from './conflicts.ts';
export * from './document.ts';
export * from './edit.ts';
export * from './merge.ts';
export * from './model.ts';
export * from './names.ts';
export { type NaturalKey, naturalKeys } from './natural-keys.ts';
export * from './parse.ts';
export * from './print.ts';
