/**
 * GET over http, https and file addresses, on node:http and node:https: Node's own fetch needs WebAssembly, which not
 * every router's Node has. A response's body is a stream that fails, with a typed error, where it stalls, ends early
 * or grows too large. Nothing is retried and nothing is decoded here.
 */
import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { ConfigError, InterruptedError, NetworkError, throwIfAborted } from '../base/index.ts';
import { errnoOf } from './errno.ts';
import { type Stats, stat } from './files.ts';
import { openResponse } from './http-connect.ts';
import { bodyError, bodyTooLarge, connectionError, shownUrl, statusError, truncated } from './http-errors.ts';
import { type ProxySettings, proxyFromEnvironment } from './http-proxy.ts';
import { readStream } from './regular-files.ts';

export interface HttpRequest {
  readonly url: string;
  /** Range, If-Range, If-None-Match ... Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without an answer, or with next to nothing of the body, until it counts as dead; 30,000 where absent. */
  readonly stallTimeout?: number;
  /** Bytes of the body; more is NETWORK_TOO_LARGE. 1 GiB where absent. */
  readonly maxSize?: number;
  /** Those of the environment where absent. */
  readonly proxy?: ProxySettings;
  /** PEM certificates that are trusted besides the built-in ones. */
  readonly ca?: string;
  /** False takes any certificate. */
  readonly checkCertificate?: boolean;
}

export interface HttpResponse {
  /** 200, 206, 304 or 416; any other is an error. */
  readonly status: number;
  /** Where the body came from in the end, without name and password. */
  readonly url: string;
  /** A header's value. Names in lower case. */
  header(name: string): string | undefined;
  /** Bytes of this body, as the server says. */
  readonly size: number | undefined;
  /** To be read once, to its end or until `close`. NetworkError or InterruptedError where it fails. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops the connection unless the body was read to its end. */
  close(): void;
}

const defaultStall = 30_000;
const defaultMaxSize = 1 << 30;
const maxRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const usable: ReadonlySet<number> = new Set([200, 206, 304, 416]);
/** Bytes that must come within the stall time, so that one byte a minute does not hold a router's lock for days. */
const minimumPerStall = 1024;

/**
 * The response to a GET, redirects followed: at most five, only to http and https, never from https to http.
 * NetworkError NETWORK_UNREACHABLE, NETWORK_HTTP_STATUS, NETWORK_TOO_LARGE; ConfigError for an address of another kind.
 */
export async function httpGet(request: HttpRequest): Promise<HttpResponse> {
  let url = parseUrl(request.url);
  if (url.protocol === 'file:') return fileResponse(url, request);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const message = await connect(url, request);
    const status = message.statusCode ?? 0;
    const location = message.headers.location;
    if (redirects.has(status) && location !== undefined) {
      message.destroy();
      url = redirectTarget(url, location);
      continue;
    }
    const size = contentLength(message);
    const limit = request.maxSize ?? defaultMaxSize;
    if (!usable.has(status) || (size ?? 0) > limit) {
      message.destroy();
      throw usable.has(status)
        ? bodyTooLarge(url, limit)
        : statusError(url, status, message.headers['retry-after']);
    }
    return response(message, url, request);
  }
  throw new NetworkError('NETWORK_HTTP_STATUS', `${shownUrl(parseUrl(request.url))} redirects without end`, {
    details: { url: shownUrl(url) },
    hint: 'check the address',
  });
}

