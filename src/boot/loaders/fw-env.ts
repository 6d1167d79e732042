/**
 * Boards whose U-Boot starts what its stored environment says: `bootcmd` is changed once, to run our script from the sysroot;
 * from there on it is `boot.scr`. Each switch looks whether the variables still stand, and starts the count of U-Boots that
 * count by themselves (U-Boot doc/api/bootcount.rst: `bootcount`, `bootlimit`, `altbootcmd`, only while `upgrade_available`).
 */
import { bootScriptLoader } from './boot-script.ts';
import type { Loader } from './loader.ts';

/** boot.scr, found by `bootcmd` of the stored environment, with a count of the starts in it. */
export const fwEnvLoader: Loader = {
  id: 'fw-env',
  // libostree's own uEnv.txt lacks the trial; our next run renders it again.
  libostree: 'uboot',
  render: bootScriptLoader.render,
  stubs: bootScriptLoader.stubs,
  environment: (options) =>
    new Map([
      ['bootcmd', options.script?.bootcmd ?? 'run distro_bootcmd'],
      // What a U-Boot with a boot count of its own runs when the limit is reached.
      ['altbootcmd', 'setenv opkg_ostree_entry limit; run bootcmd'],
      ['bootlimit', '3'],
    ]),
};
