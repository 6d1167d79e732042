/** Other bundles of this product, which lie beside the one that runs and are loaded when they are needed. */
import { dirname, join } from 'node:path/posix';
import { pathToFileURL } from 'node:url';
import { SystemError } from '../base/index.ts';
import { exists, realpath } from './files.ts';

/** What is used of WebAssembly; the types of Node do not have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => object;
};

/** The exports of the bundle `name`; COMMAND_MISSING where it is not installed. */
export async function loadCompanion(name: string): Promise<Readonly<Record<string, unknown>>> {
  const script = process.argv[1];
  const path = script === undefined ? name : join(dirname(realpath(script)), name);
  if (!exists(path)) {
    throw new SystemError('COMMAND_MISSING', `${path} is not there`, {
      hint: "install the package 'opkg-ostree' again, or build with 'npm run build'",
    });
  }
  return Object.fromEntries(Object.entries(await import(pathToFileURL(path).href)));
}

/** True where WebAssembly can be used: some kernels and memory limits forbid it, and then it fails late. */
export function hasWebAssembly(): boolean {
  try {
    // The smallest module with a memory: `\0asm`, version 1, one memory of one page.
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1]);
    return new WebAssembly.Instance(new WebAssembly.Module(bytes)) !== undefined;
  } catch {
    return false;
  }
}

/** True where texts can be cut into what a reader takes for letters; Node without ICU cannot. */
export function hasSegmenter(): boolean {
  try {
    return typeof Intl === 'object' && typeof new Intl.Segmenter().segment === 'function';
  } catch {
    return false;
  }
}
