/**
 * GETs of many small files from one server: a few connections with many requests under way on each. node:http spends
 * more on each request than a small object takes to store. Redirects are handed back; nothing is
 * retried but what a server left unanswered when it closed a connection that had worked.
 */
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { InterruptedError, throwIfAborted } from '../base/index.ts';
import { basicAuthorization, decoded } from './http-proxy.ts';
import {
  type ConnectionOwner,
  type Exchange,
  PipelineConnection,
  type PipelineResponse,
} from './pipeline-connection.ts';

/** How secure connections are made. PEM texts. */
export interface TlsSettings {
  /** Takes the place of the built-in certificate authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False takes any certificate. */
  readonly checkCertificate?: boolean;
}

export interface PipelineOptions {
  /** Connections at most. */
  readonly sockets?: number;
  /** Requests under way on one connection, once it has shown that it is kept open; 1 switches pipelining off. */
  readonly depth?: number;
  /** Milliseconds without a sign of life until a connection counts as dead. */
  readonly stallTimeout?: number;
  readonly tls?: TlsSettings;
  readonly signal?: AbortSignal | undefined;
}

export interface PipelineRequest {
  /** An address of the pipeline's server. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxSize: number;
}

const collectLimit = 256 << 10;
const unannouncedCloses = 3;

/** Connections to one server; `close` it. */
export class HttpPipeline {
  readonly #origin: URL;
  readonly #options: PipelineOptions;
  readonly #owner: ConnectionOwner;
  readonly #connections = new Set<PipelineConnection>();
  readonly #onAbort: () => void;
  #waiting: Exchange[] = [];
  #depth: number;
  #surprises = 0;
  #connecting = 0;
  #ended: unknown;

  constructor(origin: URL, options: PipelineOptions = {}) {
    this.#origin = origin;
    this.#options = options;
    this.#depth = Math.max(1, options.depth ?? 16);
    this.#owner = {
      collect: collectLimit,
      stallTimeout: options.stallTimeout ?? 30_000,
      answered: () => this.#dispatch(),
      closed: (connection, unanswered, clean) => this.#closed(connection, unanswered, clean),
    };
    this.#onAbort = () => this.#end(new InterruptedError());
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** How many requests may be under way at once to some gain. */
  get capacity(): number {
    return (this.#options.sockets ?? 4) * this.#depth;
  }

  /** The answer; NetworkError, InterruptedError. */
  get(request: PipelineRequest): Promise<PipelineResponse> {
    return new Promise((resolve, reject) => {
      throwIfAborted(this.#options.signal);
      if (this.#ended !== undefined) throw this.#ended;
      const { url, maxSize } = request;
      this.#waiting.push({ url, maxSize, text: requestText(url, request.headers ?? {}), resolve, reject });
      this.#dispatch();
    });
  }

  /** Answers that come no more than one at a time: for servers and proxies that confuse them. */
  stopPipelining(): void {
    this.#depth = 1;
  }

  /** Drops all connections; requests under way fail as interrupted. */
  close(): void {
    this.#end(new InterruptedError());
  }

  #end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const exchange of this.#waiting.splice(0)) exchange.reject(error);
    for (const connection of [...this.#connections]) connection.destroy(error);
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#choose();
      const exchange = connection === undefined ? undefined : this.#waiting.shift();
      if (connection === undefined || exchange === undefined) break;
      connection.send(exchange);
    }
    const idle = [...this.#connections].some((connection) => connection.load === 0 && connection.open);
    const room = this.#connections.size + this.#connecting < (this.#options.sockets ?? 4);
    if (this.#waiting.length > this.#connecting && room && !idle) this.#connect();
  }

  /** The connection with the fewest requests that can take another. */
  #choose(): PipelineConnection | undefined {
    let best: PipelineConnection | undefined;
    for (const connection of this.#connections) {
      const limit = connection.count > 0 ? this.#depth : 1;
      if (!connection.open || connection.load >= limit) continue;
      if (best === undefined || connection.load < best.load) best = connection;
    }
    return best;
  }

  #connect(): void {
    this.#connecting += 1;
    openSocket(this.#origin, this.#options.tls ?? {}).then(
      (socket) => {
        this.#connecting -= 1;
        if (this.#ended !== undefined) {
          socket.destroy();
          return;
        }
        this.#connections.add(new PipelineConnection(socket, this.#owner));
        this.#dispatch();
      },
      (error: unknown) => {
        this.#connecting -= 1;
        this.#waiting.shift()?.reject(error);
      },
    );
  }

  #closed(connection: PipelineConnection, unanswered: readonly Exchange[], clean: boolean): void {
    this.#connections.delete(connection);
    if (!clean && unanswered.length > 0) {
      this.#surprises += 1;
      if (this.#surprises >= unannouncedCloses) this.stopPipelining();
    }
    if (this.#ended !== undefined) {
      for (const exchange of unanswered) exchange.reject(this.#ended);
      return;
    }
    this.#waiting = [...unanswered, ...this.#waiting];
    // In a turn of its own: the connection may still be telling others of its end.
    queueMicrotask(() => this.#dispatch());
  }
}

/** A socket that is still connecting: what is written waits, and a failure comes as its `error`. */
async function openSocket(origin: URL, tls: TlsSettings): Promise<Socket> {
  const host = origin.hostname.replace(/^\[|\]$/gu, '');
  const secure = origin.protocol === 'https:';
  const port = origin.port === '' ? (secure ? 443 : 80) : Number(origin.port);
  if (!secure) return (await import('node:net')).connect({ host, port });
  const options: ConnectionOptions = {
    host,
    port,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: tls.checkCertificate !== false,
    ...(/^[\d.]+$|:/u.test(host) ? {} : { servername: host }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
  return (await import('node:tls')).connect(options);
}

function requestText(url: URL, headers: Readonly<Record<string, string>>): string {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    'user-agent: opkg-ostree',
    'accept: */*',
    'accept-encoding: identity',
  ];
  if (url.username !== '')
    lines.push(`authorization: ${basicAuthorization(decoded(url.username), decoded(url.password))}`);
  for (const [name, value] of Object.entries(headers))
    lines.push(`${name}: ${value.replace(/[\r\n]/gu, '')}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
