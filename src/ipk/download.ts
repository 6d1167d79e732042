/**
 * Downloads to a path: retried, resumed where that is safe, checked, and in place only when whole.
 *
 * ```
 * <path>             the file: appears by rename, when its size and digest are right
 * <path>.part        what has come so far
 * <path>.part.json   where from, and the validator that a resume sends
 * ```
 */
import {
  type Checksum,
  hexOf,
  NetworkError,
  type OperationContext,
  printable,
  sha256,
  VerificationError,
} from '../base/index.ts';
import {
  close,
  fsync,
  type HttpResponse,
  httpGet,
  lstatIfExists,
  open,
  read,
  rename,
  renameDurable,
  writeAll,
} from '../sys/index.ts';
import { PartFile } from './part-file.ts';
import { defaultRetry, withRetry } from './retry.ts';
import type { TransferOptions } from './transfer.ts';

/** What to fetch, where to, and what it must be. */
export interface DownloadRequest {
  readonly url: string;
  readonly path: string;
  /** Bytes; undefined where it is not known. */
  readonly size?: number;
  /** Undefined only where the admin said that no digest is wanted. */
  readonly sha256?: Checksum;
}

export interface Downloaded {
  readonly path: string;
  readonly size: number;
  readonly sha256: Checksum;
  /** Bytes that an earlier, interrupted download had brought. */
  readonly resumedFrom: number;
}

type Context = Pick<OperationContext, 'signal' | 'onProgress'>;
const maxUnknownSize = 1 << 29;
const copyChunk = 1 << 16;
const mismatchHint = "run 'opkg-ostree update' and try again; if it stays, use another mirror";

/**
 * Downloads the file and puts it at its path, durably where no digest would tell a torn one; a file that is there already with
 * the right digest is taken as it is.
 * Progress comes as `download` events in bytes that never fall. VerificationError CHECKSUM_MISMATCH where size or digest
 * is another than asked for; NetworkError; NoSpaceError. After a network error the part that came is kept for next time.
 */
export async function downloadFile(
  request: DownloadRequest,
  ctx: Context,
  options: TransferOptions = {},
): Promise<Downloaded> {
  const present = findPresent(request);
  if (present !== undefined) return present;
  const part = new PartFile(request);
  const progress = progressReporter(request, ctx);
  const attempt = (mayResume: boolean) =>
    withRetry(options.retry ?? defaultRetry, ctx.signal, () =>
      transfer(request, part, { mayResume, progress, ctx, options }),
    );
  try {
    const first = await attempt(true);
    if (isRight(request, first)) return finish(request, part, first);
    part.discard();
    // The mirror may have put another file behind the same validator between the two halves: once more, whole.
    const second = first.resumedFrom > 0 ? await attempt(false) : first;
    if (isRight(request, second)) return finish(request, part, second);
    throw mismatch(request, second);
  } catch (error) {
    if (!(error instanceof NetworkError) || error.code !== 'NETWORK_TOO_LARGE') throw error;
    part.discard();
    throw request.size === undefined ? error : tooLong(request, error);
  }
}

type Transferred = Omit<Downloaded, 'path'>;

interface TransferContext {
  readonly mayResume: boolean;
  readonly progress: (done: number) => void;
  readonly ctx: Context;
  readonly options: TransferOptions;
}

/** One try: asks for what is missing, or for all, and appends what comes. */
async function transfer(
  request: DownloadRequest,
  part: PartFile,
  how: TransferContext,
): Promise<Transferred> {
  const resume = how.mayResume ? part.resumable() : undefined;
  if (resume === undefined) part.discard();
  const response = await httpGet({
    url: request.url,
    headers: resume === undefined ? {} : { range: `bytes=${resume.size}-`, 'if-range': resume.validator },
    maxSize: request.size ?? maxUnknownSize,
    ...how.options,
    signal: how.ctx.signal,
  });
  const from = response.status === 206 && resume !== undefined ? rangeStart(response, resume) : 0;
  if (from === undefined || (response.status !== 200 && response.status !== 206)) {
    // The range was not answered as asked: what is here cannot be continued.
    response.close();
    if (resume === undefined) throw unusable(request.url, response.status);
    part.discard();
    return transfer(request, part, { ...how, mayResume: false });
  }
  if (from === 0 && response.status === 206) throw unusable(request.url, response.status);
  return receive(part, response, from, how.progress);
}

