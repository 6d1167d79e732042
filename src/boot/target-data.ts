/** The files of `targets/`, imported so that they are part of the bundle. */
import armsrArmv8 from '../../targets/armsr-armv8.json' with { type: 'json' };
import ath79 from '../../targets/ath79.json' with { type: 'json' };
import bananapiR3 from '../../targets/bananapi-r3.json' with { type: 'json' };
import espressobin from '../../targets/espressobin.json' with { type: 'json' };
import genericBootscr from '../../targets/generic-bootscr.json' with { type: 'json' };
import genericExtlinux from '../../targets/generic-extlinux.json' with { type: 'json' };
import genericGrub from '../../targets/generic-grub.json' with { type: 'json' };
import genericGrubEsp from '../../targets/generic-grub-esp.json' with { type: 'json' };
import genericUboot from '../../targets/generic-uboot.json' with { type: 'json' };
import glMt6000 from '../../targets/gl-mt6000.json' with { type: 'json' };
import ipq40xx from '../../targets/ipq40xx.json' with { type: 'json' };
import nanopiR4s from '../../targets/nanopi-r4s.json' with { type: 'json' };
import nanopiR5s from '../../targets/nanopi-r5s.json' with { type: 'json' };
import qualcommax from '../../targets/qualcommax.json' with { type: 'json' };
import ramips from '../../targets/ramips.json' with { type: 'json' };
import raspberrypi4 from '../../targets/raspberrypi-4.json' with { type: 'json' };
import turrisMox from '../../targets/turris-mox.json' with { type: 'json' };
import turrisOmnia from '../../targets/turris-omnia.json' with { type: 'json' };
import x8664 from '../../targets/x86-64.json' with { type: 'json' };

/** Board id -> its file's content, not checked yet. */
export const targetData: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['armsr-armv8', armsrArmv8],
  ['ath79', ath79],
  ['bananapi-r3', bananapiR3],
  ['espressobin', espressobin],
  ['generic-bootscr', genericBootscr],
  ['generic-extlinux', genericExtlinux],
  ['generic-grub', genericGrub],
  ['generic-grub-esp', genericGrubEsp],
  ['generic-uboot', genericUboot],
  ['gl-mt6000', glMt6000],
  ['ipq40xx', ipq40xx],
  ['nanopi-r4s', nanopiR4s],
  ['nanopi-r5s', nanopiR5s],
  ['qualcommax', qualcommax],
  ['ramips', ramips],
  ['raspberrypi-4', raspberrypi4],
  ['turris-mox', turrisMox],
  ['turris-omnia', turrisOmnia],
  ['x86-64', x8664],
]);
