import { type Checksum, printable } from '../base/index.ts';
import { lstatIfExists, readTextIfExists, unlinkIfExists, writeFile } from '../sys/index.ts';

/** What identifies a download across runs. */
interface Target {
  readonly url: string;
  readonly path: string;
  readonly sha256?: Checksum;
}

const maxValidator = 256;

/** The unfinished bytes of a download, `<path>.part`, and beside them what a later run must know to go on. */
export class PartFile {
  readonly path: string;
  readonly #notePath: string;
  readonly #target: Target;
  /** Without name and password, which must not get into a file. */
  readonly #url: string;

  constructor(target: Target) {
    this.#target = target;
    this.#url = printable(target.url);
    this.path = `${target.path}.part`;
    this.#notePath = `${target.path}.part.json`;
  }

  /**
   * How many bytes there are and which validator they go with; undefined where the part must not be continued: it is of
   * another address or digest, or nothing tells which version of the file it is from.
   */
  resumable(): { readonly size: number; readonly validator: string } | undefined {
    const found = lstatIfExists(this.path);
    const note = this.#readNote();
    if (found === undefined || !found.isFile() || found.size === 0 || note === undefined) return undefined;
    const { url, sha256, validator } = note;
    if (url !== this.#url || sha256 !== (this.#target.sha256 ?? null)) return undefined;
    return isUsable(validator, this.#target) ? { size: found.size, validator } : undefined;
  }

  /** Notes the validator of the response that the part begins with. */
  remember(etag: string | undefined, lastModified: string | undefined): void {
    const validator = [etag, lastModified].find((text) => isUsable(text, this.#target));
    const note = { url: this.#url, sha256: this.#target.sha256 ?? null, validator: validator ?? null };
    writeFile(this.#notePath, JSON.stringify(note), { mode: 0o600 });
  }

  /** Removes the part and its note. */
  discard(): void {
    unlinkIfExists(this.path);
    unlinkIfExists(this.#notePath);
  }

  #readNote(): Readonly<Record<'url' | 'sha256' | 'validator', unknown>> | undefined {
    try {
      const note: unknown = JSON.parse(readTextIfExists(this.#notePath) ?? 'null');
      return typeof note === 'object' && note !== null
        ? { url: '', sha256: '', validator: '', ...note }
        : undefined;
    } catch (error) {
      // A note that a crash cut short: the part starts anew.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

/** A strong ETag; or, where a digest over the whole file will tell, the time of the last change. */
function isUsable(validator: unknown, target: Target): validator is string {
  if (typeof validator !== 'string' || validator.length > maxValidator || !/^[ -~]+$/u.test(validator))
    return false;
  if (/^"[^"]*"$/u.test(validator)) return true;
  return target.sha256 !== undefined && /^[A-Z][a-z]{2}, .* GMT$/u.test(validator);
}
