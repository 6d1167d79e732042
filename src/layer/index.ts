export { assemble } from './assemble.ts';
export { checkModules } from './check-modules.ts';
export { firstBootPath } from './deferred.ts';
export { importInstalled } from './import-installed.ts';
export { type ImportOptions, importPackage } from './import-package.ts';
export {
  inputsDigest,
  type LayerMember,
  type LayerMetadata,
  layerVersion,
  readLayerMetadata,
} from './layer-metadata.ts';
export {
  findPackageCommit,
  type PackageCommit,
  packageRef,
  packageRefPrefix,
  payloadPath,
  unpackVersion,
} from './package-commit.ts';
export type { FileConflict } from './place-files.ts';
export {
  type ClassifiedScript,
  classifyScripts,
  type ScriptClass,
  type ScriptClassification,
} from './script-class.ts';
export type {
  FeedSnapshot,
  LayeredCommit,
  LayerPackage,
  LayerReason,
  LayerSpec,
  ScriptRun,
} from './spec.ts';
