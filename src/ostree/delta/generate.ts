import { basename, dirname, join } from 'node:path/posix';
import { type Checksum, type OperationContext, sha256Hex } from '../../base/index.ts';
import {
  fsyncDirectory,
  lstat,
  makeTempDir,
  mkdirp,
  now,
  readdirIfExists,
  removeTree,
  unlinkIfExists,
  writeFileDurable,
} from '../../sys/index.ts';
import type { FileObject } from '../file-object.ts';
import type { VariantDict } from '../gvariant.ts';
import { Pace } from '../pace.ts';
import type { Repository } from '../repository.ts';
import { FileLoader } from '../traverse.ts';
import { PartCompressor, type StoredPart } from './compress.ts';
import { type DeltaId, deltaDirectory } from './names.ts';
import { PartBuilder } from './part-builder.ts';
import { findRecipe, type RecipeOptions } from './recipes.ts';
import { readTree, SimilarFiles, type TreeContent } from './similar.ts';
import { type DeltaFallback, type DeltaPartHeader, renderSigned, renderSuperblock } from './superblock.ts';

export interface GenerateOptions extends DeltaId {
  /** Where to write the superblock, with the parts beside it; in the repository's `deltas` where absent. */
  readonly output?: string;
  /** Parts within the superblock: a delta of one file. */
  readonly inline?: boolean;
  /** Bytes of a part before compression; 32,000,000 where absent, as in libostree. */
  readonly maxPartSize?: number;
  /** Files above this many bytes, unless made of old ones, are left to be fetched by themselves; 0: none. 4,000,000. */
  readonly minFallbackSize?: number;
  /** Patches of small files; true where absent. */
  readonly bsdiff?: boolean;
  /** Bytes of old and new file together up to which they are made, which bounds memory; 12,000,000 where absent. */
  readonly maxBsdiffSize?: number;
  /** False: parts are not compressed, as they never are where there is no `xz`. */
  readonly compress?: boolean;
  /** Seconds since 1970 to note. */
  readonly timestamp?: number;
  /** More entries of the superblock, written first. */
  readonly metadata?: VariantDict;
  /** Makes signatures of the superblock's bytes; the delta is then written in its signed form. */
  sign?(superblock: Uint8Array): VariantDict | Promise<VariantDict>;
}

export interface GeneratedDelta extends DeltaId {
  /** The superblock's path. */
  readonly path: string;
  readonly parts: number;
  /** Bytes of the superblock and all parts. */
  readonly size: number;
  readonly uncompressedSize: number;
  readonly objects: number;
  readonly patched: number;
  readonly copied: number;
  readonly fallbacks: number;
}

const defaultPartSize = 32_000_000;
const defaultFallbackSize = 4_000_000;
const defaultBsdiffSize = 12_000_000;

/**
 * Writes the delta that makes commit `to` of commit `from`, or of nothing: for `applyDelta` and for libostree. A delta
 * that is there already is replaced, its superblock last. One part is in memory at a time.
 * OSTREE_OBJECT_MISSING where an object of the commits is not here.
 */
export async function generateDelta(
  repo: Repository,
  options: GenerateOptions,
  ctx: OperationContext,
): Promise<GeneratedDelta> {
  const lock = await repo.lock(false, ctx.signal);
  try {
    mkdirp(`${repo.path}/tmp`);
    const folder = makeTempDir('opkg-ostree-delta-', `${repo.path}/tmp`);
    try {
      return await new Generator(repo, options, folder, ctx).run();
    } finally {
      removeTree(folder);
    }
  } finally {
    lock?.release();
  }
}

class Generator {
  readonly #repo: Repository;
  readonly #options: GenerateOptions;
  readonly #recipes: RecipeOptions;
  readonly #compressor: PartCompressor;
  readonly #pace: Pace;
  readonly #path: string;
  readonly #headers: DeltaPartHeader[] = [];
  readonly #inline: [string, StoredPart][] = [];
  readonly #fallbacks: DeltaFallback[] = [];
  #builder = new PartBuilder();
  #compressing: Promise<void> = Promise.resolve();
  #counts = { objects: 0, patched: 0, copied: 0 };

