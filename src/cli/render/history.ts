import type { HistoryRecord } from '../../engine/index.ts';

/** The lines of `history`, newest first; script output when verbose. */
export function renderHistory(records: readonly HistoryRecord[], verbose: boolean): string[] {
  if (records.length === 0) return ['Nothing has been done yet.'];
  return [...records]
    .reverse()
    .flatMap((record) => [
      `${record.id.padStart(4)}  ${record.time}  ${record.outcome.padEnd(6)}  ${record.by}: ${record.command}`,
      ...(record.error === null ? [] : [`      ${record.error.code}: ${record.error.message}`]),
      ...(verbose && record.to !== null ? [`      -> ${record.to}`] : []),
      ...(verbose
        ? record.scripts.flatMap((script) => [
            `      script of ${script.package} (${script.class}): status ${script.status ?? 'none'}`,
            ...indented(script.output),
          ])
        : []),
    ]);
}

function indented(output: string): string[] {
  return output === ''
    ? []
    : output
        .trimEnd()
        .split('\n')
        .map((line) => `        ${line}`);
}
