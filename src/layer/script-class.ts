/**
 * What a package's installation scripts need, told from their text (layering.md section 10). Pure; no script runs.
 *
 * - native: the stub that OpenWrt's build adds, or a body that does nothing while IPKG_INSTROOT is set. What
 *   `default_postinst` does offline is done on the tree without a shell.
 * - sandboxed: a body that can run on a tree that is not live.
 * - deferred: a body that talks to the running system and never asks whether there is one.
 */

/** How a script is treated. */
export type ScriptClass = 'native' | 'sandboxed' | 'deferred';

/** One script that is not native, and why. */
export interface ClassifiedScript {
  /** The control member: `preinst`, `postinst`, `postinst-pkg`. */
  readonly member: InstallMember;
  readonly scriptClass: Exclude<ScriptClass, 'native'>;
  readonly reason: string;
}

/** The class of a package and the scripts of it that are not native, in the order in which they run. */
export interface ScriptClassification {
  readonly scriptClass: ScriptClass;
  readonly scripts: readonly ClassifiedScript[];
}

/** The members that an installation runs, in order. `prerm` and `postrm` never run: a tree is built anew instead. */
const installMembers = ['preinst', 'postinst', 'postinst-pkg'] as const;

/** One of them. */
export type InstallMember = (typeof installMembers)[number];

/** A script longer than this is not looked into; it runs in the sandbox. */
const maxScanned = 256 * 1024;

const root = String.raw`"?\$\{?IPKG_INSTROOT(?::-)?\}?"?`;

/** The lines of the stub, release by release: 18.06 tests with -x, 21.02 and later with -s; IPKG_NO_SCRIPT since 19.07. */
const stubLines: readonly RegExp[] = [
  /^\[ "?\$\{?IPKG_NO_SCRIPT(?::-)?\}?"? = "?1"? \] && exit 0$/u,
  new RegExp(String.raw`^\[ -[xsfer] ${root}/lib/functions\.sh"? \] \|\| exit 0$`, 'u'),
  new RegExp(String.raw`^\. ${root}/lib/functions\.sh"?$`, 'u'),
  /^default_postinst "?\$0"? "?\$@"?$/u,
  /^(?:exit(?: 0)?|return 0|true|:|set -e)$/u,
];

const guardExit = [
  new RegExp(String.raw`^\[ -n ${root} \] && (?:exit|return)(?: 0)?;?$`, 'u'),
  new RegExp(String.raw`^\[ -z ${root} \] \|\| (?:exit|return)(?: 0)?;?$`, 'u'),
  new RegExp(`^test -n ${root} && (?:exit|return)(?: 0)?;?$`, 'u'),
];

const guardBlock: readonly { readonly open: RegExp; readonly close: string }[] = [
  { open: new RegExp(String.raw`^\[ -n ${root} \] \|\| \{$`, 'u'), close: '}' },
  { open: new RegExp(String.raw`^\[ -z ${root} \] && \{$`, 'u'), close: '}' },
  { open: new RegExp(String.raw`^if \[ -z ${root} \] ?; ?then$`, 'u'), close: 'fi' },
];

/** Programs that act on the running system. `uci` is one: offline it would edit defaults, not the admin's settings. */
const livePrograms = [
  'ubus',
  'uci',
  'service',
  'reload_config',
  'killall',
  'pidof',
  'pgrep',
  'pkill',
  'ifup',
  'ifdown',
  'wifi',
  'kmodloader',
  'insmod',
  'modprobe',
  'rmmod',
  'iptables',
  'ip6tables',
  'nft',
  'fw3',
  'fw4',
  'sysctl',
  'mount',
  'umount',
  'swapon',
  'fw_setenv',
  'mtd',
  'reboot',
  'block',
  'start-stop-daemon',
  'crontab',
] as const;

