import type { ConversionDocument, FinishDocument } from '../../engine/index.ts';
import { formatBytes } from '../progress.ts';

/** The plan of a conversion as a person reads it. */
export function renderConversion(plan: ConversionDocument): string[] {
  const { packages, etc, kernel, space } = plan;
  const requested = packages.added.filter((entry) => entry.requested).map(({ name }) => name);
  const plain = packages.added.filter((entry) => !entry.requested).map(({ name }) => name);
  const unknown = etc.changed.filter((entry) => entry.default === 'unknown').map(({ path }) => path);
  return [
    `Target: ${plan.target}, root ${plan.root.name}${plan.root.filesystem === null ? '' : ` (${plan.root.filesystem})`}`,
    `Kernel: ${kernel.file}, ${formatBytes(kernel.bytes)}${kernel.release === null ? '' : `, ${kernel.release}`}`,
    `Arguments: ${plan.kargs.join(' ')}`,
    `Packages: ${packages.installed}${packages.added.length === 0 ? '' : `, ${packages.added.length} of them added to the image`}`,
    ...(requested.length === 0 ? [] : [`  become requests: ${requested.join(' ')}`]),
    ...(plain.length === 0 ? [] : [`  stay parts of the base: ${plain.join(' ')}`]),
    `/etc: ${etc.files} files kept, ${etc.local} of them no package's, ${etc.changed.length} changed`,
    ...(unknown.length === 0
      ? []
      : [`  not in the base, since the packaged version is not here: ${unknown.join(' ')}`]),
    ...plan.state.map(
      ({ from, to, files, bytes }) => `${from} -> ${to}: ${files} files, ${formatBytes(bytes)}`,
    ),
    `Space: ${formatBytes(plan['needed-bytes'])} needed (${formatBytes(space.objects)} commit, ${formatBytes(space.checkout)} folders, ${formatBytes(space.etc)} /etc, ${formatBytes(space.state)} /var, ${formatBytes(space.reserve)} kept free), ${formatBytes(plan['free-bytes'])} free`,
    ...(plan['missing-bytes'] === 0
      ? []
      : [`This does not fit: ${formatBytes(plan['missing-bytes'])} are missing.`]),
    ...plan.notes.map((note) => `note: ${note}`),
    'Steps:',
    ...plan.steps.map((step, index) => `  ${index + 1}. ${step}`),
  ];
}

/** What the end of a conversion deletes. */
export function renderFinish(document: FinishDocument): string[] {
  const { finished, removes, keeps } = document;
  const freed = formatBytes(document['freed-bytes']);
  return [
    ...removes.map(({ path, bytes }) => `  - ${path} (${formatBytes(bytes)})`),
    `Kept for early boot: ${keeps.join(' ')}`,
    ...document.notes.map((note) => `note: ${note}`),
    finished ? `The old system is gone: ${freed} freed.` : `--finish would free ${freed}.`,
  ];
}
