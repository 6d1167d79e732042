import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import {
  addVerdict,
  type BootState,
  parseBootState,
  readBootState,
  renderBootState,
  stateName,
  verdictOf,
  writeBootState,
} from '../../src/boot/boot-state.ts';
import type { DeploymentItem } from '../../src/boot/deployment.ts';
import { withNewDeployment } from '../../src/boot/list.ts';
import { newOrigin } from '../../src/boot/origin.ts';
import {
  beginTrial,
  dropStaleTrial,
  goodOf,
  loaderTrial,
  nextBootState,
  requireGoodKept,
} from '../../src/boot/trial.ts';

const item = (letter: string, booted = false): DeploymentItem => ({
  stateroot: 'openwrt',
  checksum: letter.repeat(64) as Checksum,
  serial: 0,
  bootChecksum: '0'.repeat(64),
  entry: { fields: [] },
  version: '1',
  path: `/x/${letter}`,
  origin: newOrigin(undefined),
  booted,
  pinned: false,
});
const name = (letter: string) => stateName(item(letter));
const work = fs.mkdtempSync(join(tmpdir(), 'opkg-ostree-trial-'));
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

describe('who is on trial after a switch', () => {
  const [a, b, c] = [item('a'), item('b'), item('c')];
  const running = item('a', true);
  const runningB = item('b', true);
  it.each<[string, BootState, DeploymentItem[], DeploymentItem[], BootState | undefined]>([
    ['a first installation has nothing to go back to', {}, [], [a], { pending: name('a'), tries: 3 }],
    [
      'the running one is good',
      {},
      [running],
      [b, running],
      { pending: name('b'), good: name('a'), tries: 3 },
    ],
    [
      'a trial in progress keeps its good one',
      { pending: name('b'), good: name('a'), tries: 1 },
      [runningB, a],
      [c, runningB, a],
      { pending: name('c'), good: name('a'), tries: 3 },
    ],
    [
      'seen from outside, the last one found good',
      { good: name('a') },
      [b, a],
      [c, b, a],
      { pending: name('c'), good: name('a'), tries: 3 },
    ],
    [
      'a good one that goes is not named',
      { good: name('a') },
      [b, a],
      [c, b],
      { pending: name('c'), tries: 3 },
    ],
    [
      'the running one again',
      { pending: name('b'), good: name('a'), tries: 3 },
      [b, running],
      [running, b],
      { good: name('a') },
    ],
    [
      'the good one again',
      { pending: name('b'), good: name('a'), tries: 3 },
      [b, a],
      [a, b],
      { good: name('a') },
    ],
    ['the same first', { good: name('a') }, [a, b], [a], undefined],
    ['nothing is left', { good: name('a') }, [a], [], {}],
  ])('%s', (_, state, current, next, expected) => {
    expect(nextBootState({ state, current, next, foundGood: () => false })).toEqual(expected);
  });

  it('what was found good once is not tried again, unless a confirmation is asked for', () => {
    const input = {
      state: {},
      current: [running, b],
      next: [b, running],
      foundGood: (n: string) => n === name('b'),
    };
    expect(nextBootState(input)).toEqual({ good: name('b') });
    expect(nextBootState({ ...input, confirmSeconds: 300 })).toEqual({
      pending: name('b'),
      good: name('a'),
      tries: 3,
      confirm: 300,
    });
  });

  it('keeps what early boot goes back to when a list is made', () => {
    const state = { pending: name('b'), good: name('a'), tries: 2 };
    const list = withNewDeployment([b, a], c, { merge: b, good: goodOf(state, [b, a]) });
    expect(list.map(stateName)).toEqual([name('c'), name('b'), name('a')]);
  });

  it('refuses to drop it while the trial lasts, and forgets a trial that nothing starts', () => {
    const root = join(work, 'kept');
    writeBootState(root, { pending: name('b'), good: name('a'), tries: 2 });
    expect(() => requireGoodKept(root, [b, a], [b])).toThrow(/on trial/u);
    expect(() => requireGoodKept(root, [b, a], [a])).not.toThrow();
    dropStaleTrial(root, [b, a]);
    expect(readBootState(root).pending).toBe(name('b'));
    dropStaleTrial(root, [a]);
    expect(readBootState(root)).toEqual({ good: name('a') });
  });
});

