import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

/** What goes wrong with a file: bytes stop (`cut`), stop for ever (`stall`), one is flipped (`corrupt`), all are others, or a status. */
export type Fault =
  | { readonly kind: 'cut'; readonly after: number }
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'replace'; readonly body: Uint8Array }
  | { readonly kind: 'status'; readonly status: number };

/** One answered request. */
export interface Served {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly range: string | undefined;
}

/** A feed server on loopback with ETag, If-None-Match and Range, which counts requests and fails when told to. */
export class FeedServer {
  readonly requests: Served[] = [];
  /** How many answers are being held back for ever. */
  stalled = 0;
  readonly #held = new Set<ServerResponse>();
  readonly #root: string;
  readonly #server: Server;
  readonly #faults: { readonly ending: string; readonly fault: Fault; left: number }[] = [];

  private constructor(root: string) {
    this.#root = root;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Serves the files below `root` on a free port, or on `port`. */
  static async start(root: string, port = 0): Promise<FeedServer> {
    const server = new FeedServer(root);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(port, '127.0.0.1', resolve);
    });
    return server;
  }

  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests named a path that ends in `ending`. */
  count(ending = ''): number {
    return this.requests.filter((request) => request.path.endsWith(ending)).length;
  }

  /** Lets the next `times` requests for a path that ends in `ending` fail. */
  fail(ending: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.push({ ending, fault, left: times });
  }

  /** Every file is served as it is again. */
  heal(): void {
    this.#faults.length = 0;
  }

  /** Breaks off every answer that is being held back. */
  breakStalled(): void {
    for (const response of this.#held) response.destroy();
    this.#held.clear();
  }

  /** Closes the port, open connections too. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://feed').pathname);
    response.on('close', () => {
      const { method = 'GET', headers } = request;
      this.requests.push({ method, path, status: response.statusCode, range: headers.range });
    });
    const body = readIfFile(join(this.#root, normalize(`/${path}`)));
    const fault = this.#takeFault(path);
    if (fault?.kind === 'status') respond(response, fault.status);
    else if (body === undefined) respond(response, 404);
    else serve(request, response, altered(body, fault), fault);
    if (fault?.kind === 'stall') {
      this.stalled += 1;
      this.#held.add(response);
    }
  }

  #takeFault(path: string): Fault | undefined {
    const found = this.#faults.find((item) => item.left > 0 && path.endsWith(item.ending));
    if (found !== undefined) found.left -= 1;
    return found?.fault;
  }
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  fault: Fault | undefined,
): void {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  if (request.headers['if-none-match'] === etag) {
    respond(response, 304);
    return;
  }
  const ifRange = request.headers['if-range'];
  const range =
    ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, body.length) : undefined;
  if (range === 'invalid') {
    respond(response, 416);
    return;
  }
  const part = range === undefined ? body : body.subarray(range.from, range.to + 1);
  const headers = { etag, 'accept-ranges': 'bytes', 'content-length': part.length };
  const contentRange =
    range === undefined ? {} : { 'content-range': `bytes ${range.from}-${range.to}/${body.length}` };
  response.writeHead(range === undefined ? 200 : 206, { ...headers, ...contentRange });
  if (request.method === 'HEAD') response.end();
  else if (fault?.kind === 'cut') response.write(part.subarray(0, fault.after), () => response.destroy());
  else if (fault?.kind === 'stall') response.write(part.subarray(0, fault.after));
  else response.end(part);
}

function respond(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 });
  response.end();
}

function parseRange(
  header: string | undefined,
  size: number,
): { from: number; to: number } | 'invalid' | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return from >= size || from > to ? 'invalid' : { from, to };
}

function altered(body: Buffer, fault: Fault | undefined): Buffer {
  if (fault?.kind === 'corrupt') return flipped(body);
  return fault?.kind === 'replace' ? Buffer.from(fault.body) : body;
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}

function readIfFile(path: string): Buffer | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path) : undefined;
}
