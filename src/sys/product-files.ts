/** The product's files for every base: a module of its own, so that only those who make bases load their bytes. */
import { join } from 'node:path/posix';
import { brotliDecompressSync } from 'node:zlib';
import { type RelPath, toRelPath } from '../base/index.ts';
import { lstat, readdirTyped, readFile, readText } from './files.ts';
import { sourceRoot } from './product.ts';

/** JSON of [path, mode, text] for each file, compressed, in base64. */
declare const __PRODUCT_FILES__: string | undefined;

/** A file that the product puts into every base, as it stands below `files/`. */
export interface ProductFile {
  /** Permission bits: 0755 or 0644. */
  readonly mode: number;
  readonly content: Uint8Array;
}

/**
 * The files of the package `opkg-ostree-boot` by their path in the router's tree: those of `files/` that
 * `packaging/files.json` gives to no other package, and the one of base-files that compose changes.
 */
export function productFiles(): ReadonlyMap<RelPath, ProductFile> {
  if (typeof __PRODUCT_FILES__ === 'string') {
    const text = brotliDecompressSync(Buffer.from(__PRODUCT_FILES__, 'base64')).toString();
    // The build put it there: it has this shape.
    const built = JSON.parse(text) as readonly (readonly [string, number, string])[];
    return new Map(
      built.map(([path, mode, content]) => [toRelPath(path), { mode, content: Buffer.from(content) }]),
    );
  }
  const files = new Map<RelPath, ProductFile>();
  collect(join(sourceRoot(), 'files'), '', files);
  const others = otherPackages(readText(join(sourceRoot(), 'packaging/files.json')));
  for (const path of [...files.keys()]) {
    if (others.some((start) => path.startsWith(start))) files.delete(path);
  }
  return files;
}

/** The beginnings of the paths that other packages own. */
function otherPackages(manifest: string): string[] {
  const value: unknown = JSON.parse(manifest);
  return Object.entries(value ?? {})
    .filter(([owner]) => owner !== 'base-files')
    .flatMap(([, starts]) => starts)
    .map(String);
}

function collect(dir: string, prefix: string, into: Map<RelPath, ProductFile>): void {
  for (const entry of readdirTyped(dir)) {
    const path = join(dir, entry.name);
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) collect(path, name, into);
    else if (entry.isFile()) {
      into.set(toRelPath(name), {
        mode: (lstat(path).mode & 0o111) === 0 ? 0o644 : 0o755,
        content: readFile(path),
      });
    }
  }
}
