/** The interface for people at a terminal: a bundle of its own, which `opkg-ostree tui` loads. */
import type { Environment, Where } from '../engine/index.ts';
import {
  askCursor,
  environment,
  hasSegmenter,
  hasWebAssembly,
  inputDevice,
  isInteractive,
  reportedSize,
  type TerminalSize,
  writeOutput,
} from '../sys/index.ts';
import { runPlain } from './plain/menu.ts';
import { chooseLook, type Look, lookVariables, type TierWishes } from './tier.ts';

/** How the interface is asked for. */
export interface TuiRequest extends TierWishes {
  readonly env: Environment;
  readonly where: Where;
}

/** Milliseconds that a terminal has to answer a question. */
const answerLimit = 300;
const usualSize: TerminalSize = { columns: 80, rows: 24 };
/** Save the cursor, go as far as one can, ask where that is, restore the cursor. */
const sizeQuestion = '\u001b7\u001b[999;999H\u001b[6n\u001b8';
/** One letter that takes a single column in UTF-8 and two or three in everything else. */
const letterQuestion = '\r\u2500\u001b[6n';

/** Runs the interface until it is left; the exit status. Throws what ended it otherwise, the terminal as it was before. */
export async function runTui(request: TuiRequest): Promise<number> {
  const variables = Object.fromEntries(lookVariables.map((name) => [name, environment(name)]));
  const terminal = isInteractive();
  const facts = { terminal, variables, device: inputDevice() };
  const wantsPlain = request.plain || variables['OPKG_OSTREE_TUI'] === 'plain';
  const context = { env: request.env, where: request.where };
  const size = terminal && !wantsPlain ? await measure() : usualSize;
  const look = chooseLook(facts, request, size);
  if (look.tier === 'plain' || !hasWebAssembly() || !hasSegmenter()) {
    return runPlain({ context, unicode: look.unicode === true });
  }
  const settled = await settleLook(look);
  // Loaded only here: without WebAssembly not even loading it works.
  const { runScreens } = await import('./screens.ts');
  return runScreens({ context, look: settled, size, measure });
}

/** The size that the kernel knows, else what the terminal says, else 80x24. */
async function measure(): Promise<TerminalSize> {
  const known = reportedSize();
  if (known !== undefined) return known;
  const corner = environment('TERM') === 'dumb' ? undefined : await askCursor(sizeQuestion, answerLimit);
  // A corner that is no corner: the terminal did not move.
  if (corner === undefined || corner.row < 2 || corner.column < 2) return usualSize;
  return { columns: corner.column, rows: corner.row };
}

/** A terminal that does not prove that it shows UTF-8 gets the basic look. */
async function settleLook(look: Look): Promise<Look & { readonly unicode: boolean }> {
  if (look.unicode !== 'ask') return { ...look, unicode: look.unicode };
  const place = await askCursor(letterQuestion, answerLimit);
  const proven = place?.column === 2;
  writeOutput('\r\u001b[K');
  return proven ? { ...look, unicode: true } : { tier: 'basic', colour: false, unicode: false };
}
