/** Service enablement as OpenWrt's rc.common does it: links in /etc/rc.d named after START and STOP of the script. */

/** The numbers of an init script, as the digits that it holds (`00` and `0` are different names); absent where unset. */
export interface InitScript {
  readonly start?: string;
  readonly stop?: string;
}

/** A symlink below /etc/rc.d: `path` is relative to the tree's `etc`. */
export interface ServiceLink {
  readonly path: string;
  readonly target: string;
}

const literal = /^(START|STOP)=(?:(\d{0,4})|"(\d{0,4})"|'(\d{0,4})')[ \t]*(?:;?[ \t]*(?:#.*)?)?$/u;
const anyUse = /(?:^|[\s;&|(){}"'`])(?:START|STOP)(?:\+|:)?=/u;

/**
 * The START and STOP of an init script, or 'computed' where one of them is anything but a literal number that is
 * assigned at the start of a line: only a shell could tell then.
 */
export function parseInitScript(text: string): InitScript | 'computed' {
  const found: { start?: string; stop?: string } = {};
  for (const line of text.split('\n')) {
    if (line.trimStart().startsWith('#') || !anyUse.test(line)) continue;
    const match = literal.exec(line);
    if (match === null) return 'computed';
    const digits = match[2] ?? match[3] ?? match[4] ?? '';
    const key = match[1] === 'START' ? 'start' : 'stop';
    delete found[key];
    if (digits !== '') found[key] = digits;
  }
  return found;
}

/**
 * The links that `rc.common <script> enable` makes for the script /etc/init.d/`name`. rc.common cuts a leading `S??`
 * or `K??` off the name, and so do we.
 */
export function enableLinks(name: string, script: InitScript): ServiceLink[] {
  const target = `../init.d/${name}`;
  const links: ServiceLink[] = [];
  if (script.start !== undefined) {
    links.push({ path: `rc.d/S${script.start}${name.replace(/^S[0-9][0-9]/u, '')}`, target });
  }
  if (script.stop !== undefined) {
    links.push({ path: `rc.d/K${script.stop}${name.replace(/^K[0-9][0-9]/u, '')}`, target });
  }
  return links;
}

/** Which of the names in rc.d are links of the service: those that `rc.common <script> disable` removes. */
export function serviceLinkNames(rcNames: readonly string[], service: string): string[] {
  return rcNames.filter((n) => n.length === service.length + 3 && /^[SK]/u.test(n) && n.endsWith(service));
}
