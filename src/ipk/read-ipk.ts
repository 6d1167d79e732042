/** One pass over a package: container, control archive, data archive, digest. Nothing is kept but the control members. */
import {
  type Checksum,
  cleanRelPath,
  hexOf,
  ParseError,
  type Sha256,
  sha256,
  strictTextOf,
  textOf,
} from '../base/index.ts';
import type { PackageRecord } from '../packages/index.ts';
import { readStream, statIfExists, systemError } from '../sys/index.ts';
import { type ByteStream, collect } from './byte-source.ts';
import { type ContainerMember, readContainer } from './container.ts';
import { type ControlParagraph, controlError, parseControl } from './control.ts';
import { decompress } from './decompress.ts';
import { EntryGate, type IpkEntry } from './entry.ts';
import { defaultIpkLimits, IpkBudget, type IpkLimits } from './limits.ts';
import { parseRecord } from './record.ts';
import { readTar } from './tar.ts';

/** What a package says about itself. */
export interface IpkMeta {
  readonly control: ControlParagraph;
  readonly record: PackageRecord;
  /** The member `control` as text, invalid UTF-8 replaced; `members` has no copy. */
  readonly controlText: string;
  /** The member `control` as it is. */
  readonly controlBytes: Uint8Array;
  /** Every other member of the control archive by file name: postinst, prerm, postinst-pkg, conffiles ... */
  readonly members: ReadonlyMap<string, Uint8Array>;
  /** The permission bits of every member of the control archive, `control` included. */
  readonly memberModes: ReadonlyMap<string, number>;
  /** The absolute paths of the member `conffiles`. */
  readonly conffiles: readonly string[];
  /** Of the whole package file. */
  readonly sha256: Checksum;
  /** Of the package file, bytes. */
  readonly size: number;
}

/** Takes a data archive's entries, each judged safe, in the archive's order; a file's content is to be read before it returns. */
interface IpkHandler {
  entry(entry: IpkEntry): Promise<void> | void;
}

/** Most conffiles and most control members of one package. */
const maxConffiles = 10_000;
const maxControlMembers = 64;
const maxDebianBinary = 64;
const memberPattern = /^(control|data)\.tar(?:\.[a-z0-9]{1,5})?$/u;
/** Names that opkg's own files in `info/` have. */
const reservedMembers: ReadonlySet<string> = new Set(['list', 'info']);

/**
 * Reads the package to its end and returns what it says about itself. The data archive often comes before the
 * control archive; then the handler sees entries of a package whose name is not known yet. Any ParseError (IPK_*,
 * CONTROL_INVALID, VERSION_INVALID) may come after entries were handed out: the handler's owner undoes them.
 */
export function readIpk(
  stream: ByteStream,
  handler: IpkHandler,
  limits?: Partial<IpkLimits>,
): Promise<IpkMeta> {
  return new PackageReader(handler, { ...defaultIpkLimits, ...limits }).read(stream);
}

/** As `readIpk` without looking into the data archive, for a package in a file. SystemError where it cannot be read. */
export async function inspectIpk(path: string, limits?: Partial<IpkLimits>): Promise<IpkMeta> {
  return new PackageReader(undefined, { ...defaultIpkLimits, ...limits }).read(fileStream(path));
}

/**
 * The control members of a package of which only the beginning is at hand; undefined where the control archive does not lie there
 * as a whole, as in the packages that OpenWrt builds, which begin with their data. What comes back is not verified.
 */
export function peekControl(
  head: ByteStream,
  limits?: Partial<IpkLimits>,
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  return new PackageReader(undefined, { ...defaultIpkLimits, ...limits }).peek(head);
}

/** The file's bytes; SystemError for what is no regular file or cannot be read. */
export async function* fileStream(path: string): AsyncGenerator<Uint8Array, undefined> {
  const found = statIfExists(path);
  if (found !== undefined && !found.isFile())
    throw new ParseError('IPK_MALFORMED', `${path} is not a regular file`);
  try {
    for await (const piece of readStream(path)) yield piece as Uint8Array;
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? systemError(error, 'read', path) : error;
  }
}

class PackageReader {
  readonly #handler: IpkHandler | undefined;
  readonly #budget: IpkBudget;
  readonly #hash: Sha256 = sha256();
  #members: Map<string, Uint8Array> | undefined;
  readonly #memberModes = new Map<string, number>();

  constructor(handler: IpkHandler | undefined, limits: IpkLimits) {
    this.#handler = handler;
    this.#budget = new IpkBudget(limits);
  }

