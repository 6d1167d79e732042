/** Which proxy a request goes through. Pure but for reading the environment. */
import { ConfigError } from '../base/index.ts';

/** Proxies as opkg.conf and the environment name them; absent means none. */
export interface ProxySettings {
  /** For http addresses, which are asked for in absolute form. */
  readonly http?: string;
  /** For https addresses, through CONNECT. */
  readonly https?: string;
  /** Hosts that are reached directly, comma-parted: `a.lan,.example.org,*`. */
  readonly noProxy?: string;
  /** Name and password for either, where its address has none. */
  readonly user?: string;
  readonly password?: string;
}

/**
 * The proxies of the environment. `HTTP_PROXY` in capitals is not read: behind a CGI server, as LuCI runs, it is what a
 * client's header `Proxy:` says.
 */
export function proxyFromEnvironment(env: NodeJS.ProcessEnv = process.env): ProxySettings {
  const https = env['https_proxy'] ?? env['HTTPS_PROXY'];
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'];
  return {
    ...(env['http_proxy'] ? { http: env['http_proxy'] } : {}),
    ...(https ? { https } : {}),
    ...(noProxy ? { noProxy } : {}),
  };
}

/** A proxy to use: its address and the value of `Proxy-Authorization`. */
export interface ProxyRoute {
  readonly url: URL;
  readonly authorization: string | undefined;
}

/** The proxy for the address, or undefined for a direct connection. ConfigError CONFIG_INVALID where its address is none. */
export function proxyFor(target: URL, settings: ProxySettings): ProxyRoute | undefined {
  const text = target.protocol === 'https:' ? settings.https : settings.http;
  if (text === undefined || text === '' || isExempt(target, settings.noProxy ?? '')) return undefined;
  const full = /^[a-z][a-z0-9+.-]*:\/\//iu.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new ConfigError('CONFIG_INVALID', `not a proxy address: '${text}'`, {
      hint: 'write it as http://HOST:PORT',
    });
  const user = url.username === '' ? settings.user : decoded(url.username);
  const password = url.username === '' ? settings.password : decoded(url.password);
  return { url, authorization: user === undefined ? undefined : basicAuthorization(user, password ?? '') };
}

/** The value of an `Authorization` header for a name and password. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The text with its percent escapes decoded, or as it is where they are broken. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isExempt(target: URL, list: string): boolean {
  const host = target.hostname.toLowerCase();
  const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
  return list.split(/[\s,]+/u).some((entry) => {
    const match = /^(.*?)(?::(\d+))?$/u.exec(entry.toLowerCase().trim());
    const name = (match?.[1] ?? '').replace(/^\*?\./u, '');
    if (name === '' || (match?.[2] !== undefined && match[2] !== port)) return false;
    return name === '*' || host === name || host.endsWith(`.${name}`);
  });
}
