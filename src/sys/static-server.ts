/** Serves the files of one folder, read-only, over HTTP: GET and HEAD, ranges, validators; never a path outside of it. */
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path/posix';
import { ifExists, lstatIfExists, realpath } from './files.ts';

export interface StaticServerOptions {
  /** The machine itself where absent. */
  readonly host?: string;
  /** One that is free where absent or 0. */
  readonly port?: number;
  /** Connections at once; 64 where absent. */
  readonly maxConnections?: number;
  /** Which paths (relative, decoded) may be asked for; all where absent. */
  allows?(path: string): boolean;
  /** Names that never change what they hold, which caches may keep for ever. */
  isImmutable?(path: string): boolean;
  /** Called after each answer. */
  onRequest?(path: string, status: number): void;
}

export interface StaticServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const requestTimeout = 30_000;
const idleTimeout = 15_000;

/** Starts it; rejects where the address cannot be had. */
export function serveFolder(folder: string, options: StaticServerOptions = {}): Promise<StaticServer> {
  const root = realpath(folder);
  const server = createServer((request, response) => {
    const path = decodePath(request.url ?? '');
    answer(root, path, request, response, options);
    options.onRequest?.(path ?? '', response.statusCode);
  });
  server.maxConnections = options.maxConnections ?? 64;
  server.requestTimeout = requestTimeout;
  server.headersTimeout = requestTimeout;
  server.keepAliveTimeout = idleTimeout;
  server.on('clientError', (_error, socket) => socket.destroy());
  return listen(server, options);
}

function listen(server: Server, options: StaticServerOptions): Promise<StaticServer> {
  const host = options.host ?? '127.0.0.1';
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
        port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** The path below the folder, or undefined where it is none. */
function decodePath(url: string): string | undefined {
  try {
    const path = decodeURIComponent(url.split('?')[0] ?? '').replace(/^\/+/u, '');
    const clean = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    return clean && !path.includes('\0') ? path : undefined;
  } catch {
    return undefined;
  }
}

function answer(
  root: string,
  path: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  options: StaticServerOptions,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuse(response, 405);
    return;
  }
  const real = path === undefined || options.allows?.(path) === false ? undefined : locate(root, path);
  const stats = real === undefined ? undefined : lstatIfExists(real);
  if (path === undefined || real === undefined || stats?.isFile() !== true) {
    refuse(response, 404);
    return;
  }
  const etag = `"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}-${stats.ino.toString(16)}"`;
  response.setHeader('etag', etag);
  response.setHeader('last-modified', stats.mtime.toUTCString());
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('content-type', extname(path) === '' ? 'text/plain' : 'application/octet-stream');
  response.setHeader(
    'cache-control',
    options.isImmutable?.(path) === true ? 'public, max-age=31536000, immutable' : 'no-cache',
  );
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  send(real, stats.size, etag, request, response);
}

/** The real path, where it lies inside the folder whatever symlinks it goes through. */
function locate(root: string, path: string): string | undefined {
  const real = ifExists(() => realpath(`${root}/${path}`));
  return real?.startsWith(`${root}/`) === true ? real : undefined;
}

function send(
  path: string,
  size: number,
  etag: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const range = rangeOf(request, size, etag);
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`);
    refuse(response, 416);
    return;
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.setHeader('content-length', end - start + 1);
  if (range !== undefined) response.setHeader('content-range', `bytes ${start}-${end}/${size}`);
  response.statusCode = range === undefined ? 200 : 206;
  if (request.method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  const stream = createReadStream(path, { start, end });
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

/** The one range that is asked for; undefined for the whole, also where the validator is another's. */
function rangeOf(
  request: IncomingMessage,
  size: number,
  etag: string,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/u.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (match === null || (condition !== undefined && condition !== etag)) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}
