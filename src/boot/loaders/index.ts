import { extlinuxLoader } from './extlinux.ts';
import { grubLoader } from './grub.ts';
import type { Loader, LoaderId } from './loader.ts';
import { uenvLoader } from './uenv.ts';

export type {
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
  extlinux: extlinuxLoader,
  uenv: uenvLoader,
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
