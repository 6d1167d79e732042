/** What an examination of a router says of one thing. */
export interface Finding {
  /** The thing: `space`, `loader` ... A stable name. */
  readonly check: string;
  /** `problem`: the next change, boot or way back may fail. `warning`: something is not as it should be. */
  readonly state: 'ok' | 'warning' | 'problem';
  readonly text: string;
  /** What to do about it; null where nothing is to be done. */
  readonly remedy: string | null;
}

/** Everything is as it should be. */
export function fine(check: string, text: string): Finding {
  return { check, state: 'ok', text, remedy: null };
}

export function warning(check: string, text: string, remedy: string): Finding {
  return { check, state: 'warning', text, remedy };
}

export function problem(check: string, text: string, remedy: string): Finding {
  return { check, state: 'problem', text, remedy };
}
