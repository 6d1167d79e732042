/**
 * U-Boot's `boot.scr`: a script, written once, that imports `loader/uEnv.txt` and starts its first entry, or the second where the
 * first cannot be loaded or was started too often. Only commands that vendors' builds have: load, env import, test, booti.
 * Variables of the distro boot (devtype, devnum, distro_bootpart, *_addr_r) get the board's values where its U-Boot has none.
 */
import { renderScriptImage } from '../uimage.ts';
import type { BootScript, Loader, LoaderEntry, LoaderOptions } from './loader.ts';
import { environmentLines, renderUEnv, uenvLoader } from './uenv.ts';

/** How a board is started where nothing else is known. */
const commonScript: BootScript = { command: 'booti', defaults: {}, counter: false };

/** boot.scr and uEnv.txt on the sysroot; libostree's U-Boot backend writes the same uEnv.txt. */
export const bootScriptLoader: Loader = {
  id: 'bootscr',
  libostree: 'uboot',
  render: (entries, options) => [{ name: 'uEnv.txt', text: renderCountedEnv(entries, options) }],
  stubs: (options) => [
    ...uenvLoader.stubs(options),
    {
      path: 'boot.scr',
      kind: 'bytes',
      bytes: renderScriptImage(renderBootScript(options.script ?? commonScript)),
    },
  ],
};

/** uEnv.txt, at its end what the first entry is on trial for, and the entry to go back to where that is not the second. */
function renderCountedEnv(entries: readonly LoaderEntry[], { trial }: LoaderOptions): string {
  const text = renderUEnv(entries);
  const back = trial === undefined ? undefined : entries[trial.back];
  if (trial === undefined || back === undefined) return text;
  const lines = [`opkg_ostree_trial=${trial.deployment}`, `opkg_ostree_tries=${trial.tries}`];
  if (trial.back !== 1) lines.push(...environmentLines(back.entry, '_back'));
  return `${text}${lines.join('\n')}\n`;
}

const partition = `$devtype $devnum:$distro_bootpart`;

/** The script's text. Entries beyond the second are for people: U-Boot's prompt can import the file and choose. */
export function renderBootScript({ command, defaults, devicetree, counter }: BootScript): string {
  const values = { devtype: 'mmc', devnum: '0', distro_bootpart: '1', ...defaults };
  const lines = [
    '# Written once by opkg-ostree; what it starts is in loader/uEnv.txt, made anew at each switch.',
  ];
  for (const [name, value] of Object.entries(values)) {
    lines.push(`if test -z "$${name}"; then setenv ${name} ${value}; fi`);
  }
  if (devicetree !== undefined) lines.push(`if test -z "$fdtfile"; then setenv fdtfile ${devicetree}; fi`);
  // A variable of an entry that has none must not be left over from the stored environment.
  for (const suffix of counter ? ['', '2', '_back'] : ['', '2']) {
    for (const name of entryVariables) lines.push(`setenv ${name}${suffix}`);
  }
  lines.push(
    'setenv opkg_ostree_trial',
    'setenv opkg_ostree_gave_up',
    `if load ${partition} $kernel_addr_r /boot/loader/uEnv.txt; then env import -t $kernel_addr_r $filesize; fi`,
    ...limitLines,
    ...(counter ? counterLines : []),
    'if test "$opkg_ostree_entry" != 2; then',
    ...startLines('', command),
    'fi',
    ...(counter ? startIfThere('_back', command) : []),
    ...startIfThere('2', command),
    // The second entry was asked for and is not there, or cannot be started.
    'if test "$opkg_ostree_entry" = 2; then',
    ...startLines('', command),
    'fi',
    'setenv opkg_ostree_entry',
    'echo "opkg-ostree: no entry could be started"',
  );
  return `${lines.join('\n')}\n`;
}

const entryVariables = ['kernel_image', 'ramdisk_image', 'fdt_file', 'fdtdir', 'bootargs'];

