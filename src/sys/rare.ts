/** The room's second door: what is loaded only when it is called for (docs/adr/0015-two-files.md). */
export { productFiles } from './product-files.ts';
