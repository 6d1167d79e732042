/**
 * The end of a conversion: the old system's files go, for good, on demand only; or the way back to it. What is deleted is
 * everything of the physical root that neither the sysroot nor early boot needs.
 */
import { join } from 'node:path/posix';
import { isOpkgOstreeError, RefusedError, throwIfAborted } from '../../base/index.ts';
import {
  clearStockBoot,
  closeStock,
  type Deployment,
  dropStock,
  handBack,
  locateStock,
  readBootState,
  readStock,
  type StockRecord,
  stateName,
  stockRemains,
  verdictOf,
  withFirmwareAt,
  withMountedBoot,
  withMountedStock,
  writeStock,
} from '../../boot/index.ts';
import { exists, lstatIfExists, readdirIfExists, realpath, rmdir, unlinkIfExists } from '../../sys/index.ts';
import type { Environment } from '../environment.ts';
import { noteSuccess } from '../record.ts';
import { openSession, type Session, type Where, withSession } from '../session.ts';
import { treeBytes } from './measure.ts';

export interface FinishDocument {
  readonly api: 1;
  /** What goes, or went: paths of the physical root, folders with all that is in them. */
  readonly removes: readonly { readonly path: string; readonly bytes: number }[];
  readonly 'freed-bytes': number;
  /** What stays of the old system, because early boot runs on it. */
  readonly keeps: readonly string[];
  readonly finished: boolean;
  readonly notes: readonly string[];
}

/** What `convert --finish` would delete. DEPLOYMENT_ON_TRIAL until the deployment was found good. */
export function finishPlan(where: Where): FinishDocument {
  const session = openSession(where);
  requireFinishable(session);
  return documentOf(session, false);
}

/** Deletes the old system. A run that was cut off goes on where it was. */
export function convertFinish(env: Environment, where: Where): Promise<FinishDocument> {
  return withSession(env, where, async (session) => {
    const { stock, deployment } = requireFinishable(session);
    const { sysroot, stateroot } = session;
    const document = documentOf(session, true);
    // First nothing leads to the old system any more, then it goes.
    writeStock(sysroot.path, { ...stock, finishing: true });
    closeStock(sysroot.path);
    env.onProgress({ phase: 'cleanup', message: 'removing the old system' });
    removeStock(env, sysroot.path, new Set(document.keeps));
    const notes = await clearBoot(sysroot.path, stock);
    dropStock(sysroot.path);
    const { id } = deployment;
    const entry = { from: id, to: id, inputs: null, outcome: 'done', verdict: 'unknown' } as const;
    noteSuccess(sysroot.varPath(stateroot), env, { ...entry, scripts: [], error: null });
    env.onProgress({ phase: 'done' });
    return { ...document, notes };
  });
}

/**
 * Lets the old system start next, also from that system itself; false where it was to start anyway. CONVERT_UNSUPPORTED once its
 * files are being removed.
 */
export async function convertUndo(
  env: Environment,
  where: Where,
  root: string | undefined,
): Promise<boolean> {
  if (root !== undefined) return undo(root);
  if (where.sysroot === '/' && !exists('/run/ostree-booted')) {
    return withMountedStock(locateStock(), ({ root: at, boot }) =>
      exists(join(at, 'boot/firmware')) ? withFirmwareAt(at, boot, () => undo(at)) : undo(at),
    );
  }
  return withSession(env, where, ({ sysroot }) => undo(sysroot.path));
}

function undo(sysroot: string): boolean {
  const stock = readStock(sysroot);
  if (stock === undefined || stock.finishing) throw nothingToDo(stock);
  return handBack(sysroot);
}

function requireFinishable(session: Session): { stock: StockRecord; deployment: Deployment } {
  const { sysroot, deployments } = session;
  const stock = readStock(sysroot.path);
  if (stock === undefined) throw nothingToDo(stock);
  const deployment = deployments.find(({ booted }) => booted) ?? deployments[0];
  const name = deployment === undefined ? undefined : stateName(deployment);
  const { pending, bad } = readBootState(sysroot.path);
  const good = name !== undefined && pending !== name && bad !== name && isGood(sysroot.path, name);
  if (deployment !== undefined && good) return { stock, deployment };
  throw new RefusedError('DEPLOYMENT_ON_TRIAL', 'the converted system has not been found good yet', {
    hint: "start it, and let its checks pass ('opkg-ostree health', 'opkg-ostree confirm'); until then the old system is the way back",
  });
}

