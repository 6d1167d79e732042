export * from './control.ts';
export * from './file-list.ts';
export { parseRecord } from './record.ts';
export * from './relations.ts';
export * from './source.ts';
export * from './status.ts';
export { compareVersions, parseOperator, versionSatisfies } from './version.ts';
