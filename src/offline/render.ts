/** Packages as opkg prints them: for `info` and `status`, and for its database. */
import { statusFieldOrder } from '../ipk/index.ts';
import { flagText, type Package, type RelationKind } from './model.ts';
import { formatPossibility, formatRequirement } from './relations.ts';

type Spelling = 'shown' | 'stored';
type Field = (pkg: Package, spelling: Spelling) => string | undefined;

/** The paragraph that `info` and `status` print, with the empty line after it. */
export function renderInfo(pkg: Package): string {
  return render(pkg, infoFields, 'shown');
}

/** The paragraph of the database, with the empty line after it. */
export function renderDatabase(pkg: Package): string {
  return render(pkg, statusFieldOrder, 'stored');
}

function render(pkg: Package, names: readonly string[], spelling: Spelling): string {
  const lines = names.map((name) => {
    const value = fields[name]?.(pkg, spelling);
    if (value === undefined) return '';
    return value === '' || value.startsWith('\n') ? `${name}:${value}\n` : `${name}: ${value}\n`;
  });
  return `${lines.join('')}\n`;
}

const infoFields = [
  'Package',
  'Version',
  'Depends',
  'Recommends',
  'Suggests',
  'Provides',
  'Replaces',
  'Conflicts',
  'Status',
  'Section',
  'Essential',
  'Architecture',
  'Maintainer',
  'MD5Sum',
  'Size',
  'Filename',
  'Conffiles',
  'Source',
  'Description',
  'Installed-Time',
  'Tags',
];

const text =
  (name: string): Field =>
  (pkg) =>
    pkg.texts.get(name);

const requirements =
  (...kinds: readonly RelationKind[]): Field =>
  (pkg, spelling) =>
    list(
      (pkg.requirements ?? [])
        .filter(({ kind }) => kinds.includes(kind))
        .map((requirement) => formatRequirement(requirement, spelling)),
    );

const fields: Readonly<Partial<Record<string, Field>>> = {
  Package: (pkg) => pkg.name,
  Version: (pkg) => pkg.version,
  ABIVersion: text('ABIVersion'),
  Depends: requirements('depend'),
  Recommends: requirements('recommend'),
  Suggests: requirements('suggest'),
  Provides: (pkg) => list((pkg.provides ?? []).slice(1).map(({ name }) => name)),
  Replaces: (pkg) => list((pkg.replaces ?? []).map(({ name }) => name)),
  Conflicts: (pkg, spelling) =>
    list(
      (pkg.conflicts ?? []).flatMap(({ possibilities: [first] }) =>
        first === undefined ? [] : [formatPossibility(first, spelling)],
      ),
    ),
  Status: (pkg) => `${pkg.want} ${flagText(pkg.flags)} ${pkg.state}`,
  Section: text('Section'),
  Essential: (pkg) => (pkg.essential ? 'yes' : undefined),
  Architecture: (pkg) => pkg.architecture,
  Maintainer: text('Maintainer'),
  MD5Sum: text('MD5Sum'),
  Size: (pkg) => count(pkg.size),
  Filename: text('Filename'),
  Conffiles: (pkg) => {
    const known = (pkg.conffiles ?? []).filter(({ digest }) => digest !== undefined);
    return (pkg.conffiles?.length ?? 0) === 0
      ? undefined
      : known.map(({ path, digest }) => `\n ${path} ${digest}`).join('');
  },
  Source: text('Source'),
  Description: text('Description'),
  'Installed-Time': (pkg) => count(pkg.installedTime),
  'Auto-Installed': (pkg) => (pkg.autoInstalled ? 'yes' : undefined),
  Alternatives: (pkg) =>
    list((pkg.alternatives ?? []).map(({ priority, path, target }) => `${priority}:${path}:${target}`)),
  Tags: text('Tags'),
};

function list(items: readonly string[]): string | undefined {
  return items.length === 0 ? undefined : items.join(', ');
}

function count(value: number): string | undefined {
  return value === 0 ? undefined : `${value}`;
}
