/**
 * GRUB that reads nothing but its FAT partition, as the EFI images of OpenWrt have it (no ext2 in the core, no module folder): the same
 * grub.cfg, with the kernels on that partition.
 */
import { type BootEntry, entryField, withField } from '../bls.ts';
import { firmwareKernel } from './firmware-names.ts';
import { renderGrubConfig } from './grub.ts';
import { kernelPaths, type Loader, type LoaderEntry } from './loader.ts';

// x86 and armsr look in different places (OpenWrt target/linux/{x86,armsr}/image).
const stubText = `# Written once by opkg-ostree: the menu is in ostree/grub.cfg, made anew at each switch.
configfile /ostree/grub.cfg
`;

/** grub.cfg and kernels on the ESP, mounted at boot/firmware. */
export const grubEspLoader: Loader = {
  id: 'grub-esp',
  libostree: 'none',
  // Without a count: that GRUB has no loadenv.
  render: (entries, { timeout, serial }) => [
    {
      name: 'grub.cfg',
      text: renderGrubConfig(
        entries.map((entry) => onFirmware(entry)),
        { timeout, ...(serial === undefined ? {} : { serial }) },
      ),
    },
  ],
  stubs: () => [
    { path: 'firmware/boot/grub/grub.cfg', kind: 'file', text: stubText },
    { path: 'firmware/efi/openwrt/grub.cfg', kind: 'file', text: stubText },
  ],
  firmware: {
    commit: { name: 'grub.cfg', path: 'ostree/grub.cfg' },
    kernels: 'boot/',
    kernelName,
  },
};

function onFirmware({ entry }: LoaderEntry): LoaderEntry {
  const folder = `/boot/${firmwareKernel(kernelPaths(entry).linux)}`;
  const moved = (changed: BootEntry, key: string, name: string) =>
    entryField(changed, key) === undefined ? changed : withField(changed, key, `${folder}/${name}`);
  return {
    entry: moved(moved(moved(entry, 'linux', 'vmlinuz'), 'initrd', 'initrd.img'), 'devicetree', 'board.dtb'),
  };
}

function kernelName(name: string): string | undefined {
  if (name.startsWith('vmlinuz-')) return 'vmlinuz';
  if (name.startsWith('initramfs-')) return 'initrd.img';
  return name.startsWith('devicetree-') ? 'board.dtb' : undefined;
}
