import { isChecksum } from '../base/index.ts';
import { readdirIfExists } from '../sys/index.ts';
import type { ObjectType } from './objects.ts';
import type { Repository } from './repository.ts';
import type { ObjectId } from './traverse.ts';

/** An object's file in the repository. */
export interface StoredObject extends ObjectId {
  readonly path: string;
}

const types: Readonly<Record<string, ObjectType>> = {
  dirtree: 'dirtree',
  dirmeta: 'dirmeta',
  commit: 'commit',
  commitmeta: 'commitmeta',
  'tombstone-commit': 'tombstone-commit',
};

/** Every object of the repository itself (not of a parent); names that are no objects of its mode are passed over. */
export function* listObjects(repo: Repository): Generator<StoredObject> {
  const fileSuffix = repo.mode === 'archive' ? 'filez' : 'file';
  const root = `${repo.path}/objects`;
  for (const folder of readdirIfExists(root).sort()) {
    if (!/^[0-9a-f]{2}$/u.test(folder)) continue;
    for (const name of readdirIfExists(`${root}/${folder}`)) {
      const dot = name.indexOf('.');
      const checksum = folder + name.slice(0, dot);
      const suffix = name.slice(dot + 1);
      const type = suffix === fileSuffix ? 'file' : types[suffix];
      if (type !== undefined && isChecksum(checksum))
        yield { type, checksum, path: `${root}/${folder}/${name}` };
    }
  }
}
