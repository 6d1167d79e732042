/** .xz files that compress nothing, for writers without the program `xz`: one block of stored LZMA2 chunks. */
import { crc32 } from 'node:zlib';
import { headerMagic } from './headers.ts';

const chunkSize = 1 << 16;
const streamFlags = Uint8Array.of(0, 1);
/** Twelve bytes: LZMA2 and no more, with a dictionary of 64 KiB. */
const blockHeader = Uint8Array.of(2, 0, 0x21, 1, 8, 0, 0, 0);
const footerMagic = Uint8Array.of(0x59, 0x5a);

/** An .xz file of the content, in pieces that share its memory. */
export function storeXz(content: readonly Uint8Array[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let check = 0;
  for (const piece of content) {
    check = crc32(piece, check);
    for (let at = 0; at < piece.length; at += chunkSize) {
      const chunk = piece.subarray(at, at + chunkSize);
      const last = chunk.length - 1;
      chunks.push(Uint8Array.of(size === 0 ? 1 : 2, last >> 8, last & 0xff), chunk);
      size += chunk.length;
    }
  }
  chunks.push(Uint8Array.of(0));
  const packed = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const index = renderIndex(blockHeader.length + 4 + packed + 4, size);
  const backward = Buffer.alloc(4);
  backward.writeUInt32LE(index.length / 4 - 1);
  const footer = Buffer.concat([backward, streamFlags]);
  return [
    Buffer.concat([headerMagic, streamFlags, crcOf(streamFlags), blockHeader, crcOf(blockHeader)]),
    ...chunks,
    Buffer.concat([Buffer.alloc(-packed & 3), uint32(check), index, crcOf(footer), footer, footerMagic]),
  ];
}

function renderIndex(blockSize: number, contentSize: number): Buffer {
  const body = [0, 1, ...variable(blockSize), ...variable(contentSize)];
  while (body.length % 4 !== 0) body.push(0);
  const bytes = Uint8Array.from(body);
  return Buffer.concat([bytes, crcOf(bytes)]);
}

function variable(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function crcOf(bytes: Uint8Array): Buffer {
  return uint32(crc32(bytes));
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
