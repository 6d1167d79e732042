/**
 * The firmware of the Raspberry Pi, which reads FAT only (Raspberry Pi documentation, config.txt): `config.txt` includes
 * `ostree.txt`, which names the kernel's folder by `os_prefix` and the command line by a file of its own. `tryboot.txt`, which
 * the firmware reads once when a restart asks for it, includes `trial.txt`, the second entry.
 */
import { ParseError } from '../../base/index.ts';
import { entryField, parseBootLink } from '../bls.ts';
import { findKarg, parseKargs } from '../kargs.ts';
import { firmwareKernel } from './firmware-names.ts';
import { kernelPaths, type Loader, type LoaderEntry, type LoaderFile, refuseCharacters } from './loader.ts';

/** Stubs and files on the FAT partition, mounted at boot/firmware. */
export const rpiLoader: Loader = {
  id: 'rpi',
  libostree: 'none',
  render: (entries) => renderFirmwareFiles(entries),
  stubs: () => [
    { path: 'firmware/config.txt', kind: 'file', text: `${settings}include ostree.txt\n` },
    { path: 'firmware/tryboot.txt', kind: 'file', text: `${settings}include trial.txt\n` },
  ],
  firmware: {
    commit: { name: 'ostree.txt', path: 'ostree.txt' },
    kernels: '',
    kernelName,
  },
};

// disable-bt gives the good UART to the console, as OpenWrt's distroconfig.txt does.
const settings = `# Your own settings go above the last section. Written once by opkg-ostree: what is started is in the included file.
[pi4]
dtoverlay=disable-bt
[all]
arm_64bit=1
enable_uart=1
`;

/**
 * ostree.txt stays below one sector of FAT, and its lines below the 98 characters that the firmware reads. The command lines'
 * names carry the bootversion, so that those which the old ostree.txt names are still there when it is replaced.
 */
function renderFirmwareFiles(entries: readonly LoaderEntry[]): LoaderFile[] {
  const files = entries.map(({ entry }, index): LoaderFile => {
    const options = entryField(entry, 'options') ?? '';
    return {
      name: commandLineName(entries, index),
      text: `${refuseCharacters(options, /[\u0000-\u001f\u007f]/u, 'cmdline.txt')}\n`,
    };
  });
  return [
    ...files,
    // Without a second entry a trial start is a usual start.
    { name: 'trial.txt', text: renderStart(entries, entries.length > 1 ? 1 : 0) },
    { name: 'ostree.txt', text: renderStart(entries, 0) },
  ];
}

function renderStart(entries: readonly LoaderEntry[], index: number): string {
  const entry = entries[index]?.entry;
  if (entry === undefined) return '# no deployment\n';
  const paths = kernelPaths(entry);
  const lines = [
    '# Written by opkg-ostree at each switch; edits are lost.',
    `os_prefix=${firmwareKernel(paths.linux)}/`,
    'kernel=kernel8.img',
    `cmdline=/ostree/${commandLineName(entries, index)}`,
  ];
  if (paths.initrds.length > 0) lines.push('initramfs initrd.img followkernel');
  if (paths.devicetree !== undefined) lines.push('device_tree=board.dtb');
  return `${lines.join('\n')}\n`;
}

function commandLineName(entries: readonly LoaderEntry[], index: number): string {
  const options = entryField(entries[index]?.entry ?? { fields: [] }, 'options') ?? '';
  const link = parseBootLink(findKarg(parseKargs(options), 'ostree') ?? '');
  if (link === undefined) {
    throw new ParseError('BOOT_ENTRY_INVALID', 'a boot entry has no ostree= argument that names a boot link');
  }
  return `cmd${link.bootVersion}-${index}.txt`;
}

/** The firmware looks for device trees beside the kernel, without the folder of their vendor. */
function kernelName(name: string): string | undefined {
  if (name.startsWith('vmlinuz-')) return 'kernel8.img';
  if (name.startsWith('initramfs-')) return 'initrd.img';
  if (name.startsWith('devicetree-')) return 'board.dtb';
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (name.startsWith('dtb/overlays/')) return `overlays/${base}`;
  return name.startsWith('dtb/') && name.endsWith('.dtb') ? base : undefined;
}
