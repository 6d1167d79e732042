export * from './checkout.ts';
export * from './commit-tree.ts';
export * from './delta/index.ts';
export * from './diff.ts';
export * from './file-header.ts';
export type { FileObject } from './file-object.ts';
export * from './fsck.ts';
export * from './gvariant.ts';
export * from './keyfile.ts';
export * from './log.ts';
export * from './mutable-tree.ts';
export {
  type Attributes,
  fileTypeMask,
  isSymlink,
  typeDirectory,
  typeRegular,
  typeSymlink,
  type Xattr,
} from './object-fields.ts';
export * from './objects.ts';
export * from './prune.ts';
export * from './pull/index.ts';
export * from './pull-local.ts';
export { listAliases, writeAlias } from './refs.ts';
export type { RepoMode, RepoSettings } from './repo-config.ts';
export * from './repository.ts';
export * from './sign/index.ts';
export type { FileWriter } from './staged-files.ts';
export * from './summary.ts';
export type { Transaction } from './transaction.ts';
export { walkTree } from './traverse.ts';
