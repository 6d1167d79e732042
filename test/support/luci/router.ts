/**
 * What uhttpd, ubusd and rpcd are to a browser: static files, JSON-RPC with sessions and access groups, uploads. The object
 * `opkg-ostree` is the real shim over the real engine; what a kernel would say of the machine (which deployment runs, since
 * which start) is put into its status here, for nothing is booted in a test.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { bundlePath } from '../world/bundle.ts';
import { runProgram, type Scene } from '../world/index.ts';
import { repoRoot } from '../world/repo-root.ts';

type Members = Readonly<Record<string, unknown>>;
type Half = 'read' | 'write';

interface Group {
  readonly ubus?: Readonly<Record<string, readonly string[]>>;
  readonly uci?: readonly string[];
  readonly file?: Readonly<Record<string, readonly string[]>>;
  readonly 'cgi-io'?: readonly string[];
}

const app = 'luci-app-opkg-ostree';
const shim = join(repoRoot, 'files/usr/libexec/rpcd/opkg-ostree');
const www = join(repoRoot, 'files/www/luci-static/resources');
const own = import.meta.dirname;
/** The resources of a real luci-base, which are taken instead of the stand-in where this names them. */
const real = process.env['LUCI_RESOURCES'];
const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  gif: 'image/gif',
};
const picture = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** A router with the first release deployed and running, its feeds known; its `reboot` only adds a line to `tools/restarted`. */
export async function openRouter(scene: Scene): Promise<Router> {
  await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
  await scene.compose(0);
  await scene.cli.ok('deploy', scene.branch);
  await scene.cli.ok('update');
  const tools = join(scene.folder, 'tools');
  mkdirSync(tools);
  const scripts = {
    reboot: `echo >>'${tools}/restarted'`,
    // What /usr/bin/opkg-ostree is on a router.
    'opkg-ostree': `PATH='${tools}':$PATH exec '${process.execPath}' '${bundlePath}' "$@"`,
  };
  for (const [name, line] of Object.entries(scripts))
    writeFileSync(join(tools, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  const router = await Router.start(scene, join(tools, 'opkg-ostree'));
  router.booted = (await scene.deployments())[0]?.id ?? null;
  return router;
}

/** A router that a browser can open. */
export class Router {
  /** Replies of the object are shown to this before they leave; what it returns is sent. */
  disguise: (method: string, reply: Members) => Members = (_method, reply) => reply;
  /** Calls of the object that were let through. */
  readonly calls: { readonly method: string; readonly args: Members }[] = [];
  booted: string | null = null;
  /** What comes up at the next start: the first deployment, or the one that runs. */
  comesUp: 'next' | 'old' = 'next';
  readonly #scene: Scene;
  readonly #command: string;
  readonly #server: Server;
  readonly #acl: Readonly<Record<Half, Group>>;
  readonly #sessions = new Map<string, readonly Half[]>();
  readonly #uci: Record<string, Record<string, Record<string, unknown>>>;
  #bootId = randomUUID();
  #down = false;
  #asked: () => void = () => undefined;

  private constructor(scene: Scene, command: string) {
    this.#scene = scene;
    this.#command = command;
    const acl = readFileSync(join(repoRoot, `files/usr/share/rpcd/acl.d/${app}.json`), 'utf8');
    this.#acl = (JSON.parse(acl) as Record<string, Record<Half, Group>>)[app] ?? { read: {}, write: {} };
    this.#uci = {
      'opkg-ostree': parseUci(readFileSync(join(repoRoot, 'files/etc/config/opkg-ostree'), 'utf8')),
    };
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  static async start(scene: Scene, command: string): Promise<Router> {
    const router = new Router(scene, command);
    await new Promise<void>((resolve) => router.#server.listen(0, '127.0.0.1', resolve));
    return router;
  }

  async end(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A session: one that may all, one that may look, or one that has ended. */
  login(halves: readonly Half[] = ['read', 'write']): string {
    const id = randomBytes(16).toString('hex');
    this.#sessions.set(id, halves);
    return id;
  }

  expire(session: string): void {
    this.#sessions.delete(session);
  }

  url(page: string, session: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/cgi-bin/luci/admin/system/opkg-ostree/${page}?session=${session}`;
  }

  get settings(): Readonly<Record<string, Record<string, unknown>>> {
    return this.#uci['opkg-ostree'] ?? {};
  }

  /** What a real restart does: nobody answers until somebody has asked, then another start of the machine does. */
  async restart(): Promise<void> {
    this.#down = true;
    this.#server.closeAllConnections();
    const [next] = await this.#scene.deployments();
    await new Promise<void>((resolve) => {
      this.#asked = resolve;
    });
    if (this.comesUp === 'next') this.booted = next?.id ?? null;
    this.#bootId = randomUUID();
    this.#down = false;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#down) {
      request.socket.destroy();
      this.#asked();
      return;
    }
    const url = new URL(request.url ?? '/', 'http://router');
    if (url.pathname.startsWith('/ubus/')) await this.#ubus(request, response);
    else if (url.pathname === '/cgi-bin/cgi-upload') await this.#upload(request, response);
    else if (url.pathname.startsWith('/cgi-bin/luci/')) this.#shell(url, response);
    else serveStatic(url.pathname, response);
  }

  #shell(url: URL, response: ServerResponse): void {
    const session = url.searchParams.get('session') ?? '';
    const halves = this.#sessions.get(session) ?? [];
    const page = url.pathname.split('/').at(-1) ?? '';
    const settings = {
      token: 'x',
      media: '/luci-static/stand-in',
      resource: '/luci-static/resources',
      base_url: '/luci-static/resources',
      scriptname: '/cgi-bin/luci',
      pathinfo: url.pathname.slice('/cgi-bin/luci'.length),
      documentroot: '/www',
      requestpath: ['admin', 'system', 'opkg-ostree', page],
      dispatchpath: ['admin', 'system', 'opkg-ostree', page],
      pollinterval: 5,
      ubuspath: '/ubus/',
      sessionid: session,
      nodespec: { satisfied: halves.length > 0, readonly: !halves.includes('write') },
      apply_rollback: 90,
      apply_holdoff: 4,
      apply_timeout: 5,
      apply_display: 1.5,
      // The stand-in needs not wait as long as a router takes to go down.
      opkg_ostree_pause: 300,
    };
    const scripts = real === undefined ? ['form.js', 'luci.js'] : ['cbi.js', 'promis.min.js', 'luci.js'];
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>router</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/luci-static/resources/theme.css">
${scripts.map((name) => `<script src="/luci-static/resources/${name}"></script>`).join('\n')}</head>
<body><header><strong>OpenWrt</strong><div id="indicators"></div></header>
<script>L = new LuCI(${JSON.stringify(settings)});</script>
<div id="maincontent"><div id="view"></div></div>${real === undefined ? '<div id="modal_overlay"><div class="modal" role="dialog" aria-modal="true"></div></div>' : ''}
<script>L.require('ui').then(function(ui) { ui.instantiateView('opkg-ostree/${page.replace(/[^a-z]/g, '')}'); });</script>
</body></html>`);
  }

  async #ubus(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      response.writeHead(400).end();
      return;
    }
    const asked = JSON.parse((await bodyOf(request)).toString()) as unknown;
    const list = Array.isArray(asked) ? asked : [asked];
    const replies = await Promise.all(list.map((one: Members) => this.#call(one)));
    if (this.#down) {
      request.socket.destroy();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(Array.isArray(asked) ? replies : replies[0]));
  }

  async #call({ id, params }: Members): Promise<Members> {
    // `list`: LuCI asks which objects there are.
    if (!Array.isArray(params) || params.length < 4) return { jsonrpc: '2.0', id, result: {} };
    const [session, object, method, args] = params as [string, string, string, Members];
    const answer = (result: readonly unknown[]) => ({ jsonrpc: '2.0', id, result });
    const denied = { jsonrpc: '2.0', id, error: { code: -32002, message: 'Access denied' } };
    if (object === 'session' && method === 'access')
      return this.#sessions.has(session) ? answer([0, { access: true }]) : denied;
    const halves = this.#sessions.get(session);
    if (halves === undefined) return denied;
    if (object === 'luci') return answer([0, {}]);
    if (object === 'uci') {
      const result = this.#uciCall(halves, method, args);
      return result === undefined ? denied : answer([0, result]);
    }
    const allowed = halves.some((half) => (this.#acl[half].ubus?.[object] ?? []).includes(method));
    if (!allowed) return denied;
    return answer([0, await this.#object(method, { ...args, ubus_rpc_session: session })]);
  }

  #uciCall(halves: readonly Half[], method: string, args: Members): Members | undefined {
    const config = String(args['config'] ?? 'opkg-ostree');
    const half = ['get', 'changes', 'configs'].includes(method) ? 'read' : 'write';
    if (!halves.includes(half) || !(this.#acl[half].uci ?? []).includes(config)) return undefined;
    const sections = this.#uci[config] ?? {};
    if (method === 'get') return { values: sections };
    if (method === 'set') Object.assign(sections[String(args['section'])] ?? {}, args['values']);
    return { changes: {} };
  }

  async #object(method: string, args: Members): Promise<Members> {
    this.calls.push({ method, args });
    const { stdout } = await runProgram(shim, ['call', method], {
      input: JSON.stringify(args),
      env: {
        OPKG_OSTREE_COMMAND: this.#command,
        OPKG_OSTREE_SYSROOT: this.#scene.sysroot,
        OPKG_OSTREE_RUN: join(this.#scene.folder, 'home/run'),
        HOME: this.#scene.folder,
      },
    });
    const reply = JSON.parse(stdout) as Members;
    return this.disguise(method, method === 'status' ? this.#asBooted(reply) : reply);
  }

  #asBooted(status: Members): Members {
    const deployments = (status['deployments'] as readonly Members[]).map((one) => ({
      ...one,
      booted: one['id'] === this.booted,
    }));
    return {
      ...status,
      deployments,
      booted: this.booted,
      'boot-id': this.#bootId,
      'reboot-required': this.booted !== null && this.booted !== status['next'],
    };
  }

  /** cgi-io's upload: a session, a path that the session may write to, and a file. */
  async #upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await new Response(await bodyOf(request), {
      headers: { 'content-type': request.headers['content-type'] ?? '' },
    }).formData();
    const halves = this.#sessions.get(String(form.get('sessionid'))) ?? [];
    const run = join(this.#scene.folder, 'home/run');
    const path = String(form.get('filename'));
    const asOnRouter = path.replace(run, '/var/run/opkg-ostree');
    const allowed = halves.some(
      (half) =>
        (this.#acl[half].file?.[asOnRouter] ?? []).includes('write') &&
        (this.#acl[half]['cgi-io'] ?? []).includes('upload'),
    );
    const file = form.get('filedata');
    response.writeHead(200, { 'content-type': 'application/json' });
    if (!allowed || file === null || typeof file === 'string') {
      response.end(
        JSON.stringify({ message: 'Access to path denied by ACL', failure: [13, 'Permission denied'] }),
      );
      return;
    }
    writeFileSync(path, Buffer.from(await file.arrayBuffer()), { mode: 0o600 });
    response.end(JSON.stringify({ size: file.size }));
  }
}

function serveStatic(pathname: string, response: ServerResponse): void {
  const name = normalize(pathname.replace('/luci-static/resources', ''));
  const ending = name.split('.').at(-1) ?? '';
  const folders = [www, ...(real === undefined ? [] : [real]), own];
  const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (name === '/icons/loading.gif') response.writeHead(200, { 'content-type': 'image/gif' }).end(picture);
  else if (path === undefined || !(ending in types)) response.writeHead(404).end();
  else
    response
      .writeHead(200, { 'content-type': types[ending], 'cache-control': 'no-store' })
      .end(readFileSync(path));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** As much of UCI as our own defaults are written in. */
function parseUci(text: string): Record<string, Record<string, unknown>> {
  const sections: Record<string, Record<string, unknown>> = {};
  let section: Record<string, unknown> = {};
  for (const line of text.split('\n')) {
    const found = /^\s*(config|option|list)\s+(\S+)\s+'([^']*)'/u.exec(line);
    const [, word, name = '', value = ''] = found ?? [];
    if (word === 'config') {
      section = { '.type': name, '.name': value, '.anonymous': false };
      sections[value] = section;
    } else if (word === 'option') section[name] = value;
  }
  return sections;
}
