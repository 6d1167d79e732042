/** A loopback mirror for download tests: it answers each request with the next of the answers that it was told. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How one request is answered. `serve` is right; every other is a way in which mirrors fail. */
export type Answer =
  | { readonly kind: 'serve' }
  /** Sends so many bytes of the body and hangs up. */
  | { readonly kind: 'cut'; readonly after: number }
  /** Sends so many bytes and then nothing. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Redirects to itself. */
  | { readonly kind: 'loop' }
  /** Answers a range with other bytes under the same validator. */
  | { readonly kind: 'other-range' }
  /** Answers a range with one that begins elsewhere. */
  | { readonly kind: 'wrong-range' }
  /** Ignores the range and sends all. */
  | { readonly kind: 'no-range' };

export interface MirrorFile {
  readonly bytes: Uint8Array;
  readonly etag?: string;
  readonly lastModified?: string;
}

export class Mirror {
  /** What was asked for, in order: path and, where there was one, the range. */
  readonly asked: string[] = [];
  readonly files = new Map<string, MirrorFile>();
  readonly #server: Server;
  #answers: Answer[] = [];

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<Mirror> {
    const mirror = new Mirror();
    await new Promise<void>((resolve) => mirror.#server.listen(0, '127.0.0.1', resolve));
    return mirror;
  }

  /** Without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests get these answers, later ones are served. */
  answer(...answers: Answer[]): void {
    this.#answers = answers;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/';
    this.asked.push(request.headers.range === undefined ? path : `${path} ${request.headers.range}`);
    const answer = this.#answers.shift() ?? { kind: 'serve' };
    const file = this.files.get(path);
    if (answer.kind === 'status') response.writeHead(answer.status, answer.headers).end();
    else if (answer.kind === 'loop') response.writeHead(302, { location: path }).end();
    else if (file === undefined) response.writeHead(404).end();
    else this.#serve(request, response, file, answer);
  }

  #serve(request: IncomingMessage, response: ServerResponse, file: MirrorFile, answer: Answer): void {
    const { etag, lastModified, bytes } = file;
    if (etag !== undefined) response.setHeader('etag', etag);
    if (lastModified !== undefined) response.setHeader('last-modified', lastModified);
    const { 'if-none-match': known, 'if-range': condition, range } = request.headers;
    if (known !== undefined && known === etag) {
      response.writeHead(304).end();
      return;
    }
    const holds = condition === undefined || condition === etag || condition === lastModified;
    const asked = answer.kind !== 'no-range' && holds ? /^bytes=(\d+)-$/u.exec(range ?? '')?.[1] : undefined;
    const from = asked === undefined ? 0 : Number(asked) + (answer.kind === 'wrong-range' ? 1 : 0);
    const body = answer.kind === 'other-range' ? bytes.map((byte) => byte ^ 1) : bytes;
    const part = body.subarray(from);
    if (asked !== undefined) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}`);
    }
    response.setHeader('content-length', part.byteLength);
    if (answer.kind === 'cut') response.write(part.subarray(0, answer.after), () => response.destroy());
    else if (answer.kind === 'stall') response.write(part.subarray(0, answer.after));
    else response.end(part);
  }
}
