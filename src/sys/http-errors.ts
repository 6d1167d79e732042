/** The network's failures as typed errors, and the closed list of those that another try may cure. */
import { isOpkgOstreeError, NetworkError, type OpkgOstreeError } from '../base/index.ts';

/** Of a connection: what a mirror, a link or a name server that is busy or just coming up answers. */
const transientErrno: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPIPE',
  'ESTALLED',
  'ETIMEDOUT',
]);
const transientStatus: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** True where the same request may succeed a moment later. */
export function isTransientNetworkError(error: unknown): boolean {
  if (!(error instanceof NetworkError)) return false;
  const { errno, status } = error.details;
  switch (error.code) {
    case 'NETWORK_TRUNCATED':
      return true;
    case 'NETWORK_UNREACHABLE':
      return typeof errno === 'string' && transientErrno.has(errno);
    case 'NETWORK_HTTP_STATUS':
      return typeof status === 'number' && transientStatus.has(status);
    default:
      return false;
  }
}

/** The address without name, password and fragment: what may be shown and logged. */
export function shownUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.hash = '';
  return shown.href;
}

/** The error of a request that got no usable answer. Errors of ours pass as they are. */
export function connectionError(error: unknown, url: URL): OpkgOstreeError {
  if (isOpkgOstreeError(error)) return error;
  const errno = codeOf(error) ?? 'error';
  const details = { url: shownUrl(url), errno };
  const [fact, hint] = explain(errno, url);
  return new NetworkError('NETWORK_UNREACHABLE', `${fact} (${errno})`, { cause: error, details, hint });
}

/** The error of a body that ended before it was whole. Errors of ours pass as they are. */
export function bodyError(error: unknown, url: URL): OpkgOstreeError {
  if (isOpkgOstreeError(error)) return error;
  return truncated(url, codeOf(error) ?? 'closed', error);
}

/** NETWORK_TRUNCATED: `how` is an errno or a word for what happened. */
export function truncated(url: URL, how: string, cause?: unknown): NetworkError {
  return new NetworkError('NETWORK_TRUNCATED', `the download of ${shownUrl(url)} ended early (${how})`, {
    cause,
    details: { url: shownUrl(url), errno: how },
    hint: 'run the command again: what was received is kept',
  });
}

/** NETWORK_UNREACHABLE: no answer within the time limit. */
export function noAnswer(url: URL, milliseconds: number): NetworkError {
  return new NetworkError(
    'NETWORK_UNREACHABLE',
    `${url.host} did not answer within ${milliseconds / 1000} s`,
    {
      details: { url: shownUrl(url), errno: 'ESTALLED' },
      hint: 'check the network connection, then run the command again',
    },
  );
}

/** NETWORK_HTTP_STATUS; `retryAfter` (seconds) is what the server asked for. */
export function statusError(url: URL, status: number, retryAfter?: string): NetworkError {
  const seconds = retryAfter !== undefined && /^\d{1,5}$/u.test(retryAfter) ? Number(retryAfter) : undefined;
  return new NetworkError(
    'NETWORK_HTTP_STATUS',
    `${shownUrl(url)}: the server answered with status ${status}`,
    {
      details: { url: shownUrl(url), status, ...(seconds === undefined ? {} : { retryAfter: seconds }) },
      hint:
        status === 404 || status === 410
          ? "check the address, or run 'opkg-ostree update' if the feed has changed"
          : 'try again later or use another mirror',
    },
  );
}

/** NETWORK_TOO_LARGE: the body is, or says that it is, larger than `limit` bytes. */
export function bodyTooLarge(url: URL, limit: number): NetworkError {
  return new NetworkError(
    'NETWORK_TOO_LARGE',
    `${shownUrl(url)} is larger than the ${limit} bytes expected`,
    {
      details: { url: shownUrl(url), limit },
      hint: "run 'opkg-ostree update': the mirror serves something else than its index says",
    },
  );
}

function explain(errno: string, url: URL): readonly [string, string] {
  const host = url.host === '' ? 'this machine' : url.host;
  if (errno === 'ENOTFOUND' || errno === 'EAI_AGAIN')
    return [`cannot find the address of ${host}`, 'check the name and the DNS server'];
  if (/^(?:CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|HOSTNAME|EPROTO)/u.test(errno))
    return [
      `no secure connection to ${host}`,
      "check the router's clock and that ca-certificates is installed",
    ];
  if (errno.startsWith('HPE_'))
    return [`${host} answered with something that is not HTTP`, 'check the address'];
  return [`cannot connect to ${host}`, 'check the network connection, then run the command again'];
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
