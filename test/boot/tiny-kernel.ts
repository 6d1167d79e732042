/**
 * A kernel for QEMU's arm64 machine `virt` that prints its name and the device tree that it was handed, then turns the machine off:
 * what a loader chose and which arguments it passed, in four seconds.
 */

const uart = 0x0900;
const header = 64;

/** An arm64 Image (Linux Documentation/arch/arm64/booting.rst) of a few hundred bytes. */
export function tinyKernel(name: string): Uint8Array {
  const code = [
    0xaa0003f3, // mov x19, x0: the device tree
    0xd2a00002 | (uart << 5), // movz x2, #uart, lsl 16: the serial line
    0, // adr x4, name
    0x38401483, // ldrb w3, [x4], #1
    0x34000063, // cbz w3, +12
    0x39000043, // strb w3, [x2]
    0x17fffffd, // b -12
    0xb9400661, // ldr w1, [x19, #4]: its size
    0x5ac00821, // rev w1, w1
    0x38401663, // ldrb w3, [x19], #1
    0x39000043, // strb w3, [x2]
    0x71000421, // subs w1, w1, #1
    0x54ffffa1, // b.ne -12
    0x52800100, // mov w0, #8
    0x72b08000, // movk w0, #0x8400, lsl 16: PSCI SYSTEM_OFF
    0xd4000002, // hvc #0
    0x14000000, // b .
  ];
  const adrAt = 2;
  const offset = (code.length - adrAt) * 4;
  code[adrAt] = 0x10000004 | ((offset & 3) << 29) | ((offset >> 2) << 5);
  const text = new TextEncoder().encode(`\nKERNEL ${name} STARTED\n\0`);
  const image = new Uint8Array(header + code.length * 4 + text.byteLength);
  const view = new DataView(image.buffer);
  view.setUint32(0, 0x14000000 | (header / 4), true);
  view.setBigUint64(16, BigInt(image.byteLength), true);
  // Little-endian, 4 KiB pages, anywhere in memory.
  view.setBigUint64(24, 0b1010n, true);
  view.setUint32(56, 0x644d5241, true);
  code.forEach((word, index) => {
    view.setUint32(header + index * 4, word >>> 0, true);
  });
  image.set(text, header + code.length * 4);
  return image;
}
