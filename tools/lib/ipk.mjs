/** Makes package files and the index of a feed, byte for byte the same for the same input (docs/formats/ipk.md). */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/**
 * @typedef {{ path: string, mode: number, content: Buffer }} PackageFile  path relative to the root, mode 0644 or 0755
 * @typedef {{ control: [string, string][], files: PackageFile[], scripts: Record<string, string>, conffiles: string[] }} PackageInput
 */

/** The bytes of a tar: every entry root's, with one time, in the given order. */
async function tar(entries, time) {
  const archive = pack();
  const parts = [];
  archive.on('data', (part) => parts.push(part));
  const end = once(archive, 'end');
  for (const { name, mode, content } of entries) {
    const type = content === undefined ? 'directory' : 'file';
    archive.entry({ name, mode, type, uid: 0, gid: 0, mtime: new Date(time * 1000) }, content ?? '');
  }
  archive.finalize();
  await end;
  return Buffer.concat(parts);
}

/** As `gzip -9n`: no name and no time in the header. */
const gzip = (bytes) => gzipSync(bytes, { level: 9 });

/** The folders above the files and the files, in path order. */
function withFolders(files) {
  const entries = new Map([['', { name: './', mode: 0o755 }]]);
  for (const { path, mode, content } of files) {
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at);
      entries.set(parent, { name: `./${parent}/`, mode: 0o755 });
    }
    entries.set(path, { name: `./${path}`, mode, content });
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

const field = ([name, value]) => `${name}: ${value}\n`;

/**
 * The package's bytes and its control text. `time` is in Unix seconds.
 * @param {PackageInput} input
 * @param {number} time
 */
export async function makeIpk({ control, files, scripts, conffiles }, time) {
  const data = await tar(withFolders(files), time);
  const fields = [...control];
  // The size of the uncompressed archive, as OpenWrt's builds since 24.10 say it.
  fields.splice(-1, 0, ['Installed-Size', String(data.byteLength)]);
  const text = fields.map(field).join('');
  const members = [
    ...(conffiles.length > 0 ? [['conffiles', conffiles.map((path) => `/${path}\n`).join(''), 0o644]] : []),
    ['control', text, 0o644],
    ...Object.entries(scripts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, body]) => [name, body, 0o755]),
  ].map(([name, body, mode]) => ({ name: `./${name}`, mode, content: Buffer.from(body) }));
  const bytes = gzip(
    await tar(
      [
        { name: './debian-binary', mode: 0o644, content: Buffer.from('2.0\n') },
        { name: './data.tar.gz', mode: 0o644, content: gzip(data) },
        {
          name: './control.tar.gz',
          mode: 0o644,
          content: gzip(await tar([{ name: './', mode: 0o755 }, ...members], time)),
        },
      ],
      time,
    ),
  );
  return { bytes, control: fields };
}

/** Fields that a build's `Packages.manifest` has and `Packages` has not. */
const hidden = /^(?:Maintainer|LicenseFiles|Source|SourceName|SourceDateEpoch|Require)/u;

/**
 * The text of `Packages`: the control fields with the file's name, size and digest before the description.
 * @param {{ name: string, bytes: Buffer, control: [string, string][] }[]} packages
 */
export function packagesIndex(packages) {
  const text = packages
    .map(({ name, bytes, control }) => {
      const shown = control.filter(([key]) => !hidden.test(key));
      shown.splice(
        -1,
        0,
        ['Filename', name],
        ['Size', String(bytes.byteLength)],
        ['SHA256sum', createHash('sha256').update(bytes).digest('hex')],
      );
      return `${shown.map(field).join('')}\n`;
    })
    .join('');
  // Older builds of usign hash messages of these lengths wrongly.
  const rest = (64 + Buffer.byteLength(text)) % 128;
  return rest === 110 || rest === 111 ? `${text}\n\n` : text;
}

/** The compressed index. */
export const compressedIndex = (text) => gzip(Buffer.from(text));
