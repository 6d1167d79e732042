import { RefusedError } from '../base/index.ts';
import type { Blocker, Refusal } from './request.ts';

/** The refusal as the error that the faces print: the first blocker's text and remedy, all of them in `details`. */
export function toRefusedError({ blockers }: Refusal): RefusedError {
  const [first] = blockers;
  const rest = blockers.length - 1;
  const more = rest > 0 ? ` (and ${rest} more)` : '';
  return new RefusedError(commonCode(blockers), `${first?.text ?? 'the request cannot be met'}${more}`, {
    ...(first === undefined ? {} : { hint: first.remedy }),
    details: { blockers: blockers.map(({ code: _code, ...blocker }) => blocker) },
  });
}

/** The code that all blockers share, else UNSATISFIABLE. */
function commonCode(blockers: readonly Blocker[]): Blocker['code'] {
  const codes = new Set(blockers.map(({ code }) => code));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : 'UNSATISFIABLE';
}
