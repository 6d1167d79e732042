/** Getting packages and lists to where opkg puts them. */
import { createHash } from 'node:crypto';
import { isOpkgOstreeError, type OperationContext, silentContext } from '../base/index.ts';
import { downloadFile, packageUrl, type TransferOptions, transferOptionsOf } from '../ipk/index.ts';
import { copyFile, lstatIfExists, readFile, rename, statIfExists, unlinkIfExists } from '../sys/index.ts';
import { toPath } from './messages.ts';
import type { Package } from './model.ts';
import type { Value } from './options.ts';
import type { Run } from './run.ts';

/** opkg's wget: 4 is a network failure, 8 an answer of the server that is an error. */
const wgetNetwork = 4;
const wgetServer = 8;

/** Fetches a URL to a file; false after an error that is noted. `file:` addresses are copied. */
export async function fetchTo(run: Run, url: string, target: string, signal: AbortSignal): Promise<boolean> {
  run.messages.notice(`Downloading ${url}\n`);
  const path = toPath(target);
  if (url.startsWith('file:')) return copyLocal(run, decodePath(url.slice('file:'.length)), target);
  const part = `${path}.new`;
  try {
    unlinkIfExists(part);
    await downloadFile({ url: toPath(url), path: part }, contextOf(signal), transferOptions(run));
    rename(part, path);
    return true;
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.kind === 'interrupted') throw error;
    const status = error.code === 'NETWORK_HTTP_STATUS' ? wgetServer : wgetNetwork;
    run.messages.error('opkg_download', `Failed to download ${url}, wget returned ${status}.\n`);
    if (status === wgetNetwork)
      run.messages.error('opkg_download', 'Check your network settings and connectivity.\n\n');
    return false;
  }
}

function contextOf(signal: AbortSignal): Pick<OperationContext, 'signal' | 'onProgress'> {
  return { ...silentContext, signal };
}

function copyLocal(run: Run, from: string, target: string): boolean {
  const source = toPath(from);
  if (statIfExists(source)?.isFile() !== true) {
    run.messages.error('copy_file', `${from}: No such file or directory.\n`);
    run.messages.error('file_copy', `Failed to copy file ${from} to ${target}.\n`);
    return false;
  }
  const part = `${toPath(target)}.new`;
  copyFile(source, part);
  rename(part, toPath(target));
  return true;
}

/** `%2b` and the like as the bytes that they stand for. */
function decodePath(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/gu, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function transferOptions(run: Run): TransferOptions {
  const names: readonly Value[] = [
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'proxy_user',
    'proxy_passwd',
    'http_timeout',
  ];
  const options = new Map<string, string>();
  for (const name of names) {
    const value = run.settings.value(name);
    if (value !== undefined) options.set(name, toPath(value));
  }
  if (run.settings.on('no_check_certificate')) options.set('no_check_certificate', '');
  return transferOptionsOf({ options });
}

/** Downloads the package into the folder, by way of the cache where there is one; false after an error that is noted. */
export async function downloadPackage(
  run: Run,
  pkg: Package,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const fail = (text: string) => {
    run.messages.error('opkg_download_pkg', text);
    return false;
  };
  if (pkg.source === undefined)
    return fail(`Package ${pkg.name} is not available from any configured src.\n`);
  const name = pkg.texts.get('Filename');
  if (name === undefined) return fail(`Package ${pkg.name} does not have a valid filename field.\n`);
  // Only the last part of a name such as `../../x.ipk` may name a file here.
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (base === '' || base === '.' || base === '..' || base.includes('\0'))
    return fail(`Package ${pkg.name} does not have a valid filename field.\n`);
  const target = `${folder}/${base}`;
  const url = packageUrl(pkg.source.url, name);
  pkg.file = target;
  const cache = run.settings.value('cache');
  if (cache === undefined || url.startsWith('file:')) return fetchTo(run, url, target, signal);
  return throughCache(run, pkg, { url, target, kept: `${cache}/${base}`, cache }, signal);
}

async function throughCache(
  run: Run,
  pkg: Package,
  places: { url: string; target: string; kept: string; cache: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { url, target, kept, cache } = places;
  if (!run.isFolder(cache)) {
    run.messages.error('opkg_download_cache', `${cache} is not a directory.\n`);
    return false;
  }
  if (run.exists(kept) && !isIntact(run, pkg, kept)) {
    run.messages.notice(`Removing ${pkg.name} from cache because it has incorrect checksum.\n`);
    unlinkIfExists(toPath(kept));
  }
  if (run.exists(kept)) run.messages.notice(`Copying ${kept}.\n`);
  else if (!(await fetchTo(run, url, kept, signal))) return false;
  return copyLocal(run, kept, target);
}

/** Whether the file has the size and digests that the feed says; what it does not say is not asked for. */
export function isIntact(run: Run, pkg: Package, file: string): boolean {
  const where = 'opkg_verify_integrity';
  const found = lstatIfExists(toPath(file));
  if (found === undefined) {
    run.messages.error(where, `Failed to stat ${file}: No such file or directory\n`);
    return false;
  }
  if (pkg.size > 0 && found.size !== pkg.size) {
    run.messages.info(
      where,
      `Package size mismatch: ${pkg.name} is ${found.size} bytes, expecting ${pkg.size} bytes\n`,
    );
    return false;
  }
  for (const [field, algorithm] of [
    ['MD5Sum', 'md5'],
    ['SHA256sum', 'sha256'],
  ] as const) {
    const wanted = pkg.texts.get(field);
    if (wanted === undefined) continue;
    if (
      createHash(algorithm)
        .update(readFile(toPath(file)))
        .digest('hex') === wanted
    )
      continue;
    run.messages.info(where, `Package ${pkg.name} ${algorithm}sum mismatch.\n`);
    return false;
  }
  return true;
}
