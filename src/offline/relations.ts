/** The lists of control fields as opkg reads and prints them (opkg.md sections 2 and 6). */
import { compareVersions } from '../ipk/index.ts';
import type { AbstractPackage, Operator, Package, Possibility, RelationKind, Requirement } from './model.ts';

/** Gives the abstract package of a name, making it where it is new. */
export type Names = (name: string) => AbstractPackage;

const operators: readonly (readonly [string, Operator])[] = [
  ['<<', '<'],
  ['<=', '<='],
  ['>=', '>='],
  ['>>', '>'],
  ['=', '='],
  ['<', '<='],
  ['>', '>='],
];

/** The items of a comma list; what has no name is left out. */
export function parseRequirements(kind: RelationKind, list: string, names: Names): Requirement[] {
  return list.split(',').flatMap((item) => {
    let greedy = false;
    const possibilities = item.split('|').flatMap((text) => {
      const parsed = parsePossibility(text, names);
      if (parsed === undefined) return [];
      greedy ||= parsed.greedy;
      return [parsed.possibility];
    });
    return possibilities.length === 0 ? [] : [{ kind: greedy ? 'greedy' : kind, possibilities }];
  });
}

function parsePossibility(
  text: string,
  names: Names,
): { possibility: Possibility; greedy: boolean } | undefined {
  const word = text.replace(/^ +/u, '');
  const space = word.indexOf(' ');
  const name = (space < 0 ? word : word.slice(0, space)).trim();
  if (name === '') return undefined;
  const target = names(name);
  const rest = space < 0 ? '' : word.slice(space + 1);
  if (!rest.startsWith('(')) {
    return {
      possibility: { target, operator: '', version: undefined },
      greedy: rest.trimStart().startsWith('*'),
    };
  }
  const end = rest.indexOf(')');
  const inside = rest.slice(1, end < 0 ? undefined : end);
  const [spelled, operator] = operators.find(([start]) => inside.startsWith(start)) ?? (['', ''] as const);
  const version = inside.slice(spelled.length).trim();
  const after = end < 0 ? '' : rest.slice(end + 1);
  return { possibility: { target, operator, version }, greedy: after.trimStart().startsWith('*') };
}

/** True when the package's version meets the constraint. Equality always does, even `<<` and `>>`: opkg's own reading. */
export function meets(pkg: Package, { operator, version }: Possibility): boolean {
  if (operator === '') return true;
  const order = compareVersions(pkg.version ?? '', version ?? '');
  if (order === 0) return true;
  return operator.startsWith('<') ? order < 0 : operator.startsWith('>') && order > 0;
}

/** `a (>= 1) | b`. In the database a strict operator keeps its own spelling, which opkg would lose. */
export function formatRequirement({ possibilities }: Requirement, spelling: 'shown' | 'stored'): string {
  return possibilities.map((possibility) => formatPossibility(possibility, spelling)).join(' | ');
}

/** `a` or `a (>= 1)`. */
export function formatPossibility(possibility: Possibility, spelling: 'shown' | 'stored'): string {
  const { target, version } = possibility;
  return version === undefined ? target.name : `${target.name} (${formatConstraint(possibility, spelling)})`;
}

/** `>= 1`. */
export function formatConstraint({ operator, version }: Possibility, spelling: 'shown' | 'stored'): string {
  const strict = spelling === 'stored' && (operator === '<' || operator === '>');
  const sign = strict ? `${operator}${operator}` : operator;
  return sign === '' ? (version ?? '') : `${sign} ${version}`;
}

/** The package's version as opkg normalizes it: no epoch 0, no empty revision. */
export function normalizeVersion(text: string): string | undefined {
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? 0 : Number.parseInt(text, 10) || 0;
  const rest = (colon < 0 ? text : text.slice(colon + 1)).trim();
  const dash = rest.lastIndexOf('-');
  const upstream = (dash < 0 ? rest : rest.slice(0, dash)).trim();
  const revision = dash < 0 ? '' : rest.slice(dash + 1).trim();
  if (upstream === '' && revision === '') return undefined;
  return `${epoch === 0 ? '' : `${epoch}:`}${upstream}${revision === '' ? '' : `-${revision}`}`;
}

/** The entries of an Alternatives field; those that lack a part or have a relative path are dropped. */
export function parseAlternativesField(list: string): { priority: number; path: string; target: string }[] {
  return list.split(',').flatMap((item) => {
    const [priority, path, target, ...more] = item.split(':').filter((part) => part !== '');
    if (priority === undefined || path === undefined || target === undefined || more.length > 0) return [];
    if (!path.startsWith('/')) return [];
    return [{ priority: Number.parseInt(priority, 10) || 0, path, target }];
  });
}
