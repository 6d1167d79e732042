/** What can be asked of the engine as a job, and the command line that asks for the same. Pure. */

export type Change =
  | { readonly kind: 'wish'; readonly install: readonly string[]; readonly remove: readonly string[] }
  | { readonly kind: 'hide'; readonly names: readonly string[] }
  | { readonly kind: 'show'; readonly names: readonly string[] }
  | { readonly kind: 'upgrade'; readonly packagesOnly: boolean }
  | { readonly kind: 'undo'; readonly id: string }
  | { readonly kind: 'update' }
  | { readonly kind: 'finalize' }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'set-default'; readonly index: number }
  | { readonly kind: 'undeploy'; readonly index: number }
  | { readonly kind: 'cleanup' };

/** True for a change that the engine can plan before it is made. */
export function isPlanned(change: Change): boolean {
  return ['wish', 'hide', 'show', 'upgrade', 'undo'].includes(change.kind);
}

/** The words behind `opkg-ostree` that do the same. */
export function changeWords(change: Change): string[] {
  switch (change.kind) {
    case 'wish':
      return wishWords(change.install, change.remove);
    case 'hide':
      return ['override', 'remove', ...change.names];
    case 'show':
      return ['override', 'reset', ...change.names];
    case 'upgrade':
      return ['upgrade', ...(change.packagesOnly ? ['--packages-only'] : [])];
    case 'undo':
      return ['undo', change.id];
    case 'set-default':
    case 'undeploy':
      return [change.kind, String(change.index)];
    default:
      return [change.kind];
  }
}

function wishWords(install: readonly string[], remove: readonly string[]): string[] {
  if (install.length === 0) return ['remove', ...remove];
  return ['install', ...install, ...remove.flatMap((name) => ['--uninstall', name])];
}

/** The command line that does the same. */
export function commandLine(change: Change): string {
  return ['opkg-ostree', ...changeWords(change)].join(' ');
}

/** What the job of a change is called. */
export function jobKind(change: Change): string {
  const [first = '', second = ''] = changeWords(change);
  return first === 'override' ? `${first}-${second}` : first;
}
