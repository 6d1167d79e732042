/**
 * U-Boot environments that are read from a file: `uEnv.txt` for `env import -t`, with the variable names of libostree's
 * U-Boot backend, so that a boot script written for either works with both.
 */
import { type BootEntry, entryField } from '../bls.ts';
import { kernelPaths, type Loader, type LoaderEntry, refuseCharacters } from './loader.ts';

/** uEnv.txt; the board's boot script imports it and runs `kernel_image`, `ramdisk_image`, `fdt_file`, `bootargs`. */
export const uenvLoader: Loader = {
  id: 'uenv',
  libostree: 'uboot',
  render: (entries) => [{ name: 'uEnv.txt', text: renderUEnv(entries) }],
  stubs: () => [
    { path: 'uEnv.txt', kind: 'symlink', target: 'loader/uEnv.txt' },
    // libostree's backend reads the file that it replaces, so an empty one must be there before the first deployment.
    { path: 'loader.0/uEnv.txt', kind: 'file', text: '' },
    { path: 'loader', kind: 'symlink', target: 'loader.0' },
  ],
};

const maxExtraBytes = 64 * 1024;

/** The text of uEnv.txt: the first entry's variables without a suffix, the next with 2, 3 ... */
export function renderUEnv(entries: readonly LoaderEntry[]): string {
  const lines: string[] = [];
  entries.forEach(({ entry, extraEnvironment }, index) => {
    lines.push(...environmentLines(entry, index === 0 ? '' : `${index + 1}`));
    // As it stands, its last line feed too: the real tool leaves an empty line there.
    if (index === 0 && extraEnvironment !== undefined) lines.push(extraEnvironment.slice(0, maxExtraBytes));
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The variables of one entry, a line each, their names with the suffix. */
export function environmentLines(entry: BootEntry, suffix: string): string[] {
  const paths = kernelPaths(entry);
  const values: readonly (readonly [string, string | undefined])[] = [
    ['kernel_image', paths.linux],
    ['ramdisk_image', paths.initrds[0]],
    ['fdt_file', paths.devicetree],
    ['fdtdir', paths.fdtdir],
    ['bootargs', entryField(entry, 'options') ?? ''],
  ];
  return values.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}${suffix}=${environmentValue(value)}`],
  );
}

/** `env import -t` takes a backslash as an escape, and boot scripts that `run` a value expand `$` and split at `;`. */
function environmentValue(value: string): string {
  return refuseCharacters(value, /[$;\\\u0000-\u001f\u007f]/u, 'uEnv.txt');
}
