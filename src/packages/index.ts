export * from './model.ts';
export * from './source.ts';
