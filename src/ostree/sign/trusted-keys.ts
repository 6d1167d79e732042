/** Where trusted and revoked ed25519 keys come from: a remote's own, else the system's. */
import { readdirIfExists, readText, readTextIfExists } from '../../sys/index.ts';
import { type PublicKey, parseKeyLines, parsePublicKey } from './ed25519.ts';

export interface KeyPlaces {
  /** Keys in base64, and a file of them: where either is given, the system's trusted keys do not count. */
  readonly keys?: readonly string[] | undefined;
  readonly file?: string | undefined;
  /** The folder that stands for `/` when the system's keys are looked for. */
  readonly root?: string | undefined;
}

const systemFolders = ['/etc/ostree', '/usr/share/ostree'];

/**
 * The keys that count, those that the system revokes left out: a revoked key is not trusted wherever it is listed.
 * ConfigError CONFIG_INVALID for a line that is no key; SystemError where a file that is named cannot be read.
 */
export function loadTrustedKeys(places: KeyPlaces): PublicKey[] {
  const root = places.root ?? '';
  const own = places.file !== undefined || (places.keys?.length ?? 0) > 0;
  const trusted = own
    ? [
        ...(places.keys ?? []).map((key) => parsePublicKey(key)),
        ...(places.file === undefined ? [] : parseKeyLines(readText(places.file), parsePublicKey)),
      ]
    : systemKeys(root, 'trusted.ed25519');
  const revoked = new Set(systemKeys(root, 'revoked.ed25519').map(({ text }) => text));
  return trusted.filter(({ text }) => !revoked.has(text));
}

function systemKeys(root: string, name: string): PublicKey[] {
  return systemFolders.flatMap((folder) => {
    const path = `${root}${folder}/${name}`;
    const texts = [
      readTextIfExists(path) ?? '',
      ...readdirIfExists(`${path}.d`)
        .sort()
        .map((file) => readText(`${path}.d/${file}`)),
    ];
    return texts.flatMap((text) => parseKeyLines(text, parsePublicKey));
  });
}
