import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { isOpkgOstreeError, textOf } from '../../src/base/index.ts';
import { proxyFor } from '../../src/sys/http-proxy.ts';
import {
  type HttpRequest,
  httpGet,
  isTransientNetworkError,
  proxyFromEnvironment,
} from '../../src/sys/index.ts';
import { codeOfAsync } from '../support/outcomes.ts';

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

/** A server on loopback that answers with `listener`; its address without a slash at the end. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  return `http://127.0.0.1:${await listen(server, () => server.closeAllConnections())}`;
}

/** A server that speaks bytes; for answers that no http server would give. */
async function serveRaw(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  return `http://127.0.0.1:${await listen(server, () => sockets.forEach((s) => void s.destroy()))}`;
}

async function listen(server: Server | TcpServer, drop: () => void): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push(
    () =>
      new Promise((resolve) => {
        drop();
        server.close(() => resolve());
      }),
  );
  return (server.address() as AddressInfo).port;
}

async function get(
  url: string,
  options: Partial<HttpRequest> = {},
): Promise<{ status: number; text: string; url: string }> {
  const response = await httpGet({ url, stallTimeout: 300, proxy: {}, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return { status: response.status, text: textOf(Buffer.concat(pieces)), url: response.url };
}

async function failureOf(
  call: () => Promise<unknown>,
): Promise<{ code: string; message: string; details: unknown; again: boolean }> {
  try {
    await call();
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    return {
      code: error.code,
      message: error.message,
      details: error.details,
      again: isTransientNetworkError(error),
    };
  }
  throw new Error('nothing failed');
}

const hello = (_: IncomingMessage, response: ServerResponse) => void response.end('hello');

describe('GET', () => {
  it('brings status, headers and body', async () => {
    const url = await serve((request, response) => {
      response.setHeader('etag', '"v1"');
      response.end(
        JSON.stringify([
          request.method,
          request.url,
          request.headers['accept-encoding'],
          request.headers['x'],
        ]),
      );
    });
    const response = await httpGet({ url: `${url}/a%2bb?q=1`, headers: { x: 'y' }, proxy: {} });
    expect(response.header('etag')).toBe('"v1"');
    expect(response.header('nothing')).toBeUndefined();
    const pieces: Uint8Array[] = [];
    for await (const piece of response.body) pieces.push(piece);
    expect(JSON.parse(textOf(Buffer.concat(pieces)))).toEqual(['GET', '/a%2bb?q=1', 'identity', 'y']);
  });

  it('sends name and password of the address, and shows them nowhere', async () => {
    let seen: string | undefined;
    const url = await serve((request, response) => {
      seen = request.headers.authorization;
      response.statusCode = 403;
      response.end();
    });
    const failure = await failureOf(() => get(`${url.replace('://', '://me:s%40crit@')}/x#frag`));
    expect(seen).toBe(`Basic ${Buffer.from('me:s@crit').toString('base64')}`);
    expect(JSON.stringify(failure)).not.toMatch(/crit|me:/u);
    expect(failure).toMatchObject({ code: 'NETWORK_HTTP_STATUS', details: { status: 403 }, again: false });
  });

  it('passes 206, 304 and 416 on', async () => {
    for (const status of [206, 304, 416]) {
      const url = await serve((_, response) => {
        response.statusCode = status;
        response.end();
      });
      expect((await get(url)).status).toBe(status);
    }
  });

  it.each([
    [404, false],
    [410, false],
    [500, true],
    [503, true],
    [429, true],
    [418, false],
  ])('makes status %i an error, worth another try: %s', async (status, again) => {
    const url = await serve((_, response) => {
      response.writeHead(status, { 'retry-after': '7' }).end('x'.repeat(100_000));
    });
    expect(await failureOf(() => get(url))).toMatchObject({
      code: 'NETWORK_HTTP_STATUS',
      details: { status, retryAfter: 7 },
      again,
    });
  });

  it('reads a file, and says that it is unchanged when asked with its validator', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'http-'));
    running.push(async () => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'a b'), 'content');
    const url = pathToFileURL(join(folder, 'a b')).href;
    expect(await get(url)).toMatchObject({ status: 200, text: 'content' });
    const etag = (await httpGet({ url })).header('etag') ?? '';
    expect(await get(url, { headers: { 'if-none-match': etag } })).toMatchObject({ status: 304, text: '' });
    expect(await failureOf(() => get(`${url}x`))).toMatchObject({
      code: 'NETWORK_HTTP_STATUS',
      details: { status: 404 },
    });
    expect(await codeOfAsync(() => get(pathToFileURL(folder).href))).toBe('NETWORK_HTTP_STATUS');
    expect(await codeOfAsync(() => get('file://other-host/x'))).toBe('NETWORK_UNREACHABLE');
    expect(await codeOfAsync(() => get(url, { maxSize: 3 }))).toBe('NETWORK_TOO_LARGE');
  });

  it.each(['ftp://x/', 'nonsense', '', 'javascript:alert(1)'])('refuses the address %j', async (url) => {
    expect(await codeOfAsync(() => get(url))).toBe('CONFIG_INVALID');
  });
});

