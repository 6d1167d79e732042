/** Signatures of package lists. */
import { isOpkgOstreeError } from '../base/index.ts';
import { parseKeyRing, parseUsignSignature, unpackIndex, verifyUsign } from '../ipk/index.ts';
import { readdirIfExists, readFile, readTextIfExists, runAttached, wholeEnvironment } from '../sys/index.ts';
import { toPath } from './messages.ts';
import type { Run } from './run.ts';

const keyFolder = '/etc/opkg/keys';

/**
 * Whether the list is signed by a key that is trusted: the root's own keys, then this system's. A `verify_program` that was
 * named is asked instead.
 */
export async function isSigned(run: Run, list: string, signature: string): Promise<boolean> {
  const program = run.settings.value('verify_program');
  if (program !== undefined) {
    const args = ['verify', toPath(signature), toPath(list)];
    const ended = runAttached(toPath(program), args, wholeEnvironment());
    return 'status' in ended && ended.status === 0;
  }
  try {
    const pieces: Uint8Array[] = [];
    for await (const piece of unpackIndex([readFile(toPath(list))])) pieces.push(piece);
    const signed = parseUsignSignature(readTextIfExists(toPath(signature)) ?? '');
    const { keys } = parseKeyRing([...keysOf(run.inRoot(keyFolder)), ...keysOf(keyFolder)]);
    verifyUsign(Buffer.concat(pieces), signed, keys);
    return true;
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    run.messages.error('opkg_verify_file', `${error.message}.\n`);
    return false;
  }
}

function keysOf(folder: string): { name: string; text: string }[] {
  return readdirIfExists(toPath(folder)).flatMap((name) => {
    const text = readTextIfExists(`${toPath(folder)}/${name}`);
    return text === undefined ? [] : [{ name, text }];
  });
}
