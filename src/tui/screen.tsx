/** Draws the state with Ink: one text element for each row that is seen, and nothing more. */
import { Box, render, Text } from 'ink';
import { memo, type ReactElement, useSyncExternalStore } from 'react';
import type { Painter } from './paint.ts';
import type { Program } from './program.ts';
import { renderLine } from './style.ts';
import { frameLines } from './view/frame.ts';

export interface DrawOptions {
  readonly colour: boolean;
  /** Gets each frame whole. */
  readonly painter: Painter;
  /** Drawing failed: a bug. */
  readonly onFailure: (error: unknown) => void;
}

interface ScreenProps {
  readonly program: Program;
  readonly colour: boolean;
}

/** A row; it is drawn again only when its text changes. Empty text would take no row at all. */
const Row = memo(
  ({ text }: { readonly text: string }): ReactElement => (
    <Text wrap="truncate-end">{text === '' ? ' ' : text}</Text>
  ),
);

/** The whole screen. */
export function Screen({ program, colour }: ScreenProps): ReactElement {
  const state = useSyncExternalStore(program.subscribe, program.state);
  const rows = frameLines(state).map((spans, row) => ({
    id: `row-${row}`,
    text: renderLine(spans, { colour }),
  }));
  return (
    <Box flexDirection="column" width={state.size.columns}>
      {rows.map(({ id, text }) => (
        <Row key={id} text={text} />
      ))}
    </Box>
  );
}

/** Begins to draw; returns what ends it. */
export function draw(program: Program, { colour, painter, onFailure }: DrawOptions): () => void {
  const drawn = render(<Screen program={program} colour={colour} />, {
    // Ink takes any stream that has columns and rows.
    stdout: painter as unknown as NodeJS.WriteStream,
    // Whole frames: what changed, and in which words a terminal is told, is the painter's.
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
    isScreenReaderEnabled: false,
  });
  drawn.waitUntilExit().catch(onFailure);
  return () => drawn.unmount();
}
