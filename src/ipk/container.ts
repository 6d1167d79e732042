/** The outer archive of a package (docs/formats/ipk.md): a gzipped tar, as OpenWrt makes it, or an ar archive. */
import { InternalError, ParseError } from '../base/index.ts';
import { ByteSource } from './byte-source.ts';
import { gunzip } from './decompress.ts';
import type { IpkBudget } from './limits.ts';
import { readTar } from './tar.ts';

/** A member of the outer archive; its content is to be read before the next member is asked for. */
export interface ContainerMember {
  /** Without a leading `./` and a trailing `/`. */
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

const arMagic = '!<arch>\n';
const arHeaderSize = 60;
const maxMembers = 16;

/** The members in their order, whichever container it is; ParseError IPK_* for anything else. */
export async function* readContainer(
  stream: AsyncIterable<Uint8Array>,
  budget: IpkBudget,
): AsyncGenerator<ContainerMember, undefined> {
  const source = new ByteSource(stream);
  const start = Buffer.from(await source.peek(arMagic.length));
  if (start.toString('latin1') === arMagic) {
    yield* readAr(source, budget);
  } else if (start[0] === 0x1f && start[1] === 0x8b) {
    yield* readOuterTar(countedGunzip(source, budget), budget);
  } else if (start.byteLength === 0) {
    throw new ParseError('IPK_TRUNCATED', 'the package is empty');
  } else {
    await source.close();
    throw new ParseError('IPK_MALFORMED', 'the package is neither a gzipped tar nor an ar archive', {
      hint: 'check that the address leads to the package itself and not to a web page',
    });
  }
}

async function* countedGunzip(source: ByteSource, budget: IpkBudget): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of gunzip(source.rest(), 'the package')) {
    size += piece.byteLength;
    budget.checkUnpacked(size);
    yield piece;
  }
}

async function* readOuterTar(
  stream: AsyncIterable<Uint8Array>,
  budget: IpkBudget,
): AsyncGenerator<ContainerMember, undefined> {
  const options = { maxEntries: maxMembers, maxTotal: budget.limits.unpacked, what: 'the package' };
  for await (const entry of readTar(stream, options)) {
    const name = entry.name.replace(/^\.\//u, '');
    if (entry.type === 'directory' && name === '') continue;
    if (entry.type !== 'file')
      throw new ParseError('IPK_UNSAFE_ENTRY', `the package's member '${entry.name}' is a ${entry.type}`);
    yield { name, size: entry.size, content: entry.content };
  }
}

/** ar: 60-byte headers of blank-padded text, content padded to even length (the format of .deb, deb(5)). */
async function* readAr(source: ByteSource, budget: IpkBudget): AsyncGenerator<ContainerMember, undefined> {
  try {
    await source.take(arMagic.length);
    for (let members = 0; ; members++) {
      const header = await source.take(arHeaderSize);
      if (header.byteLength === 0) return;
      if (members >= maxMembers) throw new ParseError('IPK_TOO_LARGE', 'the package has too many members');
      const { name, size } = parseArHeader(Buffer.from(header));
      if (size > budget.limits.packed)
        throw new ParseError('IPK_TOO_LARGE', `the member '${name}' is too large`);
      const content = new ArContent(source, size);
      yield { name, size, content };
      await content.skip();
      const padding = await source.take(size % 2);
      if (padding.byteLength === 1 && padding[0] !== 0x0a)
        throw new ParseError('IPK_MALFORMED', 'the package has a malformed ar archive: wrong padding');
    }
  } finally {
    await source.close();
  }
}

function parseArHeader(header: Buffer): { name: string; size: number } {
  if (header.byteLength < arHeaderSize)
    throw new ParseError('IPK_TRUNCATED', 'the package is cut short inside a header');
  const text = header.toString('latin1');
  const name = text.slice(0, 16).trimEnd().replace(/\/$/u, '');
  const size = /^(\d{1,10}) *$/u.exec(text.slice(48, 58))?.[1];
  if (size === undefined || text.slice(58) !== '`\n' || !/^[A-Za-z0-9_.-]+$/u.test(name))
    throw new ParseError('IPK_MALFORMED', 'the package has a malformed ar header');
  return { name, size: Number(size) };
}

class ArContent {
  readonly #source: ByteSource;
  #remaining: number;
  #done = false;

  constructor(source: ByteSource, size: number) {
    this.#source = source;
    this.#remaining = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    if (this.#done) throw new InternalError('a member is read after the next was asked for');
    while (this.#remaining > 0) yield await this.#read();
  }

  async skip(): Promise<void> {
    this.#done = true;
    while (this.#remaining > 0) await this.#read();
  }

  async #read(): Promise<Uint8Array> {
    const piece = await this.#source.some(this.#remaining);
    if (piece === undefined)
      throw new ParseError('IPK_TRUNCATED', 'the package is cut short inside a member');
    this.#remaining -= piece.byteLength;
    return piece;
  }
}
