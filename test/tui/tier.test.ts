import { describe, expect, it } from 'vitest';
import { chooseLook, type TerminalFacts } from '../../src/tui/tier.ts';

const usual = { columns: 80, rows: 24 };
const wishes = { plain: false, ascii: false, colour: true };
const facts = (variables: TerminalFacts['variables'], device = '/dev/pts/0'): TerminalFacts => ({
  terminal: true,
  variables,
  device,
});

describe('the look of a terminal', () => {
  it.each([
    ['xterm-256color', { LANG: 'en_US.UTF-8' }, { tier: 'full', colour: true, unicode: true }],
    ['xterm-kitty', {}, { tier: 'full', colour: true, unicode: 'ask' }],
    ['xterm', { LANG: 'en_US.UTF-8', LC_ALL: 'C' }, { tier: 'full', colour: true, unicode: 'ask' }],
    ['screen', { NO_COLOR: '1', LC_CTYPE: 'C.utf8' }, { tier: 'full', colour: false, unicode: true }],
    ['vt100', { LANG: 'en_US.UTF-8' }, { tier: 'basic', colour: false, unicode: false }],
    ['vt220', {}, { tier: 'basic', colour: false, unicode: false }],
    ['linux', { LANG: 'C.UTF-8' }, { tier: 'basic', colour: false, unicode: false }],
    ['dumb', {}, { tier: 'plain' }],
    ['xterm', { INK_SCREEN_READER: 'true' }, { tier: 'plain' }],
    ['xterm', { OPKG_OSTREE_TUI: 'basic' }, { tier: 'basic', unicode: false }],
    ['vt100', { OPKG_OSTREE_TUI: 'full' }, { tier: 'full' }],
    ['xterm', { OPKG_OSTREE_TUI: 'plain' }, { tier: 'plain' }],
  ] as const)('%s with %j is %j', (term, variables, look) => {
    expect(chooseLook(facts({ TERM: term, ...variables }), wishes, usual)).toMatchObject(look);
  });

  it.each(['/dev/ttyS0', '/dev/ttyAMA0', '/dev/ttyUSB1', '/dev/hvc0', '/dev/console'])(
    '%s is a serial line',
    (device) => {
      expect(chooseLook(facts({ TERM: 'xterm' }, device), wishes, usual).tier).toBe('basic');
    },
  );

  it('no terminal, and one that is too small, are asked line by line', () => {
    expect(chooseLook({ ...facts({ TERM: 'xterm' }), terminal: false }, wishes, usual).tier).toBe('plain');
    expect(chooseLook(facts({ TERM: 'vt100' }), wishes, { columns: 39, rows: 24 }).tier).toBe('plain');
    expect(chooseLook(facts({ TERM: 'xterm' }), wishes, { columns: 80, rows: 11 }).tier).toBe('plain');
    expect(chooseLook(facts({ TERM: 'xterm' }), wishes, { columns: 40, rows: 12 }).tier).toBe('full');
  });

  it('options win', () => {
    expect(
      chooseLook(facts({ TERM: 'xterm', LANG: 'C.UTF-8' }), { ...wishes, ascii: true }, usual).unicode,
    ).toBe(false);
    expect(chooseLook(facts({ TERM: 'xterm' }), { ...wishes, colour: false }, usual).colour).toBe(false);
    expect(chooseLook(facts({ TERM: 'xterm' }), { ...wishes, plain: true }, usual).tier).toBe('plain');
  });
});