/**
 * A U-Boot that counts by itself ran `altbootcmd`: as where our own count is used up. Without a trial its count is an old one, and
 * the first entry the right one.
 */
const limitLines = [
  'if test "$opkg_ostree_entry" = limit; then',
  'setenv opkg_ostree_entry',
  'if test -n "$opkg_ostree_trial"; then',
  'setenv opkg_ostree_entry 2',
  'setenv opkg_ostree_gave_up opkg-ostree.gave-up=$opkg_ostree_trial',
  'fi',
  'fi',
];

/**
 * Counts the starts of a deployment on trial in the stored environment, and turns to the entry to go back to when they are used up.
 * The kernel is told, so that early boot records the verdict. `setexpr` yields hexadecimal.
 */
const counterLines = [
  // The second entry was asked for: nothing to count, and saveenv would store that too.
  'if test "$opkg_ostree_entry" = 2; then setenv opkg_ostree_trial; fi',
  'if test -n "$opkg_ostree_trial"; then',
  'if test "$opkg_ostree_counted" != "$opkg_ostree_trial"; then setenv opkg_ostree_counted $opkg_ostree_trial; setenv opkg_ostree_boots 0; fi',
  'if itest 0x$opkg_ostree_boots -ge 0x$opkg_ostree_tries; then',
  'setenv opkg_ostree_entry 2',
  'setenv opkg_ostree_gave_up opkg-ostree.gave-up=$opkg_ostree_trial',
  'else',
  'setexpr opkg_ostree_boots 0x$opkg_ostree_boots + 1',
  'saveenv',
  'fi',
  'fi',
];

function startIfThere(suffix: string, command: BootScript['command']): string[] {
  return [`if test -n "$kernel_image${suffix}"; then`, ...startLines(suffix, command), 'fi'];
}

/** Loads and starts one entry; falls through where something is missing. */
function startLines(suffix: string, command: BootScript['command']): string[] {
  const of = (name: string) => `\${${name}${suffix}}`;
  const load = (address: string, path: string) => `load ${partition} $${address} ${path}`;
  // Of a file that is named and missing, an empty word: the entry is not started half.
  const orGiveUp = (address: string, path: string, set: string) =>
    `if ${load(address, path)}; then ${set}; else setenv opkg_ostree_ready; fi`;
  const args = suffix === '' ? [] : [`setenv bootargs "${of('bootargs')} $opkg_ostree_gave_up"`];
  return [
    `echo "opkg-ostree: starting ${of('kernel_image')}"`,
    // U-Boot's own device tree, which some boards hand over, is what is left without one of ours.
    'setenv opkg_ostree_fdt $fdtcontroladdr',
    'if test -n "$fdt_addr"; then setenv opkg_ostree_fdt $fdt_addr; fi',
    'setenv opkg_ostree_initrd -',
    'setenv opkg_ostree_ready 1',
    `if test -n "${of('fdt_file')}"; then`,
    orGiveUp('fdt_addr_r', of('fdt_file'), 'setenv opkg_ostree_fdt $fdt_addr_r'),
    `elif test -n "${of('fdtdir')}"; then`,
    orGiveUp('fdt_addr_r', `${of('fdtdir')}/$fdtfile`, 'setenv opkg_ostree_fdt $fdt_addr_r'),
    'fi',
    `if test -n "${of('ramdisk_image')}"; then`,
    orGiveUp('ramdisk_addr_r', of('ramdisk_image'), 'setenv opkg_ostree_initrd $ramdisk_addr_r:$filesize'),
    'fi',
    'if test -n "$opkg_ostree_ready"; then',
    `if ${load('kernel_addr_r', of('kernel_image'))}; then`,
    ...args,
    `${command} $kernel_addr_r $opkg_ostree_initrd $opkg_ostree_fdt`,
    'fi',
    'fi',
  ];
}
