/** One connection of an HttpPipeline: requests go out together, answers come in order. */
import type { Socket } from 'node:net';
import { NetworkError } from '../base/index.ts';
import { BodyStream } from './body-stream.ts';
import { bodyTooLarge, connectionError, noAnswer, statusError, truncated } from './http-errors.ts';
import { HttpSyntaxError, type ResponseHead, ResponseParser } from './http1-parser.ts';

/** An answer that can be used: 200, 206, 304, 416 or a redirect. */
export interface PipelineResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of this body, as the server says. */
  readonly size: number | undefined;
  /** The whole body where it was small, otherwise a stream that must be read or closed. */
  readonly body: Uint8Array | BodyStream;
}

/** A request under way. */
export interface Exchange {
  readonly url: URL;
  /** The request's bytes as latin1 text. */
  readonly text: string;
  /** Bytes of the body; more is NETWORK_TOO_LARGE. */
  readonly maxSize: number;
  resolve(response: PipelineResponse): void;
  reject(error: unknown): void;
}

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** A body up to this many bytes is handed on whole. */
  readonly collect: number;
  readonly stallTimeout: number;
  /** An answer was complete. */
  answered(connection: PipelineConnection): void;
  /** The connection is over; `unanswered` can be asked for again elsewhere. */
  closed(connection: PipelineConnection, unanswered: readonly Exchange[], clean: boolean): void;
}

/** A body in the making: collected, handed on, or thrown away. */
interface Incoming {
  readonly head: ResponseHead;
  readonly exchange: Exchange;
  readonly pieces: Buffer[];
  stream: BodyStream | undefined;
  received: number;
}

const usable: ReadonlySet<number> = new Set([200, 206, 304, 416, 301, 302, 303, 307, 308]);
const maxRefusal = 64 << 10;
/** Bytes within the stall time that count as life. */
const minimumPerStall = 1024;