  constructor(repo: Repository, options: GenerateOptions, folder: string, ctx: OperationContext) {
    this.#repo = repo;
    this.#options = options;
    this.#recipes = {
      bsdiff: options.bsdiff ?? true,
      maxBsdiffSize: options.maxBsdiffSize ?? defaultBsdiffSize,
      folder,
    };
    this.#compressor = new PartCompressor(folder, options.compress ?? true, ctx.signal);
    this.#pace = new Pace(ctx, 'unpack');
    this.#path = options.output ?? `${repo.path}/${deltaDirectory(options)}/superblock`;
  }

  async run(): Promise<GeneratedDelta> {
    const { from, to } = this.#options;
    const next = readTree(this.#repo, to);
    const old = from === undefined ? undefined : readTree(this.#repo, from);
    if (this.#options.output === undefined) mkdirp(dirname(this.#path));
    await this.#addMetadata(next, old);
    await this.#addFiles(next, old);
    if (this.#builder.count > 0) await this.#finishPart();
    await this.#compressing;
    const size = await this.#writeSuperblock();
    if (this.#options.output === undefined) this.#removeStaleParts();
    return {
      ...(from === undefined ? {} : { from }),
      to,
      path: this.#path,
      parts: this.#headers.length,
      size,
      uncompressedSize: this.#headers.reduce((sum, header) => sum + header.uncompressedSize, 0),
      ...this.#counts,
      fallbacks: this.#fallbacks.length,
    };
  }

  async #addMetadata(next: TreeContent, old: TreeContent | undefined): Promise<void> {
    const known = new Set(old?.metadata.map(({ type, checksum }) => `${type}${checksum}`));
    for (const { type, checksum } of next.metadata) {
      if (known.has(`${type}${checksum}`)) continue;
      const bytes = this.#repo.loadMetadata(type, checksum);
      await this.#room(bytes.length);
      this.#builder.addMetadata(type, checksum, bytes);
      await this.#counted();
    }
  }

  async #addFiles(next: TreeContent, old: TreeContent | undefined): Promise<void> {
    const added = [...next.files].filter(([checksum]) => old?.files.has(checksum) !== true);
    const origins = new Map<Checksum, Checksum>();
    if (old !== undefined) {
      const similar = new SimilarFiles(old, (checksum) => this.#sizeOf(checksum));
      for (const [checksum, path] of added) {
        const from = similar.find(path, this.#sizeOf(checksum));
        if (from !== undefined) origins.set(checksum, from);
      }
      this.#repo.prefetchFiles([...new Set(origins.values())], false);
    }
    const loader = new FileLoader(
      this.#repo,
      added.map(([checksum]) => checksum),
    );
    for (const [checksum] of added) {
      await this.#addFile(loader.load(checksum), origins.get(checksum));
      await this.#counted();
    }
  }

  async #addFile(file: FileObject, from: Checksum | undefined): Promise<void> {
    const { checksum, attributes, size, target } = file;
    if (target !== undefined) {
      const content = Buffer.from(target);
      await this.#room(content.length);
      this.#builder.addFile(checksum, attributes, content);
      return;
    }
    const recipe = from === undefined ? undefined : await findRecipe(this.#repo, file, from, this.#recipes);
    if (recipe !== undefined) {
      await this.#room(recipe.kind === 'patch' ? recipe.patch.length : 0);
      this.#builder.addDerived(checksum, attributes, size, recipe);
      if (recipe.kind === 'patch') this.#counts.patched += 1;
      else this.#counts.copied += 1;
      return;
    }
    const minFallback = this.#options.minFallbackSize ?? defaultFallbackSize;
    if (minFallback > 0 && size > minFallback) {
      this.#fallbacks.push({ type: 'file', checksum, size: lstat(file.path).size, uncompressedSize: size });
      return;
    }
    await this.#room(size);
    this.#builder.addFile(checksum, attributes, file.readAll(size));
  }

  /** Begins another part where `bytes` more would make this one too large. */
  async #room(bytes: number): Promise<void> {
    const limit = this.#options.maxPartSize ?? defaultPartSize;
    if (this.#builder.count > 0 && this.#builder.size + bytes > limit) await this.#finishPart();
  }

  async #counted(): Promise<void> {
    this.#counts.objects += 1;
    if (this.#pace.step()) await this.#pace.rest();
  }

  /** Compresses the part while the next one is collected; the one before has to be done. */
  async #finishPart(): Promise<void> {
    await this.#compressing;
    const builder = this.#builder;
    this.#builder = new PartBuilder();
    const index = this.#headers.length;
    const compressed = this.#compressor.compress(builder.render());
    this.#headers.push({ checksum: sha256Hex(), size: 0, uncompressedSize: 0, objects: new Uint8Array(0) });
    const objects = builder.objects();
    const { uncompressedSize } = builder;
    this.#compressing = compressed.then((part) => this.#store(index, part, objects, uncompressedSize));
    // An error is thrown where the promise is awaited; until then it must not count as unhandled.
    this.#compressing.catch(() => undefined);
  }

  #store(index: number, part: StoredPart, objects: Uint8Array, uncompressedSize: number): void {
    const type = Uint8Array.of(part.compression);
    this.#headers[index] = {
      checksum: sha256Hex(type, part.payload),
      size: part.payload.length + 1,
      uncompressedSize,
      objects,
    };
    if (this.#options.inline === true) this.#inline.push([`${deltaDirectory(this.#options)}/${index}`, part]);
    else writeFileDurable(join(dirname(this.#path), String(index)), Buffer.concat([type, part.payload]));
  }

  async #writeSuperblock(): Promise<number> {
    const { to, from, metadata = [], timestamp, sign } = this.#options;
    const attachments: [string, { type: string; value: VariantDict | [number, Uint8Array] }][] = [];
    for (const [key, part] of this.#inline)
      attachments.push([key, { type: '(yay)', value: [part.compression, part.payload] }]);
    const detached = this.#repo.loadDetachedMetadata(to);
    if (detached.length > 0)
      attachments.push([`${deltaDirectory(this.#options)}/commitmeta`, { type: 'a{sv}', value: detached }]);
    const superblock = renderSuperblock({
      ...(from === undefined ? {} : { from }),
      to,
      metadata,
      attachments,
      timestamp: timestamp ?? Math.floor(now() / 1000),
      commit: this.#repo.loadCommitBytes(to),
      parts: this.#headers,
      fallbacks: this.#fallbacks,
    });
    const file = sign === undefined ? superblock : renderSigned(superblock, await sign(superblock));
    writeFileDurable(this.#path, file);
    const parts = this.#headers.reduce((sum, { size }) => sum + size, 0);
    return file.length + (this.#options.inline === true ? 0 : parts);
  }

  /** Parts of a larger delta that was here before. */
  #removeStaleParts(): void {
    const folder = dirname(this.#path);
    const kept = this.#options.inline === true ? 0 : this.#headers.length;
    for (const name of readdirIfExists(folder)) {
      if (name !== basename(this.#path) && /^\d+$/u.test(name) && Number(name) >= kept)
        unlinkIfExists(join(folder, name));
    }
    fsyncDirectory(dirname(folder));
  }

  /** The size that a file takes, without a look at its extended attributes. */
  #sizeOf(checksum: Checksum): number {
    const path = this.#repo.findObject('file', checksum);
    if (path === undefined || path.endsWith('.filez')) return this.#repo.loadFile(checksum).size;
    return lstat(path).size;
  }
}
