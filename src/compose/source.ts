/** What a root file system can be read from. It is read twice: first its names, then the bytes that are wanted. */
import type { OperationContext, RelPath } from '../base/index.ts';
import type { ScannedRoot } from './entries.ts';

/** A file's bytes, streamed or at a path. */
export type FileBytes =
  | { readonly kind: 'stream'; readonly size: number; readonly chunks: AsyncIterable<Uint8Array> }
  | { readonly kind: 'disk'; readonly path: string };

export interface RootSource {
  /** The entries, checked, and the bytes of the few files that the rules look into. */
  scan(ctx: OperationContext): Promise<ScannedRoot>;
  /**
   * Hands each wanted file to the sink, one at a time, in any order. ParseError ROOTFS_INVALID where the source is
   * not the one that was scanned any more.
   */
  readFiles(
    wanted: ReadonlyMap<RelPath, number>,
    sink: (path: RelPath, bytes: FileBytes) => Promise<void> | void,
    ctx: OperationContext,
  ): Promise<void>;
}