/** The address; ConfigError CONFIG_INVALID for anything but http, https and file. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^(?:https?|file):$/u.test(url.protocol)) return url;
  throw new ConfigError('CONFIG_INVALID', `not an address that can be fetched: '${text.slice(0, 500)}'`, {
    hint: 'use http://, https:// or file://',
  });
}

async function connect(url: URL, request: HttpRequest): Promise<IncomingMessage> {
  try {
    return await openResponse(url, {
      headers: request.headers ?? {},
      proxy: request.proxy ?? proxyFromEnvironment(),
      timeout: request.stallTimeout ?? defaultStall,
      signal: request.signal,
      ca: request.ca,
      checkCertificate: request.checkCertificate ?? true,
    });
  } catch (error) {
    throw connectionError(error, url);
  }
}

function redirectTarget(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const fact =
    to === undefined || (to.protocol !== 'http:' && to.protocol !== 'https:')
      ? 'to something that cannot be fetched'
      : from.protocol === 'https:' && to.protocol === 'http:'
        ? 'from https to http'
        : undefined;
  if (to !== undefined && fact === undefined) return to;
  throw new NetworkError('NETWORK_HTTP_STATUS', `${shownUrl(from)} redirects ${fact}`, {
    details: { url: shownUrl(from) },
    hint: 'use another mirror',
  });
}

function response(message: IncomingMessage, url: URL, request: HttpRequest): HttpResponse {
  // An error between two reads has no other listener yet; the body's reader gets it with its next read.
  message.on('error', () => undefined);
  return {
    status: message.statusCode ?? 0,
    url: shownUrl(url),
    header: (name) => {
      const value = message.headers[name];
      return typeof value === 'string' ? value : value?.[0];
    },
    size: contentLength(message),
    body: readBody(message, url, request),
    close: () => {
      if (!message.complete) message.destroy();
    },
  };
}

async function* readBody(
  message: IncomingMessage,
  url: URL,
  request: HttpRequest,
): AsyncGenerator<Uint8Array, undefined> {
  const limit = request.maxSize ?? defaultMaxSize;
  const watch = new StallWatch(message, url, request.stallTimeout ?? defaultStall);
  const onAbort = () => message.destroy(new InterruptedError());
  request.signal?.addEventListener('abort', onAbort, { once: true });
  const pieces = message[Symbol.asyncIterator]();
  let received = 0;
  try {
    throwIfAborted(request.signal);
    for (;;) {
      const next = await watch.during(pieces.next(), (result) => result.value?.byteLength ?? 0);
      if (next.done === true) break;
      const piece: Uint8Array = next.value;
      received += piece.byteLength;
      if (received > limit) throw bodyTooLarge(url, limit);
      yield piece;
    }
    if (!message.complete) throw truncated(url, 'closed');
  } catch (error) {
    throw bodyError(error, url);
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
    if (!message.complete) message.destroy();
  }
}

/** Ends a body of which, in the time spent waiting for it, too little came. Time that the reader takes does not count. */
class StallWatch {
  readonly #message: IncomingMessage;
  readonly #url: URL;
  readonly #limit: number;
  #waited = 0;
  #received = 0;

  constructor(message: IncomingMessage, url: URL, limit: number) {
    this.#message = message;
    this.#url = url;
    this.#limit = limit;
  }

  async during<T>(read: Promise<T>, sizeOf: (result: T) => number): Promise<T> {
    const started = performance.now();
    const timer = setTimeout(() => this.#message.destroy(truncated(this.#url, 'ESTALLED')), this.#limit);
    try {
      const result = await read;
      this.#received += sizeOf(result);
      this.#waited += performance.now() - started;
      if (this.#waited >= this.#limit) {
        if (this.#received < minimumPerStall) throw truncated(this.#url, 'ESTALLED');
        this.#waited = 0;
        this.#received = 0;
      }
      return result;
    } finally {
      clearTimeout(timer);
    }
  }
}

function contentLength(message: IncomingMessage): number | undefined {
  const text = message.headers['content-length'];
  return text !== undefined && /^\d{1,15}$/u.test(text) ? Number(text) : undefined;
}

/** A file as a response, with a validator made of its size and time. It is always sent whole. */
function fileResponse(url: URL, request: HttpRequest): HttpResponse {
  throwIfAborted(request.signal);
  const { path, found } = statFile(url);
  if (!found.isFile()) throw statusError(url, 404);
  const limit = request.maxSize ?? defaultMaxSize;
  if (found.size > limit) throw bodyTooLarge(url, limit);
  const headers = new Map([
    ['etag', `"${found.size.toString(16)}-${Math.trunc(found.mtimeMs).toString(16)}"`],
  ]);
  const unchanged = request.headers?.['if-none-match'] === headers.get('etag');
  return {
    status: unchanged ? 304 : 200,
    url: shownUrl(url),
    header: (name) => headers.get(name),
    size: unchanged ? 0 : found.size,
    body: fileBody(unchanged ? undefined : path, url, request),
    close: () => undefined,
  };
}

function statFile(url: URL): { path: string; found: Stats } {
  try {
    const path = fileURLToPath(url);
    return { path, found: stat(path) };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') throw statusError(url, 404);
    throw connectionError(error, url);
  }
}

async function* fileBody(
  path: string | undefined,
  url: URL,
  request: HttpRequest,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    // Opened only now: a body that nobody reads leaves no descriptor behind, and one half read closes its own.
    for await (const piece of path === undefined ? [] : readStream(path)) {
      throwIfAborted(request.signal);
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    throw bodyError(error, url);
  }
}
