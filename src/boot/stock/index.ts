export {
  convertedMenu,
  keptKargs,
  parseStockConfig,
  placeOfRoot,
  type StockBoot,
  type StockEntry,
  type SysrootPlace,
} from './grub-config.ts';
export {
  clearStockBoot,
  closeStock,
  type HandoverStep,
  handBack,
  handOver,
  isHandedOver,
  stockConfigText,
} from './handover.ts';
export {
  findStockBoot,
  locateStock,
  type RunningStock,
  readExtFacts,
  unsupported,
  withFirmwareAt,
  withMountedBoot,
  withMountedStock,
} from './locate.ts';
export { dropStock, readStock, type StockRecord, wasStarted, writeStock } from './record.ts';
export { stockRemains } from './remains.ts';
