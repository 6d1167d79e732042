/**
 * Scripts that need the live system, kept in the tree for the deployment's first boot (docs/formats/layer.md):
 *
 * ```
 * usr/lib/opkg-ostree/first-boot/<package>/
 *   run       what the boot runs, with sh and without arguments; its status is the script's
 *   script    the package's postinst or postinst-pkg, as it came
 *   order     three digits: packages with lower ones are run first
 * ```
 */
import { type RelPath, toRelPath, utf8 } from '../base/index.ts';
import type { Attributes, MutableTree, Transaction } from '../ostree/index.ts';
import { ensureParents } from './tree-files.ts';

export const firstBootPath = toRelPath('usr/lib/opkg-ostree/first-boot');

/** One script to queue. */
export interface DeferredScript {
  readonly package: string;
  readonly member: string;
  readonly bytes: Uint8Array;
  /** Position in dependency order. */
  readonly order: number;
}

const executable: Attributes = { uid: 0, gid: 0, mode: 0o100755, xattrs: [] };
const plain: Attributes = { uid: 0, gid: 0, mode: 0o100644, xattrs: [] };

/** Puts the script into the queue; the folder that it got. */
export function queueDeferred(txn: Transaction, tree: MutableTree, script: DeferredScript): RelPath {
  const folder = toRelPath(`${firstBootPath}/${script.package}`);
  const put = (name: string, bytes: Uint8Array, attributes: Attributes) => {
    const path = toRelPath(`${folder}/${name}`);
    ensureParents(tree, path);
    tree.putFile(path, txn.writeFile(attributes, bytes));
  };
  put('run', utf8(runner(script.package, script.member, folder)), executable);
  put('script', script.bytes, executable);
  put('order', utf8(`${String(script.order).padStart(3, '0')}\n`), plain);
  return folder;
}

/** The name of a package has no character that means anything to a shell. */
function runner(packageName: string, member: string, folder: RelPath): string {
  const head = `#!/bin/sh
# The ${member} of package ${packageName}, run once on the live system as opkg would have run it.
unset IPKG_INSTROOT
PKG_ROOT=/ PKG_UPGRADE=0
export PKG_ROOT PKG_UPGRADE
`;
  if (member !== 'postinst-pkg') return `${head}exec "/${folder}/script" configure\n`;
  return `${head}[ ! -s /lib/functions.sh ] || . /lib/functions.sh
pkgname=${packageName} root=
set -- "/usr/lib/opkg/info/${packageName}.postinst" configure
( . "/${folder}/script" )
`;
}
