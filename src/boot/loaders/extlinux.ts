/**
 * U-Boot's standard boot and distro boot: `extlinux.conf`, read by U-Boot's own parser (boot/pxe_utils.c), which takes
 * the rest of a line literally but expands `${...}` and backslashes in `append`.
 */
import { entryField } from '../bls.ts';
import {
  kernelPaths,
  type Loader,
  type LoaderEntry,
  type LoaderOptions,
  menuTitle,
  refuseCharacters,
} from './loader.ts';

/** extlinux.conf, searched by U-Boot at `/extlinux/` and `/boot/extlinux/`. */
export const extlinuxLoader: Loader = {
  id: 'extlinux',
  libostree: 'none',
  render: (entries, options) => [{ name: 'extlinux.conf', text: renderExtlinux(entries, options) }],
  stubs: () => [{ path: 'extlinux/extlinux.conf', kind: 'symlink', target: '../loader/extlinux.conf' }],
};

/** The text of extlinux.conf: the first entry is the default, the second the fallback. */
export function renderExtlinux(entries: readonly LoaderEntry[], options: LoaderOptions): string {
  const lines = ['# Written by opkg-ostree at each switch; edits are lost.', 'menu title OpenWrt'];
  if (entries.length > 0) lines.push('default ostree-0');
  if (entries.length > 1) lines.push('fallback ostree-1');
  // In tenths of a second; 0 would wait for ever.
  lines.push(`timeout ${Math.max(1, options.timeout * 10)}`);
  entries.forEach(({ entry }, index) => {
    const paths = kernelPaths(entry);
    lines.push('', `label ostree-${index}`, `\tmenu label ${menuTitle(entry)}`, `\tkernel ${paths.linux}`);
    if (paths.initrds[0] !== undefined) lines.push(`\tinitrd ${paths.initrds[0]}`);
    if (paths.devicetree !== undefined) lines.push(`\tfdt ${paths.devicetree}`);
    else if (paths.fdtdir !== undefined) lines.push(`\tfdtdir ${paths.fdtdir}`);
    lines.push(
      `\tappend ${refuseCharacters(entryField(entry, 'options') ?? '', /[$\\\u0000-\u001f\u007f]/u, 'extlinux.conf')}`,
    );
  });
  return `${lines.join('\n')}\n`;
}
