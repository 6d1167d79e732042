import { bootScriptLoader } from './boot-script.ts';
import { extlinuxLoader } from './extlinux.ts';
import { fwEnvLoader } from './fw-env.ts';
import { grubLoader } from './grub.ts';
import { grubEspLoader } from './grub-esp.ts';
import type { Loader, LoaderId } from './loader.ts';
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

/** True for the id of a loader that is built in. */
export function isLoaderId(text: string): text is LoaderId {
  return Object.hasOwn(loaders, text);
}
