/**
 * GRUB in the BIOS boot partition, as grub-bios-setup writes it (grub-core/boot/i386/pc/{boot,diskboot}.S): boot.img in the
 * first sector knows where core.img begins, the first sector of core.img knows where the rest is.
 */
import { ParseError } from '../base/index.ts';
import { sectorBytes } from './layout.ts';

const kernelSectorAt = 0x5c;
const driveCheckAt = 0x66;
const codeBytes = 440;
const blocklistAt = 0x1f4;
/** Where diskboot.S loads the second sector to. */
const loadSegment = 0x820;
const bootSignature = 0xaa55;

/** The first 440 bytes of the disk: boot.img, leading to core.img at that sector. BOOT_ENTRY_INVALID for another file. */
export function patchBootImage(bootImage: Uint8Array, coreSector: number): Uint8Array {
  const view = new DataView(bootImage.buffer, bootImage.byteOffset, bootImage.byteLength);
  if (bootImage.byteLength !== sectorBytes || view.getUint16(510, true) !== bootSignature) {
    throw new ParseError('BOOT_ENTRY_INVALID', 'not a boot.img of GRUB');
  }
  const code = new Uint8Array(codeBytes);
  code.set(bootImage.subarray(0, codeBytes));
  const out = new DataView(code.buffer);
  out.setBigUint64(kernelSectorAt, BigInt(coreSector), true);
  // Two no-ops in the place of a jump: trust the drive number that the BIOS hands over.
  out.setUint16(driveCheckAt, 0x9090, true);
  return code;
}

/** core.img with the list of its own sectors; it lies in one piece at that sector. */
export function patchCoreImage(coreImage: Uint8Array, coreSector: number): Uint8Array {
  const sectors = Math.ceil(coreImage.byteLength / sectorBytes);
  if (sectors < 2 || sectors > 0xffff) throw new ParseError('BOOT_ENTRY_INVALID', 'not a core.img of GRUB');
  const core = new Uint8Array(sectors * sectorBytes);
  core.set(coreImage);
  const out = new DataView(core.buffer);
  out.setBigUint64(blocklistAt, BigInt(coreSector + 1), true);
  out.setUint16(blocklistAt + 8, sectors - 1, true);
  out.setUint16(blocklistAt + 10, loadSegment, true);
  return core;
}
