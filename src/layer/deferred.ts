/**
 * Scripts that need the live system, kept in the tree for the deployment's first boot (docs/formats/layer.md):
 *
 * ```
 * usr/lib/opkg-ostree/first-boot/<package>/
 *   postinst  what the boot runs, as `sh postinst configure`; its status is the script's
 *   script    the package's postinst or postinst-pkg, as it came
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
}

const executable: Attributes = { uid: 0, gid: 0, mode: 0o100755, xattrs: [] };

/** Puts the script into the queue; the folder that it got. */
export function queueDeferred(txn: Transaction, tree: MutableTree, script: DeferredScript): RelPath {
  const folder = toRelPath(`${firstBootPath}/${script.package}`);
  const put = (name: string, bytes: Uint8Array, attributes: Attributes) => {
    const path = toRelPath(`${folder}/${name}`);
    ensureParents(tree, path);
    tree.putFile(path, txn.writeFile(attributes, bytes));
  };
  put('postinst', utf8(runner(script.package, script.member, folder)), executable);
  put('script', script.bytes, executable);
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
