/** One request and its response's head: direct, through an http proxy, or through a tunnel. */
import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { InterruptedError, NetworkError, throwIfAborted } from '../base/index.ts';
import { noAnswer, shownUrl, statusError } from './http-errors.ts';
import { basicAuthorization, decoded, type ProxyRoute, type ProxySettings, proxyFor } from './http-proxy.ts';

export interface ConnectOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: ProxySettings;
  /** Milliseconds until the response's head must be there. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** PEM certificates that are trusted besides the built-in ones. */
  readonly ca: string | undefined;
  /** False takes any certificate, as `option no_check_certificate` asks for. */
  readonly checkCertificate: boolean;
}

/** Connections that a host keeps open for the next package. */
const maxSockets = 4;
const userAgent = 'opkg-ostree';
let httpAgent: Agent | undefined;
let httpsAgent: Agent | undefined;

/** The response to a GET; its body has not been read. Rejects with raw Node errors, NetworkError or InterruptedError. */
export async function openResponse(url: URL, options: ConnectOptions): Promise<IncomingMessage> {
  throwIfAborted(options.signal);
  const proxy = proxyFor(url, options.proxy);
  const headers: OutgoingHttpHeaders = {
    'user-agent': userAgent,
    accept: '*/*',
    // Digests and signatures are over the bytes as they are stored.
    'accept-encoding': 'identity',
    ...options.headers,
  };
  if (url.username !== '')
    headers['authorization'] = basicAuthorization(decoded(url.username), decoded(url.password));
  const request =
    url.protocol === 'https:'
      ? await secureRequest(url, proxy, headers, options)
      : await plainRequest(url, proxy, headers);
  return answer(request, url, options);
}

async function plainRequest(
  url: URL,
  proxy: ProxyRoute | undefined,
  headers: OutgoingHttpHeaders,
): Promise<ClientRequest> {
  const http = await import('node:http');
  if (proxy === undefined) {
    httpAgent ??= new http.Agent({ keepAlive: true, maxSockets });
    return http.request({ ...addressOf(url), path: pathOf(url), headers, agent: httpAgent });
  }
  return requestToProxy(proxy, { path: shownUrl(url), headers: { ...headers, host: url.host } });
}

async function secureRequest(
  url: URL,
  proxy: ProxyRoute | undefined,
  headers: OutgoingHttpHeaders,
  options: ConnectOptions,
): Promise<ClientRequest> {
  const https = await import('node:https');
  const { rootCertificates, connect } = await import('node:tls');
  const trust = {
    rejectUnauthorized: options.checkCertificate,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const common = { ...addressOf(url), path: pathOf(url), headers, ...trust };
  if (proxy === undefined) {
    httpsAgent ??= new https.Agent({ keepAlive: true, maxSockets });
    return https.request({ ...common, agent: httpsAgent });
  }
  const tunnel = await openTunnel(url, proxy, options);
  const host = addressOf(url).hostname;
  const servername = /^[\d.]+$|:/u.test(host) ? {} : { servername: host };
  const makeSocket = () => {
    const socket = connect({ socket: tunnel, host, ...servername, ...trust });
    // A handshake that fails leaves the tunnel open, and with it the process alive.
    return socket.once('close', () => tunnel.destroy());
  };
  // No `agent` at all: with `agent: false` Node would make one, which connects directly and past the proxy.
  return https.request({ ...common, createConnection: makeSocket });
}

/** A connection to the target's host through the proxy's CONNECT. */
async function openTunnel(url: URL, proxy: ProxyRoute, options: ConnectOptions): Promise<Duplex> {
  const target = `${url.hostname}:${portOf(url)}`;
  const request = await requestToProxy(proxy, { method: 'CONNECT', path: target, headers: { host: target } });
  const tunnel = new Promise<Duplex>((resolve, reject) => {
    request.once('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(statusError(proxy.url, response.statusCode ?? 0));
      }
    });
  });
  return Promise.race([tunnel, failure(request, proxy.url, options, tunnel)]);
}

async function requestToProxy(
  proxy: ProxyRoute,
  request: { readonly method?: string; readonly path: string; readonly headers: OutgoingHttpHeaders },
): Promise<ClientRequest> {
  const authorization =
    proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization };
  const headers = { ...request.headers, ...authorization };
  const options = { ...request, ...addressOf(proxy.url), headers, agent: false };
  if (proxy.url.protocol === 'https:') return (await import('node:https')).request(options);
  return (await import('node:http')).request(options);
}

function answer(request: ClientRequest, url: URL, options: ConnectOptions): Promise<IncomingMessage> {
  const response = new Promise<IncomingMessage>((resolve) => {
    request.once('response', resolve);
  });
  return Promise.race([response, failure(request, url, options, response)]);
}

/** Sends the request; rejects when it fails, takes too long or is cancelled before `settled` is. */
function failure(
  request: ClientRequest,
  url: URL,
  options: ConnectOptions,
  settled: Promise<unknown>,
): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => request.destroy(noAnswer(url, options.timeout)), options.timeout);
    const onAbort = () => request.destroy(new InterruptedError());
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const stop = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    settled.then(stop, stop);
    // Stays for the life of the request: a late error belongs to the body, which reports it itself.
    request.on('error', (error) => {
      stop();
      reject(error);
    });
    request.once('close', () => {
      stop();
      reject(
        new NetworkError('NETWORK_UNREACHABLE', `${url.host} closed the connection`, {
          details: { errno: 'ECONNRESET' },
        }),
      );
    });
    request.end();
  });
}

function addressOf(url: URL): { hostname: string; port: number } {
  return { hostname: url.hostname.replace(/^\[|\]$/gu, ''), port: portOf(url) };
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

function pathOf(url: URL): string {
  return `${url.pathname}${url.search}`;
}