describe('redirects', () => {
  const redirectTo = (location: string) =>
    serve((_, response) => void response.writeHead(302, { location }).end());

  it('are followed, relative ones too, and the last address is told', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/b/c') response.end('there');
      else response.writeHead(301, { location: 'b/c' }).end();
    });
    expect(await get(`${url}/a`)).toEqual({ status: 200, text: 'there', url: `${url}/b/c` });
  });

  it('do not carry a name and password to another server', async () => {
    let seen: string | undefined = 'nothing asked';
    const other = await serve((request, response) => {
      seen = request.headers.authorization;
      response.end();
    });
    const url = await redirectTo(`${other}/x`);
    await get(url.replace('://', '://me:secret@'));
    expect(seen).toBeUndefined();
  });

  it('in a circle are given up', async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      response.writeHead(302, { location: '/again' }).end();
    });
    expect(await codeOfAsync(() => get(url))).toBe('NETWORK_HTTP_STATUS');
    expect(asked).toBe(6);
  });

  it.each(['file:///etc/passwd', 'ftp://x/', 'http://[', 'data:,x'])(
    'to %s are refused',
    async (location) => {
      expect(await codeOfAsync(async () => get(await redirectTo(location)))).toBe('NETWORK_HTTP_STATUS');
    },
  );
});

