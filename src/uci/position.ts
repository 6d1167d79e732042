/** A place in a file as people count: lines and columns from 1, columns in bytes. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The line and column of the byte at `offset`. */
export function positionOf(source: Uint8Array, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let at = source.indexOf(0x0a); at >= 0 && at < offset; at = source.indexOf(0x0a, at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, column: offset - start + 1 };
}
