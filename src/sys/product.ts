import { join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { readText } from './files.ts';

declare const __PRODUCT_VERSION__: string | undefined;

/** The repository's folder, where the program runs from its sources. */
export const sourceRoot = () => fileURLToPath(new URL('../../', import.meta.url));

/** The product's version: built into the bundle, read from package.json when run from source. */
export function productVersion(): string {
  if (typeof __PRODUCT_VERSION__ === 'string') return __PRODUCT_VERSION__;
  const manifest: unknown = JSON.parse(readText(join(sourceRoot(), 'package.json')));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
  return String(version);
}
