import { type ProxySettings, proxyFromEnvironment } from '../sys/index.ts';
import type { OpkgConf } from './conf.ts';
import type { RetryPolicy } from './retry.ts';

/** How to reach the network; all defaults are those of `httpGet` and `defaultRetry`. */
export interface TransferOptions {
  readonly proxy?: ProxySettings;
  /** PEM certificates that are trusted besides the built-in ones. */
  readonly ca?: string;
  readonly checkCertificate?: boolean;
  /** Milliseconds without data until a connection counts as dead. */
  readonly stallTimeout?: number;
  readonly retry?: RetryPolicy;
}

/** What opkg's configuration says about the network, over what the environment says, as opkg does it. */
export function transferOptionsOf(conf: Pick<OpkgConf, 'options'>): TransferOptions {
  const { options } = conf;
  const value = (name: string) => options.get(name) || undefined;
  const named = {
    http: value('http_proxy'),
    https: value('https_proxy'),
    noProxy: value('no_proxy'),
    user: value('proxy_user'),
    password: value('proxy_passwd'),
  };
  const set = Object.fromEntries(Object.entries(named).filter(([, text]) => text !== undefined));
  const seconds = Number(value('http_timeout') ?? 0);
  return {
    proxy: { ...proxyFromEnvironment(), ...set },
    ...(options.has('no_check_certificate') ? { checkCertificate: false } : {}),
    ...(Number.isInteger(seconds) && seconds > 0 && seconds < 86_400 ? { stallTimeout: seconds * 1000 } : {}),
  };
}
