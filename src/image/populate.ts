/**
 * Fills an empty ext4 file system from a folder through debugfs, which needs no root: files, links, owners, modes, extended
 * attributes. Everything is made in byte order and at one time, so that the same folder gives the same bytes wherever it lay.
 */
import { join } from 'node:path/posix';
import { compareBytes, type OperationContext, SystemError, UsageError } from '../base/index.ts';
import { lstat, readdir, readlink, readTreeXattrs, type Stats, writeFile } from '../sys/index.ts';
import { runTool } from './tools.ts';

/** Bytes of a block; the file system is made with it. */
export const blockBytes = 4096;

/** Of a directory's block: the checksum at its end. */
const tailBytes = 12;
const dotsBytes = 24;

interface Script {
  readonly lines: string[];
  /** Where an inode of the folder is in the image, and how often. */
  readonly inodes: Map<number, { readonly path: string; links: number }>;
  readonly xattrs: ReturnType<typeof readTreeXattrs>;
  readonly scratch: string;
  values: number;
}

/** Copies what is in `folder` to the file system at that offset of a file. */
export async function populate(
  folder: string,
  target: { readonly file: string; readonly offset: number },
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  const script: Script = {
    lines: [],
    inodes: new Map(),
    xattrs: readTreeXattrs(folder),
    scratch,
    values: 0,
  };
  setAttributes(script, folder, '/', lstat(folder));
  fillDirectory(script, folder, '/');
  for (const { path, links } of script.inodes.values()) {
    if (links > 1) script.lines.push(`sif ${quoted(path)} links_count ${links}`);
  }
  const commands = join(scratch, 'debugfs.commands');
  writeFile(commands, `${script.lines.join('\n')}\n`);
  const { stderr } = await runTool(
    'debugfs',
    ['-w', '-f', commands, `${target.file}?offset=${target.offset}`],
    {
      signal: ctx.signal,
    },
  );
  // Its exit status is 0 whatever a command came to.
  const words = stderr.split('\n').filter((line) => line !== '' && !/^debugfs \d/u.test(line));
  if (words.length === 0) return;
  throw new SystemError('COMMAND_FAILED', `debugfs could not write the file system: ${words[0]}`, {
    details: { stderr: words.slice(0, 20).join('\n') },
  });
}

function fillDirectory(script: Script, folder: string, path: string): void {
  const names = readdir(folder).sort(compareBytes);
  script.lines.push(`cd ${quoted(path)}`);
  const room = new DirectoryRoom(path === '/' ? 'lost+found' : undefined);
  const folders: string[] = [];
  for (const name of names) {
    const from = join(folder, name);
    const to = join(path, name);
    const stats = lstat(from);
    if (room.grows(name)) script.lines.push('expand_dir .');
    if (stats.isDirectory()) {
      script.lines.push(`mkdir ${quoted(name)}`);
      folders.push(name);
      setAttributes(script, from, to, stats);
    } else {
      addFile(script, from, to, name, stats);
    }
  }
  for (const name of folders) fillDirectory(script, join(folder, name), join(path, name));
}

function addFile(script: Script, from: string, to: string, name: string, stats: Stats): void {
  const known = stats.nlink > 1 ? script.inodes.get(stats.ino) : undefined;
  if (known !== undefined) {
    known.links++;
    script.lines.push(`ln ${quoted(known.path)} ${quoted(name)}`);
    return;
  }
  if (stats.isSymbolicLink()) script.lines.push(`symlink ${quoted(name)} ${quoted(readlink(from))}`);
  else if (stats.isFile()) script.lines.push(`write ${quoted(from)} ${quoted(name)}`);
  else throw new UsageError('USAGE', `${to} is neither file, link nor directory`);
  script.inodes.set(stats.ino, { path: to, links: 1 });
  setAttributes(script, from, to, stats);
}

function setAttributes(script: Script, from: string, to: string, stats: Stats): void {
  const set = (field: string, value: string) => script.lines.push(`sif ${quoted(to)} ${field} ${value}`);
  if (stats.uid !== 0) set('uid', String(stats.uid));
  if (stats.gid !== 0) set('gid', String(stats.gid));
  // debugfs takes a file's bits from where it copies it, which need not be those that it is to have.
  if (!stats.isSymbolicLink()) set('mode', `0${stats.mode.toString(8)}`);
  // The time of everything that libostree writes.
  if (stats.mtimeMs === 0) set('mtime', '@0');
  for (const { name, value } of script.xattrs.get(from) ?? []) {
    const file = join(script.scratch, `xattr-${++script.values}`);
    writeFile(file, value);
    script.lines.push(`ea_set -f ${quoted(file)} ${quoted(to)} ${quoted(name)}`);
  }
}

/** How full the blocks of a directory are: debugfs makes room for new files by itself, but not for hard links. */
class DirectoryRoom {
  readonly #blocks: number[] = [blockBytes - tailBytes - dotsBytes];

  constructor(present: string | undefined) {
    if (present !== undefined) this.grows(present);
  }

  /** True where the entry needs one more block. */
  grows(name: string): boolean {
    const needed = (8 + Buffer.byteLength(name) + 3) & ~3;
    const block = this.#blocks.findIndex((free) => free >= needed);
    if (block === -1) this.#blocks.push(blockBytes - tailBytes - needed);
    else this.#blocks[block] = (this.#blocks[block] ?? 0) - needed;
    return block === -1;
  }
}

/** A word of debugfs' commands: in quotes, those in it doubled. */
function quoted(text: string): string {
  if (/[\n\0]/u.test(text)) {
    throw new UsageError(
      'USAGE',
      `a name with a line break cannot be written to an image: ${JSON.stringify(text)}`,
    );
  }
  return `"${text.replaceAll('"', '""')}"`;
}
