/** The delta filter (xz-file-format 5.3.3): each byte was stored as its difference from the one `distance` before. */
export class DeltaFilter {
  readonly #distance: number;
  readonly #history: Uint8Array;
  #at = 0;

  constructor(distance: number) {
    this.#distance = distance;
    this.#history = new Uint8Array(distance);
  }

  /** Restores the next piece of content in place. */
  undo(bytes: Uint8Array): void {
    const history = this.#history;
    let at = this.#at;
    for (let i = 0; i < bytes.length; i++) {
      const value = ((bytes[i] ?? 0) + (history[at] ?? 0)) & 0xff;
      bytes[i] = value;
      history[at] = value;
      at = at + 1 === this.#distance ? 0 : at + 1;
    }
    this.#at = at;
  }
}