export class PipelineConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: ResponseParser;
  readonly #sent: Exchange[] = [];
  readonly #timer: NodeJS.Timeout;
  #incoming: Incoming | undefined;
  #outgoing = '';
  #alive = performance.now();
  #credit = 0;
  #paused = false;
  #over = false;
  #keepAlive = true;
  #count = 0;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#parser = new ResponseParser({
      head: (head) => this.#head(head),
      body: (piece) => this.#body(piece),
      end: () => this.#end(),
    });
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#data(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    this.#timer = setInterval(() => this.#checkLife(), Math.max(10, owner.stallTimeout / 4));
  }

  /** Requests sent and not answered. */
  get load(): number {
    return this.#sent.length;
  }

  /** Answers that came whole. */
  get count(): number {
    return this.#count;
  }

  /** False where the server said that this answer is the last. */
  get open(): boolean {
    return this.#keepAlive && !this.#over;
  }

  send(exchange: Exchange): void {
    if (this.#sent.length === 0) this.#touch();
    this.#sent.push(exchange);
    // Requests that one turn's answers bring about leave in one write: most of the gain over one at a time.
    if (this.#outgoing === '') setImmediate(() => this.#flush());
    this.#outgoing += exchange.text;
  }

  /** Ends the connection; `error` goes to the requests on it. */
  destroy(error?: unknown): void {
    if (error !== undefined) {
      this.#incoming?.stream?.fail(error);
      for (const exchange of this.#sent.splice(0)) exchange.reject(error);
    }
    this.#close(true);
  }

  #flush(): void {
    const text = this.#outgoing;
    this.#outgoing = '';
    if (!this.#over && text !== '') this.#socket.write(text, 'latin1');
  }

  #data(bytes: Buffer): void {
    if (this.#over) return;
    this.#credit += bytes.byteLength;
    if (this.#credit >= minimumPerStall) this.#touch();
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  #head(head: ResponseHead): void {
    const exchange = this.#sent[0];
    if (exchange === undefined) throw new HttpSyntaxError('an answer to nothing');
    if (!head.keepAlive) this.#keepAlive = false;
    this.#incoming = { head, exchange, pieces: [], stream: undefined, received: 0 };
    if (!usable.has(head.status)) return;
    if ((head.size ?? 0) > exchange.maxSize) throw bodyTooLarge(exchange.url, exchange.maxSize);
    if ((head.size ?? 0) > this.#owner.collect) this.#startStream(this.#incoming);
  }

  #body(piece: Buffer): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    incoming.received += piece.byteLength;
    const { exchange, head, received } = incoming;
    if (!usable.has(head.status)) {
      if (received > maxRefusal) throw statusError(exchange.url, head.status);
      return;
    }
    if (received > exchange.maxSize) throw bodyTooLarge(exchange.url, exchange.maxSize);
    if (incoming.stream !== undefined) incoming.stream.push(piece);
    else {
      incoming.pieces.push(piece);
      if (received > this.#owner.collect) this.#startStream(incoming);
    }
  }

  #startStream(incoming: Incoming): void {
    const stream = new BodyStream({
      pause: () => this.#pause(true),
      resume: () => this.#pause(false),
      drop: () => this.#dropBody(),
    });
    incoming.stream = stream;
    for (const piece of incoming.pieces.splice(0)) stream.push(piece);
    this.#deliver(incoming, stream);
  }

  #deliver({ head, exchange }: Incoming, body: Uint8Array | BodyStream): void {
    exchange.resolve({ status: head.status, headers: head.headers, size: head.size, body });
  }

  #end(): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    this.#incoming = undefined;
    this.#sent.shift();
    this.#count += 1;
    this.#touch();
    const { head, exchange, pieces, stream } = incoming;
    if (!usable.has(head.status)) {
      exchange.reject(statusError(exchange.url, head.status, head.headers.get('retry-after')));
    } else if (stream !== undefined) stream.end();
    else {
      const [only] = pieces;
      this.#deliver(incoming, pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces));
    }
    if (this.#keepAlive) this.#owner.answered(this);
    else this.#close(true);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    if (this.#over) return;
    if (paused) this.#socket.pause();
    else {
      this.#touch();
      this.#socket.resume();
    }
  }

  /** The reader of the body under way has gone; those behind it are asked for again. */
  #dropBody(): void {
    if (this.#incoming === undefined) return;
    this.#incoming = undefined;
    this.#sent.shift();
    this.#close(true);
  }

  #finish(): void {
    if (this.#over) return;
    const proper = this.#parser.finish();
    // A server may close a connection that it has kept long enough, between two answers.
    if (proper && (this.#sent.length === 0 || this.#count > 0)) this.#close(false);
    else this.#fail(undefined);
  }

  /** The connection broke: the answer under way is lost, and if none ever came, so is what waited for one. */
  #fail(error: unknown): void {
    if (this.#over) return;
    const first = this.#sent[0];
    if (first !== undefined && (this.#incoming !== undefined || this.#count === 0 || isFinal(error))) {
      const reason = this.#reason(error, first.url);
      this.#sent.shift();
      if (this.#incoming?.stream !== undefined) this.#incoming.stream.fail(reason);
      else first.reject(reason);
      this.#incoming = undefined;
      // Nothing has ever worked here, so what is behind would only fail one after the other.
      if (this.#count === 0 && !isFinal(error)) for (const next of this.#sent.splice(0)) next.reject(reason);
    }
    this.#close(false);
  }

  #reason(error: unknown, url: URL): unknown {
    if (this.#incoming !== undefined && !isFinal(error)) return truncated(url, codeOf(error), error);
    return connectionError(error ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' }), url);
  }

  #checkLife(): void {
    if (this.#sent.length === 0 || this.#paused) return;
    if (performance.now() - this.#alive < this.#owner.stallTimeout) return;
    const url = this.#sent[0]?.url;
    if (url === undefined) return;
    this.#fail(
      this.#incoming === undefined ? noAnswer(url, this.#owner.stallTimeout) : truncated(url, 'ESTALLED'),
    );
  }

  #touch(): void {
    this.#alive = performance.now();
    this.#credit = 0;
  }

  #close(clean: boolean): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
    this.#owner.closed(this, this.#sent.splice(0), clean);
  }
}

/** True where the answer itself is at fault, so that the same request elsewhere on this server gains nothing. */
function isFinal(error: unknown): boolean {
  return error instanceof HttpSyntaxError || error instanceof NetworkError;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'closed';
}
