/** What the dialogs of the plain tier share. */
import { type Change, commandLine } from '../model/change.ts';
import type { IndexedPackage, Mark } from '../model/state.ts';
import type { Context } from '../operations.ts';
import type { Talk } from './talk.ts';

/** What is kept of packages while one talks. */
export interface SoftwareSession {
  packages: readonly IndexedPackage[] | undefined;
  marks: ReadonlyMap<string, Mark>;
}

/** What a conversation is carried by: the one who talks, the router, and the marks made so far. */
export interface Conversation {
  readonly talk: Talk;
  readonly context: Context;
  readonly software: SoftwareSession;
}

/** The line that says which command does the same. */
export function sameAs(change: Change): string {
  return `The same as: ${commandLine(change)}`;
}
