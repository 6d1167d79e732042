/** GETs from a remote's servers: pipelined where they are reached directly, one by one through a proxy. */
import { ConfigError, NetworkError, throwIfAborted } from '../../base/index.ts';
import {
  HttpPipeline,
  httpGet,
  type ProxySettings,
  proxyFor,
  proxyFromEnvironment,
  readText,
  type TlsSettings,
} from '../../sys/index.ts';
import type { RemoteConfig } from './remote-config.ts';

/** How the network is used; what is absent has a default that suits a router. */
export interface TransportOptions {
  /** Connections to one server. */
  readonly sockets?: number;
  /** Requests under way on one connection; 1 for none at once. */
  readonly pipelining?: number;
  /** Milliseconds without a sign of life until a connection counts as dead. */
  readonly stallTimeout?: number;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly size: number | undefined;
  readonly body: Uint8Array | (AsyncIterable<Uint8Array> & { close?(): void });
}

const defaultSockets = 2;
const defaultPipelining = 32;
const maxRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const pastProxy = 8;

/** One remote's connections; `close` it. */
export class Transport {
  readonly #tls: TlsSettings;
  readonly #proxy: ProxySettings;
  readonly #options: TransportOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #pipelines = new Map<string, HttpPipeline>();
  #pipelining = true;

  constructor(remote: RemoteConfig, options: TransportOptions, signal: AbortSignal | undefined) {
    this.#tls = tlsOf(remote);
    this.#proxy =
      remote.proxy === undefined ? proxyFromEnvironment() : { http: remote.proxy, https: remote.proxy };
    this.#options = options;
    this.#signal = signal;
  }

  /** How many requests to the server gain from being under way at once. */
  capacity(url: URL): number {
    return proxyFor(url, this.#proxy) === undefined ? this.#pipelineTo(url).capacity : pastProxy;
  }

  /** From now on one answer at a time on each connection: something between here and there confuses them. */
  stopPipelining(): void {
    this.#pipelining = false;
    for (const pipeline of this.#pipelines.values()) pipeline.stopPipelining();
  }

  close(): void {
    for (const pipeline of this.#pipelines.values()) pipeline.close();
    this.#pipelines.clear();
  }

  /** The answer, redirects followed: 200, 206, 304 or 416. NetworkError, InterruptedError. */
  async get(url: URL, headers: Readonly<Record<string, string>>, maxSize: number): Promise<Answer> {
    let at = url;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      throwIfAborted(this.#signal);
      if (proxyFor(at, this.#proxy) !== undefined) return this.#throughProxy(at, headers, maxSize);
      const answer = await this.#pipelineTo(at).get({ url: at, headers, maxSize });
      const location = answer.headers.get('location');
      if (!redirects.has(answer.status) || location === undefined) {
        return { ...answer, header: (name) => answer.headers.get(name) };
      }
      if (!(answer.body instanceof Uint8Array)) answer.body.close();
      at = redirectTarget(at, location);
    }
    throw badRedirect(url, 'without end');
  }

  #pipelineTo(url: URL): HttpPipeline {
    const known = this.#pipelines.get(url.origin);
    if (known !== undefined) return known;
    const { sockets, pipelining, stallTimeout } = this.#options;
    const made = new HttpPipeline(url, {
      sockets: sockets ?? defaultSockets,
      depth: this.#pipelining ? (pipelining ?? defaultPipelining) : 1,
      ...(stallTimeout === undefined ? {} : { stallTimeout }),
      tls: this.#tls,
      signal: this.#signal,
    });
    this.#pipelines.set(url.origin, made);
    return made;
  }

  async #throughProxy(url: URL, headers: Readonly<Record<string, string>>, maxSize: number): Promise<Answer> {
    if (this.#tls.ca !== undefined || this.#tls.cert !== undefined)
      throw new ConfigError('CONFIG_INVALID', 'a remote with certificates of its own cannot use a proxy');
    const response = await httpGet({
      url: url.href,
      headers,
      maxSize,
      proxy: this.#proxy,
      checkCertificate: this.#tls.checkCertificate !== false,
      ...(this.#options.stallTimeout === undefined ? {} : { stallTimeout: this.#options.stallTimeout }),
      signal: this.#signal,
    });
    return {
      status: response.status,
      header: (name) => response.header(name),
      size: response.size,
      body: response.body,
    };
  }
}

function tlsOf(remote: RemoteConfig): TlsSettings {
  const { tlsCaPath, tlsClientCertPath, tlsClientKeyPath } = remote;
  return {
    checkCertificate: !remote.tlsPermissive,
    ...(tlsCaPath === undefined ? {} : { ca: readText(tlsCaPath) }),
    ...(tlsClientCertPath === undefined ? {} : { cert: readText(tlsClientCertPath) }),
    ...(tlsClientKeyPath === undefined ? {} : { key: readText(tlsClientKeyPath) }),
  };
}

function redirectTarget(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw badRedirect(from, 'to something that is no address');
  const to = new URL(location, from.href);
  if (to.protocol !== 'http:' && to.protocol !== 'https:')
    throw badRedirect(from, 'to something that cannot be fetched');
  if (from.protocol === 'https:' && to.protocol === 'http:') throw badRedirect(from, 'from https to http');
  return to;
}

function badRedirect(from: URL, how: string): NetworkError {
  return new NetworkError('NETWORK_HTTP_STATUS', `${from.origin}${from.pathname} redirects ${how}`, {
    hint: 'check the address, or use another mirror',
  });
}