async function receive(
  part: PartFile,
  response: HttpResponse,
  from: number,
  progress: (done: number) => void,
): Promise<Transferred> {
  const hash = sha256();
  const fd = open(part.path, from > 0 ? 'r+' : 'w', 0o600);
  try {
    if (from > 0) hashPrefix(fd, from, (piece) => hash.update(piece));
    else part.remember(response.header('etag'), response.header('last-modified'));
    let size = from;
    progress(size);
    for await (const piece of response.body) {
      hash.update(piece);
      writeAll(fd, piece);
      size += piece.byteLength;
      progress(size);
    }
    return { size, sha256: hexOf(hash.digest()), resumedFrom: from };
  } finally {
    response.close();
    close(fd);
  }
}

/** Hashes the first bytes of the part and leaves the descriptor's position behind them. */
function hashPrefix(fd: number, size: number, update: (piece: Uint8Array) => void): void {
  const buffer = Buffer.alloc(copyChunk);
  for (let left = size; left > 0; ) {
    const got = read(fd, buffer, 0, Math.min(left, buffer.byteLength));
    if (got === 0) throw new NetworkError('NETWORK_TRUNCATED', 'the kept part of a download became shorter');
    update(buffer.subarray(0, got));
    left -= got;
  }
}

/** Where a 206 begins, if that is where the part ends and the validator is still the same. */
function rangeStart(response: HttpResponse, resume: { size: number; validator: string }): number | undefined {
  const match = /^bytes (\d{1,15})-\d{1,15}\/(?:\d{1,15}|\*)$/u.exec(response.header('content-range') ?? '');
  if (match?.[1] === undefined || Number(match[1]) !== resume.size) return undefined;
  const known = resume.validator.startsWith('"') ? response.header('etag') : response.header('last-modified');
  return known === undefined || known === resume.validator ? resume.size : undefined;
}

function isRight(request: DownloadRequest, got: Transferred): boolean {
  return (
    (request.size === undefined || request.size === got.size) &&
    (request.sha256 === undefined || request.sha256 === got.sha256)
  );
}

function finish(request: DownloadRequest, part: PartFile, got: Transferred): Downloaded {
  // A digest finds a file that a power cut tore, so only without one is it worth the seconds that a slow disk takes to flush.
  if (request.sha256 === undefined) {
    flush(part.path);
    renameDurable(part.path, request.path);
  } else {
    rename(part.path, request.path);
  }
  part.discard();
  return { path: request.path, ...got };
}

function flush(path: string): void {
  const fd = open(path, 'r');
  try {
    fsync(fd);
  } finally {
    close(fd);
  }
}

/** The file as it is at the path already; without a digest nothing tells that it is the right one. */
function findPresent(request: DownloadRequest): Downloaded | undefined {
  const found = lstatIfExists(request.path);
  if (found === undefined || request.sha256 === undefined) return undefined;
  if (!found.isFile() || (request.size !== undefined && found.size !== request.size)) return undefined;
  const fd = open(request.path, 'r');
  try {
    const hash = sha256();
    hashPrefix(fd, found.size, (piece) => hash.update(piece));
    const digest = hexOf(hash.digest());
    if (digest !== request.sha256) return undefined;
    return { path: request.path, size: found.size, sha256: digest, resumedFrom: 0 };
  } finally {
    close(fd);
  }
}

function mismatch(request: DownloadRequest, got: Transferred): VerificationError {
  const fact =
    request.size !== undefined && request.size !== got.size
      ? `${got.size} bytes instead of ${request.size}`
      : `SHA-256 ${got.sha256} instead of ${request.sha256 ?? 'none'}`;
  return new VerificationError('CHECKSUM_MISMATCH', `${request.url} is not the expected file: ${fact}`, {
    hint: mismatchHint,
    details: { expected: request.sha256 ?? null, actual: got.sha256, size: got.size },
  });
}

function tooLong(request: DownloadRequest, cause: NetworkError): VerificationError {
  const fact = `is not the expected file: it is larger than ${request.size ?? 0} bytes`;
  return new VerificationError('CHECKSUM_MISMATCH', `${request.url} ${fact}`, {
    cause,
    hint: mismatchHint,
    details: { expected: request.sha256 ?? null, actual: null },
  });
}

function unusable(url: string, status: number): NetworkError {
  return new NetworkError('NETWORK_HTTP_STATUS', `${url}: the server answered with status ${status}`, {
    details: { status },
    hint: 'use another mirror',
  });
}

/** Reports in steps of a few per second; `done` never falls, though a restart begins again at nothing. */
function progressReporter(request: DownloadRequest, ctx: Context): (done: number) => void {
  let reported = -1;
  const step = Math.max(copyChunk, Math.floor((request.size ?? 0) / 100));
  return (done) => {
    const isLast = done === request.size;
    if (done <= reported || (!isLast && reported >= 0 && done - reported < step)) return;
    reported = done;
    ctx.onProgress({
      phase: 'download',
      message: printable(request.url),
      done,
      ...(request.size === undefined ? {} : { total: request.size }),
      unit: 'bytes',
    });
  };
}
