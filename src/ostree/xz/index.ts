import { concat } from '../../base/index.ts';
import { XzDecoder, type XzLimits } from './decoder.ts';

export { XzDecoder, type XzLimits } from './decoder.ts';
export { storeXz } from './stored.ts';

/** The content of a whole .xz file; ParseError XZ_INVALID for broken data, XZ_UNSUPPORTED for what is beyond us. */
export function decodeXz(bytes: Uint8Array, limits: XzLimits): Uint8Array {
  const decoder = new XzDecoder({ ...limits, whole: true });
  const blocks = decoder.push(bytes);
  decoder.end();
  const [first] = blocks;
  return first !== undefined && blocks.length === 1 ? first : concat(blocks);
}