describe('the boot state on disk', () => {
  it('reads what it writes', () => {
    const root = join(work, 'files');
    const state = {
      pending: name('b'),
      good: name('a'),
      tries: 3,
      confirm: 300,
      bad: name('c'),
      reason: 'x y',
    };
    writeBootState(root, state);
    expect(fs.readFileSync(join(root, 'ostree/opkg-ostree/boot-state'), 'utf8')).toBe(renderBootState(state));
    expect(readBootState(root)).toEqual(state);
    writeBootState(root, {});
    expect(readBootState(root)).toEqual({});
    expect(fs.readdirSync(join(root, 'ostree/opkg-ostree'))).toEqual([]);
  });

  it.each([
    '',
    'format 2\ngood openwrt/deploy/ab.0\n',
    `format 1\npending ${name('a')}\n`,
    `format 1\npending ${name('a')}\ntries 100\n`,
    'format 1\ngood ../../etc\n',
    `format 1\ngood ${name('a')}\nconfirm 0\n`,
    '\u0000'.repeat(99),
  ])('takes a file that early boot cannot use for no file: %j', (text) => {
    expect(parseBootState(text)).toEqual({});
  });

  it('ignores unknown keys', () => {
    expect(parseBootState(`format 1\ncolour red\ngood ${name('a')}\n`)).toEqual({ good: name('a') });
  });

  it('remembers the last verdict and at most 100', () => {
    const root = join(work, 'verdicts');
    for (let i = 0; i < 103; i++)
      addVerdict(root, {
        deployment: name('a'),
        verdict: i % 2 === 0 ? 'good' : 'bad',
        reason: `round\n${i}`,
      });
    addVerdict(root, { deployment: name('b'), verdict: 'bad', reason: 'crashed' });
    expect(verdictOf(root, name('a'))).toEqual({
      deployment: name('a'),
      verdict: 'good',
      reason: 'round 102',
    });
    expect(verdictOf(root, name('c'))).toBeUndefined();
    const lines = fs.readFileSync(join(root, 'ostree/opkg-ostree/verdicts'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(100);
  });
});

describe('what a loader that counts is told', () => {
  const [a, b, c] = [item('a'), item('b'), item('c')];
  it.each<[string, BootState, DeploymentItem[], number | undefined]>([
    ['nothing without a trial', { good: name('a') }, [a, b], undefined],
    [
      'nothing where another one is first',
      { pending: name('b'), good: name('a'), tries: 3 },
      [a, b],
      undefined,
    ],
    ['nothing where there is no other', { pending: name('a'), tries: 3 }, [a], undefined],
    ['the place of the good one', { pending: name('a'), good: name('c'), tries: 3 }, [a, b, c], 2],
    ['the next one where the good one is gone', { pending: name('a'), good: name('c'), tries: 1 }, [a, b], 1],
    ['the next one where none is known to be good', { pending: name('a'), tries: 1 }, [a, b], 1],
  ])('%s', (_, state, list, back) => {
    const sysroot = join(work, `told-${Math.random()}`);
    writeBootState(sysroot, state);
    expect(loaderTrial(sysroot, list)).toEqual(
      back === undefined ? undefined : { deployment: name('a'), tries: 3, back },
    );
  });

  it('begins to count anew with each trial, and only then', () => {
    const sysroot = join(work, 'anew');
    const block = join(sysroot, 'boot/grub/grubenv');
    fs.mkdirSync(join(sysroot, 'boot/grub'), { recursive: true });
    const counted = `# GRUB Environment Block\nopkg_ostree_left=0\n`.padEnd(1024, '#');
    fs.writeFileSync(block, counted);
    const running = item('a', true);
    beginTrial(sysroot, [running], [running], undefined);
    beginTrial(sysroot, [b, running], [running, b], undefined);
    expect(fs.readFileSync(block, 'utf8')).toBe(counted);
    beginTrial(sysroot, [running], [b, running], undefined);
    expect(fs.readFileSync(block, 'utf8')).toBe('# GRUB Environment Block\n'.padEnd(1024, '#'));
  });
});
