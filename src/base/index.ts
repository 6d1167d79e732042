export * from './brands.ts';
export * from './bytes.ts';
export type { ErrorCode } from './error-codes.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './hash.ts';
export { nobleHashProvider } from './noble-hash.ts';
