import { bootScriptLoader } from './boot-script.ts';
import { extlinuxLoader } from './extlinux.ts';
import { fwEnvLoader } from './fw-env.ts';
import { grubLoader } from './grub.ts';
import { grubEspLoader } from './grub-esp.ts';
import type { Loader, LoaderId, LoaderOptions } from './loader.ts';
import { rpiLoader } from './rpi.ts';
import { uenvLoader } from './uenv.ts';

export type {
  BootScript,
  FirmwareLoader,
  Loader,
  LoaderEntry,
  LoaderFile,
  LoaderId,
  LoaderOptions,
  LoaderStub,
  LoaderTrial,
} from './loader.ts';

/** Boot entries alone: for loaders that read the Boot Loader Specification, and for tests against libostree. */
const noLoader: Loader = { id: 'none', libostree: 'none', render: () => [], stubs: () => [] };

const loaders: Readonly<Record<LoaderId, Loader>> = {
  grub: grubLoader,
  'grub-esp': grubEspLoader,
  extlinux: extlinuxLoader,
  uenv: uenvLoader,
  bootscr: bootScriptLoader,
  'fw-env': fwEnvLoader,
  rpi: rpiLoader,
  none: noLoader,
};

/** The loader of that id. */
export function loaderFor(id: LoaderId): Loader {
  return loaders[id];
}

/**
 * True where the loader itself counts the starts of a deployment on trial, and so gives up a kernel that never reaches early boot. GRUB
 * needs its module loadenv for it, U-Boot an environment that it can store.
 */
export function countsStarts({ id }: Pick<Loader, 'id'>, { script }: LoaderOptions): boolean {
  return id === 'grub' || ((id === 'bootscr' || id === 'fw-env') && script?.counter === true);
}

/** True for the id of a loader that is built in. */
export function isLoaderId(text: string): text is LoaderId {
  return Object.hasOwn(loaders, text);
}
