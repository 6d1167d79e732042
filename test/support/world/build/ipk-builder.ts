import { createHash } from 'node:crypto';
import { completeTree, dir, file, type TreeEntry } from './entries.ts';
import { gzip, renderTar } from './gnu-tar.ts';

/** What an OpenWrt build knows of a package before it packs it. */
export interface IpkSpec {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** Every other control field, in the order in which it is to stand before `Description`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly description: string;
  readonly data: readonly TreeEntry[];
  /** Absolute paths. */
  readonly conffiles: readonly string[];
  /** Bodies of `postinst-pkg`, `prerm-pkg`, `preinst`, `postrm`; `postinst` or `prerm` replace the stub. */
  readonly scripts: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH, seconds. */
  readonly mtime: number;
}

/** A built package: the bytes and what an index says of them. */
export interface BuiltIpk {
  readonly spec: IpkSpec;
  readonly fileName: string;
  readonly control: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

const DEFAULT_POSTINST = `#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_postinst $0 $@
`;

const DEFAULT_PRERM = `#!/bin/sh
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_prerm $0 $@
`;

/** The package as OpenWrt's `ipkg-build` makes it; the same spec gives the same bytes. */
export function buildIpk(spec: IpkSpec): BuiltIpk {
  const data = renderTar(completeTree(spec.data), spec.mtime);
  const control = renderControl(spec, data.length);
  const members = completeTree([dir(''), file('control', control), ...controlMembers(spec)]);
  const outer = renderTar(
    [
      file('debian-binary', '2.0\n'),
      file('data.tar.gz', gzip(data)),
      file('control.tar.gz', gzip(renderTar(members, spec.mtime))),
    ],
    spec.mtime,
  );
  const bytes = gzip(outer);
  return {
    spec,
    fileName: `${spec.name}_${spec.version.replace(/^[0-9]+:/, '')}_${spec.arch}.ipk`,
    control,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** The members of the control archive besides `control`: scripts and conffiles. */
export function controlMembers(spec: IpkSpec): TreeEntry[] {
  const scripts = { postinst: DEFAULT_POSTINST, prerm: DEFAULT_PRERM, ...spec.scripts };
  const members = Object.entries(scripts).map(([name, body]) => file(name, body, 0o755));
  if (spec.conffiles.length > 0) members.push(file('conffiles', `${spec.conffiles.join('\n')}\n`));
  return members;
}

function renderControl(spec: IpkSpec, installedSize: number): string {
  const lines = [`Package: ${spec.name}`, `Version: ${spec.version}`];
  for (const [name, value] of Object.entries(spec.fields)) lines.push(`${name}: ${value}`);
  lines.push(`Architecture: ${spec.arch}`, `Installed-Size: ${installedSize}`);
  lines.push(`Description:  ${spec.description.split('\n').join('\n ')}`);
  return `${lines.join('\n')}\n`;
}
