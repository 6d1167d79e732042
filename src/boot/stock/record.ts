/**
 * What a converted sysroot knows of the system that it was before: `<sysroot>/ostree/opkg-ostree/stock`, there from the
 * conversion until `convert --finish`. Early boot asks only whether it exists. docs/formats/convert.md
 */
import { dirname, join } from 'node:path/posix';
import { ParseError } from '../../base/index.ts';
import {
  lstatIfExists,
  mkdirDurable,
  readTextIfExists,
  unlinkDurable,
  writeFileDurable,
} from '../../sys/index.ts';
import { readBootState, readVerdicts, stateFolder } from '../boot-state.ts';
import { trialTries } from '../trial.ts';

export interface StockRecord {
  /** What `root=` of the old system says. */
  readonly root: string;
  /** The loader's configuration on the boot partition, from its root. */
  readonly config: string;
  /** The deletion of the old system has begun: it cannot be started any more. */
  readonly finishing: boolean;
}

const name = 'stock';
const maxBytes = 16 * 1024;

/** The record; undefined on a sysroot that was not converted, or whose conversion is finished. SYSROOT_INVALID where it cannot be read. */
export function readStock(sysroot: string): StockRecord | undefined {
  const path = join(sysroot, stateFolder, name);
  const stats = lstatIfExists(path);
  if (stats === undefined) return undefined;
  const text = stats.isFile() && stats.size <= maxBytes ? (readTextIfExists(path) ?? '') : '';
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const space = line.indexOf(' ');
      return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
    }),
  );
  const [root, config] = [fields.get('root'), fields.get('config')];
  const valid =
    config !== undefined && /^[A-Za-z0-9._+/-]+$/u.test(config) && !config.split('/').includes('..');
  if (fields.get('format') !== '1' || root === undefined || !valid) {
    throw new ParseError('SYSROOT_INVALID', `${path} is not a record of a conversion`, {
      hint: "run 'opkg-ostree convert --apply' again",
    });
  }
  return { root, config, finishing: fields.has('finishing') };
}

/** Writes the record durably. */
export function writeStock(sysroot: string, { root, config, finishing }: StockRecord): void {
  const path = join(sysroot, stateFolder, name);
  mkdirDurable(dirname(path));
  writeFileDurable(path, `format 1\nroot ${root}\nconfig ${config}\n${finishing ? 'finishing\n' : ''}`);
}

/** Forgets the old system. */
export function dropStock(sysroot: string): void {
  unlinkDurable(join(sysroot, stateFolder, name));
}

/** True where a deployment of the sysroot may have run: then its `/var` holds more than copies of the old system's. */
export function wasStarted(sysroot: string): boolean {
  const { pending, good, bad, tries } = readBootState(sysroot);
  if (good !== undefined || bad !== undefined || readVerdicts(sysroot).length > 0) return true;
  return pending !== undefined && tries !== trialTries;
}