function isGood(sysroot: string, name: string): boolean {
  return readBootState(sysroot).good === name || verdictOf(sysroot, name)?.verdict === 'good';
}

function nothingToDo(stock: StockRecord | undefined): RefusedError {
  return stock === undefined
    ? new RefusedError(
        'CONVERT_UNSUPPORTED',
        'there is no old system here: nothing was converted, or it is finished',
      )
    : new RefusedError('CONVERT_UNSUPPORTED', 'the old system is being removed: there is no way back', {
        hint: "run 'opkg-ostree convert --finish' to its end",
      });
}

/** Folders of the top that belong to the sysroot, or that the kernel and e2fsck want. */
const keptTops: ReadonlySet<string> = new Set(['ostree', 'boot', 'lost+found']);
/** Mount points of early boot: they stay, empty. */
const emptied: ReadonlySet<string> = new Set(['proc', 'sys', 'dev', 'tmp']);

function documentOf({ sysroot }: Session, finished: boolean): FinishDocument {
  const keeps = stockRemains(sysroot.path);
  const kept = new Set(keeps);
  const removes = [...removable(sysroot.path, kept)].map((path) => ({
    path: `/${path}`,
    bytes: treeBytes(join(sysroot.path, path)),
  }));
  return {
    api: 1,
    removes,
    'freed-bytes': removes.reduce((sum, { bytes }) => sum + bytes, 0),
    keeps,
    finished,
    notes: [],
  };
}

/** Paths whose whole tree goes: the highest that hold nothing that is kept. */
function* removable(root: string, kept: ReadonlySet<string>): Generator<string> {
  const device = lstatIfExists(root)?.dev;
  const pending = readdirIfExists(root).sort().reverse();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = lstatIfExists(join(root, path));
    if (stats === undefined || stats.dev !== device || keptTops.has(path) || kept.has(path)) continue;
    const holdsKept = [...kept].some((name) => name.startsWith(`${path}/`));
    if (stats.isDirectory() && (holdsKept || emptied.has(path))) {
      const names = readdirIfExists(join(root, path)).sort().reverse();
      pending.push(...names.map((name) => `${path ?? ''}/${name}`));
    } else {
      yield path;
    }
  }
}

/** Takes the old menu and kernel from the boot partition. Nothing leads to them any more, so what cannot be done is a note. */
async function clearBoot(sysroot: string, { config }: StockRecord): Promise<string[]> {
  const firmware = join(sysroot, 'boot/firmware');
  try {
    if (exists(join(firmware, config))) clearStockBoot({ path: firmware, config });
    else if (exists('/run/ostree-booted') && realpath(sysroot) === realpath('/sysroot'))
      await withMountedBoot(locateStock(), ({ boot }) => clearStockBoot({ path: boot, config }));
    else return ['the boot partition still holds the old menu and kernel: they do no harm'];
    return [];
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return [`the boot partition still holds the old menu and kernel, which do no harm: ${thrown.message}`];
  }
}

function removeStock(env: Environment, root: string, kept: ReadonlySet<string>): void {
  for (const path of removable(root, kept)) {
    throwIfAborted(env.signal);
    removeOnDevice(join(root, path), lstatIfExists(root)?.dev);
  }
}

/** As rm -rf --one-file-system: what is mounted below is not the old system's to lose. */
function removeOnDevice(path: string, device: number | undefined): void {
  const stats = lstatIfExists(path);
  if (stats === undefined || stats.dev !== device) return;
  if (!stats.isDirectory()) {
    unlinkIfExists(path);
    return;
  }
  for (const name of readdirIfExists(path)) removeOnDevice(join(path, name), device);
  if (readdirIfExists(path).length === 0) rmdir(path);
}
