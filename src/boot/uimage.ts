/**
 * U-Boot's legacy image format (include/image.h, struct legacy_img_hdr), for scripts: what `mkimage -T script` makes.
 *
 * ```
 * 0  magic 27 05 19 56     4  CRC-32 of the header, itself as zero    8  time
 * 12 size of the data     16  load address                            20 entry point
 * 24 CRC-32 of the data   28  os, arch, type, compression             32 name, 32 bytes
 * 64 data; of a script: big-endian size of the text, 0, the text
 * ```
 * All numbers are big-endian. Loading a script checks magic and both checksums, not os or arch.
 */
import { crc32 } from 'node:zlib';

const magic = 0x27051956;
const headerBytes = 64;
const linux = 5;
const arm64 = 22;
const scriptType = 6;

/** The image of a script. Its time is 0: the same script is the same file. */
export function renderScriptImage(text: string, name = 'opkg-ostree'): Uint8Array {
  const script = new TextEncoder().encode(text);
  const image = new Uint8Array(headerBytes + 8 + script.byteLength);
  const view = new DataView(image.buffer);
  view.setUint32(headerBytes, script.byteLength);
  image.set(script, headerBytes + 8);
  const data = image.subarray(headerBytes);
  view.setUint32(0, magic);
  view.setUint32(12, data.byteLength);
  view.setUint32(24, crc32(data));
  image.set([linux, arm64, scriptType, 0], 28);
  image.set(new TextEncoder().encode(name).subarray(0, 32), 32);
  view.setUint32(4, crc32(image.subarray(0, headerBytes)));
  return image;
}
