import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../src/base/index.ts';
import { type HttpRequest, httpGet } from '../../src/sys/index.ts';
import { codeOfAsync } from '../support/outcomes.ts';

const openssl = 'openssl';
const hasOpenssl = (() => {
  try {
    execFileSync(openssl, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const servers: (Server & { closeAllConnections(): void })[] = [];
let folder = '';
let cert = '';
let key = '';

async function listen(server: Server & { closeAllConnections(): void }): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

async function serveTls(listener: RequestListener): Promise<string> {
  return `https://127.0.0.1:${await listen(createServer({ cert, key }, listener))}`;
}

async function get(url: string, options: Partial<HttpRequest> = {}): Promise<string> {
  const response = await httpGet({ url, stallTimeout: 2000, proxy: {}, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return textOf(Buffer.concat(pieces));
}

describe.skipIf(!hasOpenssl)('https (skipped without openssl)', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tls-'));
    const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
    execFileSync(openssl, ['req', '-x509', ...kind, '-subj', '/CN=test', '-addext', names, ...files], {
      stdio: 'ignore',
    });
    cert = readFileSync(join(folder, 'cert'), 'utf8');
    key = readFileSync(join(folder, 'key'), 'utf8');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('is spoken with a host whose certificate is trusted', async () => {
    const url = await serveTls((_, response) => void response.end('secret'));
    expect(await get(url, { ca: cert })).toBe('secret');
    expect(await get(url.replace('127.0.0.1', 'localhost'), { ca: cert })).toBe('secret');
  });

  it('is refused with any other, unless the admin turned the check off', async () => {
    const url = await serveTls((_, response) => void response.end('secret'));
    expect(await codeOfAsync(() => get(url))).toBe('NETWORK_UNREACHABLE');
    expect(await get(url, { checkCertificate: false })).toBe('secret');
  });

  it('never leads on to http', async () => {
    const plain = createHttpServer((_, response) => void response.end('plain'));
    const to = `http://127.0.0.1:${await listen(plain)}/`;
    const url = await serveTls((_, response) => void response.writeHead(302, { location: to }).end());
    await expect(get(url, { ca: cert })).rejects.toMatchObject({
      code: 'NETWORK_HTTP_STATUS',
      message: expect.stringContaining('from https to http'),
    });
  });

  it('goes through the tunnel of a proxy, and nothing past it', async () => {
    const url = await serveTls((request, response) => void response.end(`${request.socket.remotePort}`));
    const ports: number[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket) => {
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        ports.push((target.address() as AddressInfo).port);
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      target.on('close', () => socket.destroy());
    });
    const settings = { https: `http://127.0.0.1:${await listen(proxy)}` };
    expect(await get(url, { ca: cert, proxy: settings })).toBe(`${ports[0]}`);
    expect(ports).toHaveLength(1);
    expect(await codeOfAsync(() => get(url, { proxy: settings }))).toBe('NETWORK_UNREACHABLE');
  });
});