  async read(stream: ByteStream): Promise<IpkMeta> {
    const seen = new Set<string>();
    for await (const member of readContainer(this.#count(stream), this.#budget)) {
      const kind = kindOf(member.name);
      if (kind === undefined) continue;
      if (seen.has(kind))
        throw new ParseError('IPK_DUPLICATE_MEMBER', `the package has the member '${kind}' twice`);
      seen.add(kind);
      await this.#readMember(kind, member);
    }
    if (!seen.has('data')) throw new ParseError('IPK_MALFORMED', 'the package has no data archive');
    return this.#finish();
  }

  async peek(head: ByteStream): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
    try {
      for await (const member of readContainer(this.#count(head), this.#budget)) {
        const kind = kindOf(member.name);
        if (kind === 'data') return undefined;
        if (kind === 'control') return await this.#readControl(member);
      }
      return undefined;
    } catch (error) {
      if (error instanceof ParseError) return undefined;
      throw error;
    }
  }

  async #readMember(kind: MemberKind, member: ContainerMember): Promise<void> {
    switch (kind) {
      case 'debian-binary': {
        const text = textOf(await collect(member.content, maxDebianBinary, 'debian-binary'));
        if (!/^2\.\d+\n?$/u.test(text))
          throw new ParseError(
            'IPK_MALFORMED',
            `the package has the unknown format version '${text.trim()}'`,
          );
        return;
      }
      case 'control':
        this.#members = await this.#readControl(member);
        return;
      case 'data':
        if (this.#handler !== undefined) await this.#readData(member, this.#handler);
    }
  }

  async #readControl(member: ContainerMember): Promise<Map<string, Uint8Array>> {
    const members = new Map<string, Uint8Array>();
    const limit = this.#budget.limits.control;
    const options = { maxEntries: maxControlMembers, maxTotal: limit, what: 'the control archive' };
    const content = decompress(member.content, this.#budget, 'the control archive');
    for await (const entry of readTar(content, options)) {
      const name = entry.name.replace(/^\.\//u, '');
      if (entry.type === 'directory' && name === '') continue;
      // Each becomes a file beside opkg's database, named by the package and this name.
      if (
        entry.type !== 'file' ||
        !/^[a-zA-Z0-9_+-][a-zA-Z0-9_.+-]{0,63}$/u.test(name) ||
        reservedMembers.has(name)
      )
        throw new ParseError(
          'IPK_UNSAFE_ENTRY',
          `the control archive has the unusable member '${entry.name}'`,
        );
      if (members.has(name))
        throw new ParseError('IPK_DUPLICATE_MEMBER', `the control archive has the member '${name}' twice`);
      this.#memberModes.set(name, entry.mode & 0o7777);
      members.set(name, await collect(entry.content, limit, `the control member '${name}'`));
    }
    return members;
  }

  async #readData(member: ContainerMember, handler: IpkHandler): Promise<void> {
    const { unpacked, entries } = this.#budget.limits;
    const options = { maxEntries: entries, maxTotal: unpacked, what: 'the data archive' };
    const gate = new EntryGate();
    const content = decompress(member.content, this.#budget, 'the data archive');
    for await (const entry of readTar(content, options)) {
      const admitted = gate.admit(entry);
      if (admitted !== undefined) await handler.entry(admitted);
    }
  }

  async *#count(stream: ByteStream): AsyncGenerator<Uint8Array, undefined> {
    for await (const piece of stream) {
      this.#hash.update(piece);
      this.#budget.addPacked(piece.byteLength);
      yield piece;
    }
  }

  #finish(): IpkMeta {
    if (this.#members === undefined)
      throw new ParseError('IPK_MALFORMED', 'the package has no control archive');
    const { control: controlBytes, ...rest } = splitControl(this.#members);
    const controlText = textOf(controlBytes);
    const control = parseControl(controlText);
    return {
      control,
      record: parseRecord(control),
      controlText,
      controlBytes,
      members: rest.members,
      memberModes: this.#memberModes,
      conffiles: parseConffileList(rest.members.get('conffiles')),
      sha256: hexOf(this.#hash.digest()),
      size: this.#budget.packed,
    };
  }
}

type MemberKind = 'debian-binary' | 'control' | 'data';

/** What a member is by its name; undefined for what a reader has to skip (names with `_` first, deb(5)). */
function kindOf(name: string): MemberKind | undefined {
  if (name === 'debian-binary') return name;
  const kind = memberPattern.exec(name)?.[1];
  if (kind === 'control' || kind === 'data') return kind;
  if (name.startsWith('_')) return undefined;
  throw new ParseError('IPK_MALFORMED', `the package has the unknown member '${name.slice(0, 80)}'`);
}

function splitControl(all: ReadonlyMap<string, Uint8Array>): {
  control: Uint8Array;
  members: ReadonlyMap<string, Uint8Array>;
} {
  const members = new Map(all);
  const control = members.get('control');
  if (control === undefined)
    throw new ParseError('IPK_MALFORMED', 'the control archive has no member control');
  members.delete('control');
  return { control, members };
}

/** The paths of the member `conffiles`, one absolute path a line. */
function parseConffileList(bytes: Uint8Array | undefined): string[] {
  if (bytes === undefined) return [];
  const text = strictTextOf(bytes);
  if (text === undefined) throw controlError('the member conffiles is not UTF-8');
  const paths = new Set<string>();
  for (const line of text.split('\n', maxConffiles + 1)) {
    const path = line.trim();
    if (path === '') continue;
    const clean = path.startsWith('/') ? cleanRelPath(path) : undefined;
    if (clean === undefined || clean === '' || paths.size >= maxConffiles)
      throw controlError(`the member conffiles has the unusable line '${path.slice(0, 200)}'`);
    paths.add(`/${clean}`);
  }
  return [...paths];
}
