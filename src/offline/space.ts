/** Whether a package fits, by what its control file says of its size. */
import { fileSystemSpace, statIfExists } from '../sys/index.ts';
import { toPath } from './messages.ts';
import type { Package } from './model.ts';
import type { Settings } from './options.ts';

/** opkg's complaint where the file system has too little room for the package; undefined where it fits, or nobody asks. */
export function lackOfSpace(settings: Settings, pkg: Package): string | undefined {
  if (settings.on('force_space') || pkg.installedSize === 0) return undefined;
  const overlay = settings.value('overlay_root');
  const useOverlay =
    pkg.destination?.name === 'root' && overlay !== undefined && statIfExists(toPath(overlay))?.isDirectory();
  const root = useOverlay === true ? overlay : (pkg.destination ?? settings.defaultDestination).root;
  const free = Math.floor(fileSystemSpace(toPath(root)).free / 1024);
  const needed = Math.ceil(pkg.installedSize / 1024);
  if (needed < free) return undefined;
  return `Only have ${free}kb available on filesystem ${root}, pkg ${pkg.name} needs ${needed}\n`;
}
