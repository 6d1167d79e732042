export * from './accounts.ts';
export * from './etc/index.ts';
export * from './etc-merge.ts';
export { copyXattrs } from './etc-merge-copy.ts';
export * from './layout.ts';
export * from './require-user.ts';
export * from './services.ts';
