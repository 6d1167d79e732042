export * from './clock.ts';
export * from './durable.ts';
export { errnoOf, guarded, systemError } from './errno.ts';
export * from './files.ts';
export * from './lock.ts';
export * from './process.ts';
export * from './product.ts';
export * from './terminal.ts';
export * from './xattr.ts';
