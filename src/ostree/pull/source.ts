/** A remote's files by name, from the first of its mirrors that has them, tried again where that may help. */
import { ConfigError, concat, isOpkgOstreeError, NetworkError, textOf } from '../../base/index.ts';
import { isTransientNetworkError, type RetrySchedule, retrying, sleep } from '../../sys/index.ts';
import type { RemoteConfig } from './remote-config.ts';
import { type Answer, Transport, type TransportOptions } from './transport.ts';

export interface SourceOptions extends TransportOptions {
  readonly retry?: RetrySchedule;
}

/** A file as it comes: whole where it is small, in pieces otherwise. Pieces are to be read to the end, or returned from. */
export type Fetched = Uint8Array | AsyncIterable<Uint8Array>;

/** `repo` is where refs and the summary are, `content` where objects and deltas are. */
export type Area = 'repo' | 'content';

/** libostree tries five times more. */
const defaultRetry: RetrySchedule = { attempts: 6, firstDelay: 500, maxDelay: 30_000 };
const maxMirrorList = 1 << 20;
const maxMirrors = 100;
const maxStrikes = 2;
const listPrefix = 'mirrorlist=';

/** Made by `openSource`; `close` it. */
export class Source {
  readonly transport: Transport;
  readonly #bases: Record<Area, URL[]>;
  readonly #retry: RetrySchedule;
  readonly #signal: AbortSignal | undefined;
  readonly #strikes = new Map<URL, number>();
  /** Bytes of bodies that came. */
  received = 0;
  requests = 0;

  constructor(
    transport: Transport,
    bases: Record<Area, URL[]>,
    retry: RetrySchedule,
    signal: AbortSignal | undefined,
  ) {
    this.transport = transport;
    this.#bases = bases;
    this.#retry = retry;
    this.#signal = signal;
  }

  get capacity(): number {
    const [first] = this.#bases.content;
    return first === undefined ? 1 : this.transport.capacity(first);
  }

  close(): void {
    this.transport.close();
  }

