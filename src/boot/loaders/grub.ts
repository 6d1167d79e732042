/**
 * GRUB: `boot/loader.<B>/grub.cfg` with one menu entry per deployment. Only commands of OpenWrt's own GRUB images are
 * needed (modules configfile linux serial terminal normal; no echo, sleep, blscfg, probe); where loadenv and test are there, as in
 * the images that we make, a deployment on trial is counted too.
 */
import { ParseError } from '../../base/index.ts';
import { entryField } from '../bls.ts';
import { parseKargs } from '../kargs.ts';
import {
  kernelPaths,
  type Loader,
  type LoaderEntry,
  type LoaderOptions,
  type LoaderTrial,
  menuTitle,
} from './loader.ts';

/** GRUB, BIOS and EFI alike: its core image finds `boot/grub/grub.cfg`, and that leads to the current entries. */
export const grubLoader: Loader = {
  id: 'grub',
  libostree: 'none',
  render: (entries, options) => [{ name: 'grub.cfg', text: renderGrubConfig(entries, options) }],
  stubs: () => [{ path: 'grub/grub.cfg', kind: 'file', text: stubText }],
};

// `boot -> .` inside a boot partition makes /boot/loader right in both layouts.
const stubText = `# Written once by opkg-ostree: the menu is in loader/grub.cfg, made anew at each switch.
configfile /boot/loader/grub.cfg
`;

/** The text of grub.cfg: the first entry is the default, the second the fallback. */
export function renderGrubConfig(entries: readonly LoaderEntry[], options: LoaderOptions): string {
  const lines = ['# Written by opkg-ostree at each switch; edits are lost.', ...serialLines(options)];
  lines.push('set default="0"');
  if (entries.length > 1) lines.push(`set fallback="${options.trial?.back ?? 1}"`);
  lines.push(`set timeout="${options.timeout}"`, ...countLines(options.trial), '');
  for (const { entry } of entries) {
    const paths = kernelPaths(entry);
    const args = parseKargs(entryField(entry, 'options') ?? '').map(grubArgument);
    lines.push(`menuentry ${quote(menuTitle(entry))} {`);
    if (options.trial !== undefined) args.push('$opkg_ostree_gave_up');
    lines.push(`\tlinux ${[paths.linux, ...args].join(' ')}`);
    if (paths.initrds.length > 0) lines.push(`\tinitrd ${paths.initrds.join(' ')}`);
    if (paths.devicetree !== undefined) lines.push(`\tdevicetree ${paths.devicetree}`);
    lines.push('}', '');
  }
  return lines.join('\n');
}

/**
 * Counts the starts of the first entry in the environment block, and turns to the entry to go back to when they are used up. The
 * kernel is told, so that early boot records the verdict. Where GRUB lacks load_env the whole of it does nothing.
 */
function countLines(trial: LoaderTrial | undefined): string[] {
  if (trial === undefined) return [];
  const block = '-f /boot/grub/grubenv';
  const lines = [
    `set opkg_ostree_id="${trial.deployment}"`,
    'set opkg_ostree_gave_up=""',
    `if load_env ${block} opkg_ostree_trial opkg_ostree_left opkg_ostree_good; then`,
    '\tif [ "$opkg_ostree_good" != "$opkg_ostree_id" ]; then',
    `\t\tif [ "$opkg_ostree_trial" != "$opkg_ostree_id" ]; then set opkg_ostree_left="${trial.tries}"; fi`,
    '\t\tset opkg_ostree_trial="$opkg_ostree_id"',
  ];
  // GRUB script does not calculate.
  for (let left = trial.tries; left > 0; left--) {
    const word = left === trial.tries ? 'if' : 'elif';
    lines.push(`\t\t${word} [ "$opkg_ostree_left" = "${left}" ]; then set opkg_ostree_left="${left - 1}"`);
  }
  lines.push(
    '\t\telse',
    `\t\t\tset default="${trial.back}"`,
    '\t\t\tset opkg_ostree_gave_up="opkg-ostree.gave-up=$opkg_ostree_id"',
    '\t\tfi',
    `\t\tsave_env ${block} opkg_ostree_trial opkg_ostree_left`,
    '\tfi',
    'fi',
  );
  return lines;
}

function serialLines({ serial }: LoaderOptions): string[] {
  if (serial === undefined) return [];
  return [
    `serial --unit=${serial.unit} --speed=${serial.speed} --word=8 --parity=no --stop=1 --rtscts=off`,
    'terminal_input console serial; terminal_output console serial',
  ];
}

/**
 * One kernel argument as a word of GRUB's script. GRUB puts double quotes around a word with spaces and a backslash
 * before each quote (grub-core/lib/cmdline.c), which the kernel does not undo: our own quotes go, and what GRUB would
 * escape is refused.
 */
export function grubArgument(karg: string): string {
  const bare = karg.replaceAll('"', '');
  if (/[\\']/u.test(bare) || /[\u0000-\u001f\u007f]/u.test(bare)) {
    throw new ParseError('BOOT_ENTRY_INVALID', `GRUB cannot pass on the kernel argument '${karg}'`, {
      hint: "a quote or backslash in it: take it out with 'opkg-ostree kargs --delete'",
    });
  }
  return quote(bare);
}

/** Plain where nothing in it means anything to GRUB's lexer, else in single quotes. */
function quote(word: string): string {
  if (/^[A-Za-z0-9_.,:=/@%+-]+$/u.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
