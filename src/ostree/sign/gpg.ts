/** OpenPGP signatures, checked by gpgv: only where a remote asks for it, and never passed where gpgv is missing. */
import { ConfigError, textOf, VerificationError } from '../../base/index.ts';
import {
  findProgram,
  lstatIfExists,
  makeTempDir,
  readdirIfExists,
  readFile,
  removeTree,
  run,
  statIfExists,
  writeFile,
} from '../../sys/index.ts';
import type { VariantDict } from '../gvariant.ts';
import { gpgKey, signaturesIn } from './signatures.ts';

const globalFolders = ['/usr/share/ostree/trusted.gpg.d', '/etc/ostree/trusted.gpg.d'];
const armor =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n(?:=[A-Za-z0-9+/]{4}\r?\n)?-----END/gu;

/**
 * The keyrings for a remote: its own file in the repository and what `gpgkeypath` names or, where there is neither,
 * the system's. ConfigError CONFIG_INVALID where a named one is missing.
 */
export function gpgKeyrings(repoPath: string, remote: string, keyPaths: readonly string[]): string[] {
  const own = `${repoPath}/${remote}.trustedkeys.gpg`;
  const named = keyPaths.flatMap((path) => {
    const found = statIfExists(path);
    if (found === undefined) throw new ConfigError('CONFIG_INVALID', `gpgkeypath: there is no ${path}`);
    return found.isDirectory() ? keysIn(path) : [path];
  });
  const ours = [...(lstatIfExists(own) === undefined ? [] : [own]), ...named];
  return ours.length > 0 ? ours : globalFolders.flatMap(keysIn);
}

/**
 * Returns when one of the signatures is good under a key of the keyrings. VerificationError SIGNATURE_MISSING,
 * SIGNATURE_KEY_UNKNOWN, SIGNATURE_INVALID; SystemError COMMAND_MISSING without gpgv.
 */
export async function verifyGpg(
  what: string,
  message: Uint8Array,
  dict: VariantDict,
  keyrings: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const signatures = signaturesIn(dict, gpgKey);
  if (signatures.length === 0) {
    throw new VerificationError('SIGNATURE_MISSING', `${what} has no GPG signature`, {
      hint: "have it signed, or set the remote's gpg-verify to false",
    });
  }
  if (keyrings.length === 0) {
    throw new VerificationError('SIGNATURE_KEY_UNKNOWN', `no GPG key is trusted for ${what}`, {
      hint: "name the keys in the remote's gpgkeypath",
    });
  }
  const folder = makeTempDir('opkg-ostree-gpg-');
  try {
    const rings = keyrings.map((ring, i) => binaryKeyring(ring, `${folder}/ring-${i}.gpg`));
    writeFile(`${folder}/message`, message, { mode: 0o600 });
    for (const signature of signatures) {
      writeFile(`${folder}/signature`, signature, { mode: 0o600 });
      if (await isGood(rings, folder, signal)) return;
    }
  } finally {
    removeTree(folder);
  }
  throw new VerificationError('SIGNATURE_INVALID', `no trusted GPG key has signed ${what}`, {
    hint: 'do not use it; check which keys are trusted',
    details: { signatures: signatures.length },
  });
}

/** Good means that gpgv says so twice over: its status lines and its exit status; an expired key is none. */
async function isGood(rings: readonly string[], folder: string, signal?: AbortSignal): Promise<boolean> {
  const args = [
    '--homedir',
    folder,
    '--status-fd',
    '1',
    ...rings.flatMap((ring) => ['--keyring', ring]),
    `${folder}/signature`,
    `${folder}/message`,
  ];
  const result = await run(findProgram('gpgv') ?? 'gpgv', args, { signal });
  const lines = result.stdout.split('\n');
  const says = (word: string) => lines.some((line) => line.startsWith(`[GNUPG:] ${word} `));
  return (
    result.status === 0 &&
    says('GOODSIG') &&
    says('VALIDSIG') &&
    !['BADSIG', 'ERRSIG', 'EXPKEYSIG', 'REVKEYSIG', 'EXPSIG'].some(says)
  );
}

/** gpgv reads binary keyrings only. */
function binaryKeyring(path: string, scratch: string): string {
  const text = textOf(readFile(path).subarray(0, 1 << 22));
  const blocks = [...text.matchAll(armor)];
  if (blocks.length === 0) return path;
  writeFile(scratch, Buffer.concat(blocks.map(([, body]) => Buffer.from(body ?? '', 'base64'))));
  return scratch;
}

function keysIn(folder: string): string[] {
  return readdirIfExists(folder)
    .filter((name) => /\.(?:gpg|asc|pgp|key)$/u.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}
