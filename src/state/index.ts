export * from './layout.ts';
export * from './etc-merge.ts';