  /** The file; NetworkError NETWORK_HTTP_STATUS with status 404 where no mirror has it. */
  fetch(area: Area, path: string, maxSize: number): Promise<Fetched> {
    return retrying(this.#retry, this.#signal, () => this.#fromMirrors(area, path, maxSize));
  }

  /** The whole file; NETWORK_TOO_LARGE above `maxSize`. */
  async read(area: Area, path: string, maxSize: number): Promise<Uint8Array> {
    return collect(await this.fetch(area, path, maxSize));
  }

  /** The whole file, or undefined where no mirror has it. */
  async readIfThere(area: Area, path: string, maxSize: number): Promise<Uint8Array | undefined> {
    try {
      return await this.read(area, path, maxSize);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #fromMirrors(area: Area, path: string, maxSize: number): Promise<Fetched> {
    let failure: unknown;
    for (const base of [...this.#bases[area]]) {
      try {
        return await this.#from(joined(base, path), maxSize);
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        // What another try may cure counts for more than that one mirror lacks the file.
        if (failure === undefined || isTransientNetworkError(error)) failure = error;
        if (isTransientNetworkError(error)) this.#demote(area, base, error.code === 'NETWORK_UNREACHABLE');
      }
    }
    throw failure;
  }

  async #from(url: URL, maxSize: number): Promise<Fetched> {
    this.requests += 1;
    const answer = await this.transport.get(url, {}, maxSize);
    if (answer.status !== 200) {
      drop(answer);
      throw unexpected(url, answer.status);
    }
    if (!(answer.body instanceof Uint8Array)) return this.#resumed(url, answer, maxSize);
    this.received += answer.body.byteLength;
    return answer.body;
  }

  /** The body's pieces; where the connection is cut, the rest is asked for, as long as each try brings something. */
  async *#resumed(url: URL, first: Answer, maxSize: number): AsyncGenerator<Uint8Array, undefined> {
    let answer = first;
    let received = 0;
    let skip = 0;
    for (let fruitless = 0; ; ) {
      const before = received;
      try {
        for await (const piece of piecesOf(answer)) {
          const fresh = piece.subarray(Math.min(skip, piece.byteLength));
          skip -= piece.byteLength - fresh.byteLength;
          received += fresh.byteLength;
          this.received += fresh.byteLength;
          if (received > maxSize) throw tooLarge(url, maxSize);
          if (fresh.byteLength > 0) yield fresh;
        }
        return undefined;
      } catch (error) {
        fruitless = received > before ? 0 : fruitless + 1;
        if (!isTransientNetworkError(error) || fruitless >= this.#retry.attempts) throw error;
      }
      if (fruitless > 0) await sleep(this.#retry.firstDelay, this.#signal);
      const from = received;
      answer = await retrying(this.#retry, this.#signal, () => this.#rest(url, from, first, maxSize));
      // A server without ranges sends all of it again; that it is the same is what the object's checksum shows.
      skip = answer.status === 206 ? 0 : received;
    }
  }

  async #rest(url: URL, from: number, first: Answer, maxSize: number): Promise<Answer> {
    const etag = first.header('etag');
    const validator = etag?.startsWith('"') === true ? etag : first.header('last-modified');
    this.requests += 1;
    const answer = await this.transport.get(
      url,
      { range: `bytes=${from}-`, ...(validator === undefined ? {} : { 'if-range': validator }) },
      maxSize,
    );
    const start = /^bytes (\d{1,15})-/u.exec(answer.header('content-range') ?? '')?.[1];
    if (answer.status === 200 || (answer.status === 206 && Number(start) === from)) return answer;
    drop(answer);
    throw unexpected(url, answer.status);
  }

  /** To the end of the list; out of it where it cannot be reached again and again and there are others. */
  #demote(area: Area, base: URL, unreachable: boolean): void {
    const list = this.#bases[area];
    const at = list.indexOf(base);
    if (at === -1 || list.length === 1) return;
    const strikes = (this.#strikes.get(base) ?? 0) + (unreachable ? 1 : 0);
    this.#strikes.set(base, strikes);
    list.splice(at, 1);
    if (strikes < maxStrikes) list.push(base);
  }
}

/** The remote's servers, its mirror lists fetched. ConfigError CONFIG_INVALID for addresses that cannot be used. */
export async function openSource(
  remote: RemoteConfig,
  options: SourceOptions,
  signal: AbortSignal | undefined,
): Promise<Source> {
  const transport = new Transport(remote, options, signal);
  const retry = options.retry ?? defaultRetry;
  try {
    const repo = await mirrorsOf(remote.url, transport, retry, signal);
    const content =
      remote.contentUrl === undefined
        ? [...repo]
        : await mirrorsOf(remote.contentUrl, transport, retry, signal);
    return new Source(transport, { repo, content }, retry, signal);
  } catch (error) {
    transport.close();
    throw error;
  }
}

/** All of it. */
export async function collect(fetched: Fetched): Promise<Uint8Array> {
  if (fetched instanceof Uint8Array) return fetched;
  const pieces: Uint8Array[] = [];
  for await (const piece of fetched) pieces.push(piece);
  return concat(pieces);
}

/** True where the server said that there is no such file. */
export function isNotFound(error: unknown): boolean {
  if (!isOpkgOstreeError(error) || error.code !== 'NETWORK_HTTP_STATUS') return false;
  return error.details['status'] === 404 || error.details['status'] === 410;
}

async function mirrorsOf(
  text: string,
  transport: Transport,
  retry: RetrySchedule,
  signal: AbortSignal | undefined,
): Promise<URL[]> {
  if (!text.startsWith(listPrefix)) return [baseUrl(text)];
  const url = baseUrl(text.slice(listPrefix.length));
  const list = await retrying(retry, signal, async () => {
    const answer = await transport.get(url, {}, maxMirrorList);
    if (answer.status !== 200) {
      drop(answer);
      throw unexpected(url, answer.status);
    }
    return textOf(await collect(answer.body));
  });
  const mirrors = list
    .split('\n')
    .map((line) => line.trim())
    // As libostree: what is no http address is passed over.
    .filter((line) => /^https?:\/\//u.test(line) && URL.canParse(line))
    .slice(0, maxMirrors)
    .map((line) => new URL(line));
  if (mirrors.length > 0) return mirrors;
  throw new ConfigError('CONFIG_INVALID', `the mirror list ${url.href} names no mirror`);
}

function baseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/u.test(url.protocol)) return url;
  throw new ConfigError('CONFIG_INVALID', `not an address that can be pulled from: '${text.slice(0, 500)}'`, {
    hint: 'use http:// or https://',
  });
}

function joined(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/+$/u, '')}/${path.split('/').map(encodeURIComponent).join('/')}`;
  return url;
}

async function* piecesOf(answer: Answer): AsyncGenerator<Uint8Array, undefined> {
  if (answer.body instanceof Uint8Array) yield answer.body;
  else yield* answer.body;
}

function drop(answer: Answer): void {
  if (!(answer.body instanceof Uint8Array)) answer.body.close?.();
}

function unexpected(url: URL, status: number): NetworkError {
  return new NetworkError(
    'NETWORK_HTTP_STATUS',
    `${url.origin}${url.pathname}: the server answered with status ${status}`,
    { details: { status }, hint: 'use another mirror' },
  );
}

function tooLarge(url: URL, limit: number): NetworkError {
  return new NetworkError(
    'NETWORK_TOO_LARGE',
    `${url.origin}${url.pathname} is larger than the ${limit} bytes that it may have`,
    { details: { limit }, hint: 'use another mirror' },
  );
}
