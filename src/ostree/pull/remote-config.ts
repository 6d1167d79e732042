/** What a repository's `config` says of a remote: `[remote "NAME"]`, with libostree's keys and defaults. */
import { ConfigError, RefusedError } from '../../base/index.ts';
import { readdirIfExists, readText } from '../../sys/index.ts';
import { type KeyFile, parseKeyFile } from '../keyfile.ts';
import type { Repository } from '../repository.ts';

/** Which kinds of `ostree sign` signatures are demanded; empty where none is. */
export type SignDemand = readonly 'ed25519'[];

export interface RemoteConfig {
  readonly name: string;
  /** As written, `mirrorlist=` prefix and all. */
  readonly url: string;
  /** Where objects and deltas come from, if elsewhere. */
  readonly contentUrl: string | undefined;
  readonly branches: readonly string[];
  readonly gpgVerify: boolean;
  /** True where `gpgVerify` is written down and not only the default. */
  readonly gpgAsked: boolean;
  readonly gpgVerifySummary: boolean;
  readonly gpgKeyPaths: readonly string[];
  readonly signVerify: SignDemand;
  readonly signVerifySummary: SignDemand;
  /** Base64 keys and a file of them; the system's trusted keys where both are absent. */
  readonly ed25519Keys: readonly string[];
  readonly ed25519File: string | undefined;
  readonly proxy: string | undefined;
  readonly tlsPermissive: boolean;
  readonly tlsCaPath: string | undefined;
  readonly tlsClientCertPath: string | undefined;
  readonly tlsClientKeyPath: string | undefined;
  readonly collectionId: string | undefined;
}

const remotesDirectory = '/etc/ostree/remotes.d';

/**
 * The remote of that name: of the repository's config or, for a system's repository, of `/etc/ostree/remotes.d`.
 * ConfigError CONFIG_INVALID where there is none or it cannot be used; RefusedError where its `unconfigured-state` says so.
 */
export function readRemote(repo: Repository, name: string, urlOverride?: string): RemoteConfig {
  const group = `remote "${name}"`;
  const file = [repo.config, ...systemRemotes(repo)].find((config) => config.groups().includes(group));
  if (file === undefined) {
    throw new ConfigError('CONFIG_INVALID', `the repository has no remote '${name}'`, {
      hint: `add it: opkg-ostree repo remote add ${name} URL`,
    });
  }
  const state = file.get(group, 'unconfigured-state');
  if (state !== undefined && state !== '')
    throw new RefusedError('CONFIG_INVALID', `the remote '${name}' cannot be pulled from: ${state}`);
  return remoteOf(file, name, urlOverride);
}

/** The remote in a key file. ConfigError CONFIG_INVALID naming the key. */
export function remoteOf(file: KeyFile, name: string, urlOverride?: string): RemoteConfig {
  const group = `remote "${name}"`;
  const text = (key: string) => file.get(group, key)?.trim() || undefined;
  const url = urlOverride ?? text('url');
  if (url === undefined) {
    const hint = text('metalink') === undefined ? 'set its url' : 'metalinks are not read: set its url';
    throw new ConfigError('CONFIG_INVALID', `the remote '${name}' has no url`, { hint });
  }
  if (text('custom-backend') !== undefined)
    throw new ConfigError('CONFIG_INVALID', `the remote '${name}' is another tool's (custom-backend)`);
  if ((text('tls-client-cert-path') === undefined) !== (text('tls-client-key-path') === undefined))
    throw new ConfigError('CONFIG_INVALID', `the remote '${name}' needs both, client certificate and key`);
  return {
    name,
    url,
    contentUrl: text('contenturl'),
    branches: file.getList(group, 'branches') ?? [],
    gpgVerify: file.getBoolean(group, 'gpg-verify', true),
    gpgAsked: file.getBoolean(group, 'gpg-verify', false),
    gpgVerifySummary: file.getBoolean(group, 'gpg-verify-summary', false),
    gpgKeyPaths: file.getList(group, 'gpgkeypath') ?? [],
    signVerify: readDemand(file, group, 'sign-verify'),
    signVerifySummary: readDemand(file, group, 'sign-verify-summary'),
    ed25519Keys: file.getList(group, 'verification-ed25519-key') ?? [],
    ed25519File: text('verification-ed25519-file'),
    proxy: text('proxy'),
    tlsPermissive: file.getBoolean(group, 'tls-permissive', false),
    tlsCaPath: text('tls-ca-path'),
    tlsClientCertPath: text('tls-client-cert-path'),
    tlsClientKeyPath: text('tls-client-key-path'),
    collectionId: text('collection-id'),
  };
}

/** `true`, `false` or a list of kinds. A kind that is not known here must not pass for no demand at all. */
function readDemand(file: KeyFile, group: string, key: string): SignDemand {
  const text = file.get(group, key)?.trim() ?? '';
  if (text === '' || text === 'false' || text === '0') return [];
  if (text === 'true' || text === '1') return ['ed25519'];
  const kinds = (file.getList(group, key) ?? [])
    .flatMap((kind) => kind.split(','))
    .map((kind) => kind.trim());
  if (kinds.includes('ed25519')) return ['ed25519'];
  throw new ConfigError('CONFIG_INVALID', `[${group}] ${key}: '${text}' cannot be verified here`, {
    hint: 'use ed25519',
  });
}

/** Only a system's own repository reads the system's folder, unless its config names another. */
function systemRemotes(repo: Repository): KeyFile[] {
  const named = repo.config.get('core', 'add-remotes-config-dir');
  const folder = named ?? (/^(?:\/sysroot)?\/ostree\/repo$/u.test(repo.path) ? remotesDirectory : undefined);
  if (folder === undefined) return [];
  return readdirIfExists(folder)
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => parseKeyFile(readText(`${folder}/${name}`)));
}
