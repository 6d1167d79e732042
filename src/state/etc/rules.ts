/**
 * Which rule a path of `/etc` is merged by when both the admin and the new default changed it: a table, the files of
 * merge.d before it, and what the admin settled ahead before those. docs/formats/etc-merge.md has the table in prose.
 */
import { compareBytes, textOf } from '../../base/index.ts';
import type { EtcTree } from '../etc-merge-tree.ts';
import { pathToken } from './token.ts';

/**
 * `default`: the admin's stays, the new default is put beside it; `uci`, `lines`, `accounts`: merged by section, line,
 * name; `services`: by what is enabled; `once`: scripts that delete themselves; `release`: the new default wins, the
 * admin's is put beside it; `live`: the admin's stays whatever comes; `keep`, `accept`: one side, without a conflict.
 */
export type EtcRule =
  | 'default'
  | 'uci'
  | 'lines'
  | 'accounts'
  | 'services'
  | 'once'
  | 'release'
  | 'live'
  | 'keep'
  | 'accept';

export interface EtcRuleLine {
  readonly pattern: string;
  readonly rule: EtcRule;
  /** The line holds only while the live path is this (`pathToken`). */
  readonly token?: string;
}

const line = (pattern: string, rule: EtcRule): EtcRuleLine => ({ pattern, rule });

/** The first line that matches counts. `*` is anything but `/`, a trailing `/` everything below. */
export const etcRules: readonly EtcRuleLine[] = [
  line('config/ubootenv', 'live'),
  line('config/*', 'uci'),
  line('passwd', 'accounts'),
  line('group', 'accounts'),
  line('shadow', 'accounts'),
  line('gshadow', 'accounts'),
  line('rc.d/*', 'services'),
  line('uci-defaults/*', 'once'),
  // What a release writes about itself. Feeds name the release in their URLs.
  line('opkg/distfeeds.conf', 'release'),
  line('apk/repositories.d/distfeeds.list', 'release'),
  line('openwrt_release', 'release'),
  line('openwrt_version', 'release'),
  line('os-release', 'release'),
  line('device_info', 'release'),
  // Made on this machine, for this machine.
  line('board.json', 'live'),
  line('machine-id', 'live'),
  line('dropbear/dropbear_*_host_key', 'live'),
  line('ssh/ssh_host_*', 'live'),
  line('uhttpd.key', 'live'),
  line('uhttpd.crt', 'live'),
  line('fw_env.config', 'live'),
  line('urandom.seed', 'live'),
];

/** Where rules of the admin and of packages are, relative to /etc; read in byte order of their names. */
export const rulesFolder = 'opkg-ostree/merge.d';
/** What `etc accept|keep|merge` wrote: it counts before every other file. */
export const settledFile = `${rulesFolder}/settled`;

const maxRuleBytes = 64 * 1024;
/** The words of rule files. `merge` is what `etc merge` writes. */
const ruleWords: ReadonlyMap<string, EtcRule> = new Map<string, EtcRule>([
  ['default', 'default'],
  ['uci', 'uci'],
  ['lines', 'lines'],
  ['merge', 'lines'],
  ['once', 'once'],
  ['release', 'release'],
  ['live', 'live'],
  ['keep', 'keep'],
  ['accept', 'accept'],
]);

/** The lines of a rule file (`RULE PATTERN [TOKEN]`, `#` comments); lines that cannot be read are named in `notes`. */
export function parseEtcRules(text: string, name: string, notes: string[] = []): EtcRuleLine[] {
  return text.split('\n').flatMap((raw, index) => {
    const words = raw.trim().split(/\s+/u);
    const [word = '', pattern = '', token] = words;
    if (word === '' || word.startsWith('#')) return [];
    const rule = ruleWords.get(word);
    if (rule === undefined || pattern === '' || words.length > 3) {
      notes.push(`${name}, line ${index + 1}: not a merge rule, passed over`);
      return [];
    }
    const clean = decodePattern(pattern).replace(/^\/?(?:etc\/)?/u, '');
    return [token === undefined ? { pattern: clean, rule } : { pattern: clean, rule, token }];
  });
}

/** One line of a rule file, without its newline. */
export function renderEtcRule(word: 'accept' | 'keep' | 'merge', path: string, token: string): string {
  return `${word} /etc/${encodePattern(path)} ${token}`;
}

/** White space, `*` and `%` as `%` and two hex digits. */
function encodePattern(path: string): string {
  return path.replace(/[\s*%]/gu, (found) => encodeURIComponent(found).replace('*', '%2A'));
}

function decodePattern(pattern: string): string {
  try {
    return pattern.includes('%') ? decodeURIComponent(pattern) : pattern;
  } catch {
    return pattern;
  }
}

interface CompiledLine {
  readonly matches: RegExp;
  readonly line: EtcRuleLine;
}

/** Finds the rule of a path of `live`. */
export class EtcRules {
  readonly #lines: readonly CompiledLine[];
  readonly #live: EtcTree;

  private constructor(lines: readonly EtcRuleLine[], live: EtcTree) {
    this.#lines = lines.map((entry) => ({ matches: globPattern(entry.pattern), line: entry }));
    this.#live = live;
  }

  /** The table with the rule files of the live tree, and of the new defaults where the live tree has no such file. */
  static read(live: EtcTree, target: EtcTree, notes: string[] = []): EtcRules {
    const settled = rulesOf(live, settledFile, notes);
    const names = [...new Set([...ruleFiles(live), ...ruleFiles(target)])].sort(compareBytes);
    const own = names.flatMap((path) => rulesOf(live.nodes.has(path) ? live : target, path, notes));
    return new EtcRules([...settled, ...own, ...etcRules], live);
  }

  /** The rule of a path, relative to /etc. */
  ruleFor(path: string): EtcRule {
    const holds = ({ matches, line: { token } }: CompiledLine) =>
      matches.test(path) && (token === undefined || token === pathToken(this.#live, path));
    const at = this.#lines.findIndex(holds);
    const first = this.#lines[at]?.line;
    // `etc merge FILE` asks for a merge: by more than lines where the table knows how.
    if (first?.rule === 'lines' && first.token !== undefined) {
      const second = this.#lines.slice(at + 1).find(holds)?.line.rule;
      if (second === 'uci' || second === 'accounts') return second;
    }
    return first?.rule ?? 'default';
  }
}

function ruleFiles(tree: EtcTree): string[] {
  return [...tree.nodes.keys()].filter(
    (path) =>
      path.startsWith(`${rulesFolder}/`) &&
      path !== settledFile &&
      !path.slice(rulesFolder.length + 1).includes('/') &&
      !path.includes('.opkg-ostree-'),
  );
}

function rulesOf(tree: EtcTree, path: string, notes: string[]): EtcRuleLine[] {
  const node = tree.nodes.get(path);
  if (node?.kind !== 'file') return [];
  if (node.size > maxRuleBytes) {
    notes.push(`/etc/${path}: larger than ${maxRuleBytes} bytes, passed over`);
    return [];
  }
  return parseEtcRules(textOf(tree.read(path)), `/etc/${path}`, notes);
}

function globPattern(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+?^${}()|[\]\\]/gu, '\\$&')
    .replace(/\*+/gu, '[^/]*')
    .replace(/\/$/u, '/.*');
  return new RegExp(`^${body}$`, 'su');
}