const commandStart = String.raw`(?:^|[;&|({\x60]|\$\(|\b(?:then|do|else|if|while|until|exec|eval)\s|!\s)\s*`;
const liveCommand = new RegExp(
  String.raw`${commandStart}(?:/(?:usr/)?s?bin/)?(${livePrograms.join('|')})(?=[\s;&|)]|$)`,
  'u',
);
const initAction =
  /\/etc\/init\.d\/[A-Za-z0-9_.${}"-]+"?\s+(?:start|stop|restart|reload|boot|shutdown|running|status)\b/u;
const livePath = /(?:^|[\s"'=<>])\/(?:proc|sys)\//u;

/** The class of a package by its control members' bytes. Members other than those of an installation do not count. */
export function classifyScripts(members: ReadonlyMap<string, Uint8Array>): ScriptClassification {
  const scripts: ClassifiedScript[] = [];
  for (const member of installMembers) {
    const bytes = members.get(member);
    const found = bytes === undefined ? undefined : classifyScript(member, bytes);
    // A postinst of its own calls postinst-pkg, or never does: default_postinst is what sources it.
    const within = member === 'postinst-pkg' && scripts.some((s) => s.member === 'postinst');
    if (found !== undefined && !within) scripts.push(found);
  }
  if (scripts.length === 0) return { scriptClass: 'native', scripts };
  const deferred = scripts.some((s) => s.scriptClass === 'deferred');
  return { scriptClass: deferred ? 'deferred' : 'sandboxed', scripts };
}

function classifyScript(member: InstallMember, bytes: Uint8Array): ClassifiedScript | undefined {
  if (bytes.byteLength > maxScanned)
    return { member, scriptClass: 'sandboxed', reason: 'a very long script' };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const lines = codeLines(text);
  if (isNative(lines)) return undefined;
  if (text.startsWith('#!') && !/^#![ \t]*(?:\/usr)?\/bin\/(?:env[ \t]+)?(?:ba|a|da)?sh\b/u.test(text)) {
    return { member, scriptClass: 'sandboxed', reason: 'not a shell script' };
  }
  const own = lines.filter((line) => !isStubLine(line));
  if (own.some((line) => line.includes('IPKG_INSTROOT')))
    return { member, scriptClass: 'sandboxed', reason: 'has code of its own' };
  const live = own.map(liveWord).find((word) => word !== undefined);
  // A preinst that ran after its package is in place would come too late to mean anything.
  if (live === undefined || member === 'preinst') {
    return { member, scriptClass: 'sandboxed', reason: 'has code of its own' };
  }
  return { member, scriptClass: 'deferred', reason: `runs '${live}' without asking for IPKG_INSTROOT` };
}

/** The lines that hold code: indentation kept, comments on lines of their own and trailing blanks dropped. */
function codeLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.trimStart().startsWith('#'));
}

function isNative(lines: readonly string[]): boolean {
  const rest = [...lines];
  while (rest.length > 0) {
    const line = (rest[0] ?? '').trimStart();
    if (guardExit.some((p) => p.test(line))) return true;
    const block = guardBlock.find((g) => g.open.test(rest[0] ?? ''));
    if (block !== undefined) {
      const end = rest.indexOf(block.close, 1);
      const nested = rest.slice(1, end === -1 ? rest.length : end);
      // An `else` belongs to the offline side; code at the margin means that the block is not what it looks like.
      if (end === -1 || nested.some((l) => !/^\s/u.test(l))) return false;
      rest.splice(0, end + 1);
      continue;
    }
    if (!isStubLine(line)) return false;
    rest.shift();
  }
  return true;
}

function isStubLine(line: string): boolean {
  const code = line.trim().replace(/;$/u, '');
  return stubLines.some((p) => p.test(code));
}

function liveWord(line: string): string | undefined {
  const action = initAction.exec(line);
  if (action !== null) return action[0].trim().replaceAll('"', '');
  const command = liveCommand.exec(line);
  if (command?.[1] !== undefined) return command[1];
  return livePath.exec(line)?.[0].trim();
}