describe('a server that', () => {
  it('is not there', async () => {
    const url = await serve(hello);
    for (const stop of running.splice(0)) await stop();
    expect(await failureOf(() => get(url))).toMatchObject({
      code: 'NETWORK_UNREACHABLE',
      details: { errno: 'ECONNREFUSED' },
      again: true,
    });
    expect(await failureOf(() => get('http://no-such-host.invalid/'))).toMatchObject({
      code: 'NETWORK_UNREACHABLE',
    });
  });

  it('never answers', async () => {
    const url = await serve(() => undefined);
    expect(await failureOf(() => get(url, { stallTimeout: 80 }))).toMatchObject({
      code: 'NETWORK_UNREACHABLE',
      details: { errno: 'ESTALLED' },
      again: true,
    });
  });

  it('stalls within the body', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
    });
    expect(await failureOf(() => get(url, { stallTimeout: 80 }))).toMatchObject({
      code: 'NETWORK_TRUNCATED',
      again: true,
    });
  });

  it('drips', async () => {
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await failureOf(() => get(url, { stallTimeout: 100 }))).toMatchObject({
      code: 'NETWORK_TRUNCATED',
      details: { errno: 'ESTALLED' },
    });
  });

  it('cuts the body', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    });
    expect(await failureOf(() => get(url))).toMatchObject({ code: 'NETWORK_TRUNCATED', again: true });
  });

  it('cuts a chunked body', async () => {
    const url = await serveRaw((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    });
    expect(await codeOfAsync(() => get(url))).toBe('NETWORK_TRUNCATED');
  });

  it('hangs up without an answer', async () => {
    const url = await serveRaw((socket) => socket.destroy());
    expect(await failureOf(() => get(url))).toMatchObject({ code: 'NETWORK_UNREACHABLE', again: true });
  });

  it('does not speak http', async () => {
    const url = await serveRaw((socket) => socket.end('SSH-2.0-dropbear\r\n'));
    expect(await failureOf(() => get(url))).toMatchObject({ code: 'NETWORK_UNREACHABLE', again: false });
  });

  it('announces more than may come', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(200, { 'content-length': 5000 }).write('x'),
    );
    expect(await codeOfAsync(() => get(url, { maxSize: 4999 }))).toBe('NETWORK_TOO_LARGE');
  });

  it('sends more than may come without announcing it', async () => {
    const url = await serve((_, response) => {
      response.write('x'.repeat(3000));
      response.end('x'.repeat(3000));
    });
    expect(await codeOfAsync(() => get(url, { maxSize: 5999 }))).toBe('NETWORK_TOO_LARGE');
  });

  it('sends headers without end', async () => {
    const url = await serveRaw((socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}\r\n`));
    expect(await codeOfAsync(() => get(url))).toBe('NETWORK_UNREACHABLE');
  });

  it('is slow, but not slower than its reader, is fine', async () => {
    const url = await serve((_, response) => void response.end('x'.repeat(1 << 20)));
    const response = await httpGet({ url, stallTimeout: 100, proxy: {} });
    let size = 0;
    for await (const piece of response.body) {
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 250));
      size += piece.byteLength;
    }
    expect(size).toBe(1 << 20);
  });
});

describe('cancelling', () => {
  it.each([
    ['before the request', 'none'],
    ['before the answer', 'head'],
    ['within the body', 'body'],
  ])('%s ends it at once', async (_, when) => {
    const stop = new AbortController();
    const url = await serve((_request, response) => {
      if (when === 'body') response.write('x'.repeat(10));
      setTimeout(() => stop.abort(), 30);
    });
    if (when === 'none') stop.abort();
    const started = performance.now();
    expect(await codeOfAsync(() => get(url, { signal: stop.signal, stallTimeout: 20_000 }))).toBe(
      'INTERRUPTED',
    );
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('a proxy', () => {
  /** A proxy that notes what it is asked for, answers plain requests itself and opens tunnels. */
  async function startProxy(status = 200) {
    const asked: string[] = [];
    const note = (request: IncomingMessage) =>
      asked.push(
        `${request.method} ${request.url} ${request.headers.host} ${request.headers['proxy-authorization'] ?? '-'}`,
      );
    const server = createServer((request, response) => {
      note(request);
      response.end('from the proxy');
    });
    server.on('connect', (request, socket) => {
      note(request);
      socket.on('error', () => undefined);
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
        return;
      }
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      target.on('error', () => undefined);
      target.on('close', () => socket.destroy());
    });
    const port = await listen(server, () => server.closeAllConnections());
    return { asked, url: `http://127.0.0.1:${port}` };
  }

  it('is asked for http addresses in absolute form', async () => {
    const proxy = await startProxy();
    const settings = { http: proxy.url.replace('://', '://u:p@') };
    expect(await get('http://u2:p2@feed.example/a?b', { proxy: settings })).toMatchObject({
      text: 'from the proxy',
    });
    expect(proxy.asked).toEqual([
      `GET http://feed.example/a?b feed.example Basic ${Buffer.from('u:p').toString('base64')}`,
    ]);
  });

  it('is asked for a tunnel to https addresses', async () => {
    const proxy = await startProxy();
    // The target speaks no TLS, so the tunnel stands and the handshake in it fails.
    const target = await serve(hello);
    const failure = await failureOf(() =>
      get(`${target.replace('http:', 'https:')}/x`, {
        proxy: { https: proxy.url, user: 'u', password: 'p' },
      }),
    );
    expect(failure.code).toBe('NETWORK_UNREACHABLE');
    const host = target.slice('http://'.length);
    expect(proxy.asked).toEqual([`CONNECT ${host} ${host} Basic ${Buffer.from('u:p').toString('base64')}`]);
  });

  it('that refuses the tunnel is named, without its password', async () => {
    const proxy = await startProxy(407);
    const failure = await failureOf(() =>
      get('https://feed.example/', { proxy: { https: proxy.url.replace('://', '://u:secret@') } }),
    );
    expect(failure).toMatchObject({ code: 'NETWORK_HTTP_STATUS', details: { status: 407 } });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it.each([
    ['http://feed.lan/', 'lan', true],
    ['http://feed.lan/', '.feed.lan', true],
    ['http://feed.lan/', 'eed.lan', false],
    ['http://feed.lan:8080/', 'feed.lan:80', false],
    ['http://feed.lan/', 'other, feed.lan:80', true],
    ['http://feed.lan/', '*', true],
    ['http://feed.lan/', '', false],
  ])('for %s with no_proxy %j: direct %s', (url, noProxy, direct) => {
    expect(proxyFor(new URL(url), { http: 'proxy:3128', noProxy }) === undefined).toBe(direct);
  });

  it('comes from the environment, but not from what a web client can set', () => {
    expect(
      proxyFromEnvironment({
        HTTP_PROXY: 'http://evil',
        http_proxy: 'http://p',
        https_proxy: 's',
        no_proxy: 'lan',
      }),
    ).toEqual({ http: 'http://p', https: 's', noProxy: 'lan' });
    expect(proxyFromEnvironment({ HTTP_PROXY: 'http://evil' })).toEqual({});
  });

  it('with an address that is none is a configuration error', async () => {
    expect(await codeOfAsync(() => get('http://x/', { proxy: { http: 'socks://y' } }))).toBe(
      'CONFIG_INVALID',
    );
  });
});
