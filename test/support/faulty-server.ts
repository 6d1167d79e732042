import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What a server does to one answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'flip'; readonly at: number }
  | { readonly kind: 'stall' }
  | { readonly kind: 'endless' }
  | { readonly kind: 'redirect'; readonly to: string }
  | { readonly kind: 'garbage' }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'last' };

export interface FaultyServer {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** Decides on each request; undefined answers it properly. */
  fault: (path: string, count: number) => Fault | undefined;
  close(): Promise<void>;
}

/** Serves a folder and misbehaves as told. */
export async function faultyServer(folder: string): Promise<FaultyServer> {
  const requests: string[] = [];
  const state: { fault: FaultyServer['fault'] } = { fault: () => undefined };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    requests.push(path);
    const file = join(folder, path);
    const fault = state.fault(path, requests.length);
    if (fault === undefined && !(existsSync(file) && statSync(file).isFile())) {
      response.writeHead(404, { 'content-length': 9 }).end('not found');
      return;
    }
    const bytes = existsSync(file) && statSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0);
    const from = /^bytes=(\d+)-$/u.exec(request.headers.range ?? '')?.[1];
    if (from !== undefined && fault === undefined) {
      const rest = bytes.subarray(Number(from));
      response.writeHead(206, {
        'content-length': rest.length,
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      });
      response.end(rest);
      return;
    }
    misbehave(response, bytes, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get fault() {
      return state.fault;
    },
    set fault(next) {
      state.fault = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function misbehave(response: ServerResponse, bytes: Buffer, fault: Fault | undefined): void {
  const whole = { 'content-length': bytes.length };
  switch (fault?.kind) {
    case undefined:
      response.writeHead(200, whole).end(bytes);
      return;
    case 'status':
      response.writeHead(fault.status, { 'content-length': 0 }).end();
      return;
    case 'redirect':
      response.writeHead(302, { location: fault.to, 'content-length': 0 }).end();
      return;
    case 'flip': {
      const wrong = Buffer.from(bytes);
      const at = fault.at % Math.max(1, wrong.length);
      wrong[at] = (wrong[at] ?? 0) ^ 0x40;
      response.writeHead(200, whole).end(wrong);
      return;
    }
    case 'cut':
      response.writeHead(200, whole);
      response.write(bytes.subarray(0, fault.at % Math.max(1, bytes.length)), () =>
        response.socket?.destroy(),
      );
      return;
    case 'stall':
      response.writeHead(200, whole);
      response.write(bytes.subarray(0, 1));
      return;
    case 'endless': {
      response.writeHead(200);
      response.write(bytes);
      const more = () => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536, 1), () => setImmediate(more));
      };
      more();
      return;
    }
    case 'garbage':
      response.socket?.end('this is not HTTP\r\n\r\n');
      return;
    case 'chunked':
      response.writeHead(200);
      for (let at = 0; at < bytes.length; at += 700) response.write(bytes.subarray(at, at + 700));
      response.end();
      return;
    case 'last':
      response.writeHead(200, { ...whole, connection: 'close' }).end(bytes);
      return;
  }
}
