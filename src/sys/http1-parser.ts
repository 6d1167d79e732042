/**
 * The answers on one HTTP/1.1 connection, in order (RFC 9112). Node's own parser belongs to node:http, whose cost per
 * request is several times what a small object takes to verify and store.
 */

/** What an answer's first lines say. Header names in lower case; of repeated ones the first counts. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body; undefined where it is chunked or ends with the connection. */
  readonly size: number | undefined;
  /** False where no further answer can come on this connection. */
  readonly keepAlive: boolean;
}

/** Receives what the parser finds. `piece` is valid only during the call, unless it is copied. */
export interface ResponseEvents {
  head(head: ResponseHead): void;
  body(piece: Buffer): void;
  end(): void;
}

/** Bytes that are not HTTP/1. `code` begins as that of node:http's parser does. */
export class HttpSyntaxError extends Error {
  readonly code = 'HPE_INVALID';
}

type State = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer';

const maxHead = 64 << 10;
const maxLine = 1 << 10;
const headEnd = '\r\n\r\n';
const bodyless: ReadonlySet<number> = new Set([204, 304]);

/** Takes the connection's bytes in pieces; throws HttpSyntaxError. */
export class ResponseParser {
  readonly #events: ResponseEvents;
  #state: State = 'head';
  #kept: Buffer = Buffer.alloc(0);
  #left = 0;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** True between two answers, with no byte of the next one. */
  get idle(): boolean {
    return this.#state === 'head' && this.#kept.byteLength === 0;
  }

  push(bytes: Buffer): void {
    let input = this.#kept.byteLength === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    this.#kept = Buffer.alloc(0);
    while (input.byteLength > 0) {
      const used = this.#step(input);
      if (used === 0) {
        // A copy, so that the rest of a large buffer can go.
        this.#kept = Buffer.from(input);
        return;
      }
      input = input.subarray(used);
    }
  }

  /** The connection has ended; true where that is a proper end of the answer under way, or none was. */
  finish(): boolean {
    if (this.#state === 'close') {
      this.#state = 'head';
      this.#events.end();
      return true;
    }
    return this.idle;
  }

  /** How many bytes were used; 0 where more are needed. */
  #step(input: Buffer): number {
    switch (this.#state) {
      case 'head':
        return this.#head(input);
      case 'length':
      case 'chunk':
        return this.#content(input);
      case 'close':
        this.#events.body(input);
        return input.byteLength;
      case 'chunk-size':
        return this.#line(input, (line) => this.#chunkSize(line));
      case 'chunk-end':
        return this.#line(input, (line) => {
          if (line !== '') throw new HttpSyntaxError('a chunk does not end where it should');
          this.#state = 'chunk-size';
        });
      case 'trailer':
        return this.#line(input, (line) => {
          if (line === '') this.#ended();
        });
    }
  }

  #head(input: Buffer): number {
    const at = input.indexOf(headEnd);
    if (at === -1) {
      if (
        input.byteLength > maxHead ||
        (input.byteLength >= 5 && input.toString('latin1', 0, 5) !== 'HTTP/')
      ) {
        throw new HttpSyntaxError('not an HTTP answer');
      }
      return 0;
    }
    if (at > maxHead) throw new HttpSyntaxError('the head of an answer is too long');
    const { head, framing } = parseHead(input.toString('latin1', 0, at));
    // 100 Continue and the like announce the answer; they are none.
    if (head.status >= 200) {
      this.#state = framing;
      this.#left = head.size ?? 0;
      this.#events.head(head);
      if (framing === 'length' && this.#left === 0) this.#ended();
    }
    return at + headEnd.length;
  }

  #content(input: Buffer): number {
    const used = Math.min(this.#left, input.byteLength);
    this.#left -= used;
    const last = this.#left === 0;
    this.#events.body(input.subarray(0, used));
    if (last && this.#state === 'length') this.#ended();
    else if (last) this.#state = 'chunk-end';
    return used;
  }

  #chunkSize(line: string): void {
    const digits = /^([0-9a-f]{1,12})\s*(?:;|$)/iu.exec(line)?.[1];
    if (digits === undefined) throw new HttpSyntaxError('a chunk without a size');
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
  }

  #line(input: Buffer, take: (line: string) => void): number {
    const at = input.indexOf('\r\n');
    if (at > maxLine || (at === -1 && input.byteLength > maxLine))
      throw new HttpSyntaxError('a line is too long');
    if (at === -1) return 0;
    take(input.toString('latin1', 0, at));
    return at + 2;
  }

  #ended(): void {
    this.#state = 'head';
    this.#events.end();
  }
}

function parseHead(text: string): { head: ResponseHead; framing: 'length' | 'close' | 'chunk-size' } {
  const [first = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/u.exec(first);
  if (match === null) throw new HttpSyntaxError('not an HTTP/1 answer');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/u.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new HttpSyntaxError('a broken header');
    const key = name.toLowerCase();
    const before = headers.get(key);
    // Two lengths are how one answer is smuggled into another.
    if (before !== undefined && before !== value && key === 'content-length')
      throw new HttpSyntaxError('two lengths');
    if (before === undefined) headers.set(key, value);
  }
  const status = Number(match[2]);
  const encoding = headers.get('transfer-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked')
    throw new HttpSyntaxError('an unknown transfer encoding');
  const length = headers.get('content-length');
  if (length !== undefined && !/^\d{1,15}$/u.test(length)) throw new HttpSyntaxError('a broken length');
  const size = bodyless.has(status)
    ? 0
    : encoding === undefined && length !== undefined
      ? Number(length)
      : undefined;
  const framing = size !== undefined ? 'length' : encoding === undefined ? 'close' : 'chunk-size';
  const connection = headers.get('connection')?.toLowerCase() ?? '';
  const keepAlive =
    framing !== 'close' &&
    !connection.includes('close') &&
    (match[1] === '1' || connection.includes('keep-alive')) &&
    !(encoding !== undefined && length !== undefined);
  return { head: { status, headers, size, keepAlive }, framing };
}
