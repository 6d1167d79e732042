import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../src/base/index.ts';
import type { DeploymentItem } from '../../src/boot/deployment.ts';
import { rollbackIndex, withDefault, withNewDeployment, withoutDeployment } from '../../src/boot/list.ts';
import { newOrigin } from '../../src/boot/origin.ts';
import { planSwitch } from '../../src/boot/switch-plan.ts';

const item = (letter: string, options: Partial<DeploymentItem> = {}): DeploymentItem => ({
  stateroot: 'openwrt',
  checksum: letter.repeat(64) as Checksum,
  serial: 0,
  bootChecksum: '0'.repeat(64),
  entry: { fields: [['options', 'quiet']] },
  version: '1',
  path: `/x/${letter}`,
  origin: newOrigin(undefined),
  booted: false,
  pinned: false,
  ...options,
});
const names = (list: readonly DeploymentItem[]) => list.map((i) => i.checksum[0]).join('');

describe('the list of deployments', () => {
  it.each<[string, DeploymentItem[], string | undefined, object, string]>([
    ['first deployment', [], undefined, {}, 'd'],
    ['the steady state is two', [item('a'), item('b')], 'a', {}, 'da'],
    ['the running one stays, pending goes', [item('a'), item('b', { booted: true })], 'b', {}, 'db'],
    ['pinned ones stay', [item('a'), item('b', { pinned: true })], 'a', {}, 'dab'],
    ['other stateroots stay', [item('a'), item('b', { stateroot: 'lab' })], 'a', {}, 'dab'],
    ['three are asked for', [item('a'), item('b'), item('c')], 'a', { keep: 3 }, 'dab'],
    [
      'three are asked for, pinned ones apart',
      [item('a'), item('b', { pinned: true }), item('c'), item('e')],
      'a',
      { keep: 3 },
      'dabc',
    ],
    ['retain keeps all', [item('a'), item('b'), item('c')], 'a', { retain: true }, 'dabc'],
    [
      'not as default',
      [item('a'), item('b', { booted: true })],
      'b',
      { notDefault: true, retain: true },
      'abd',
    ],
  ])('%s', (_, old, merge, options, expected) => {
    const from = old.find((i) => i.checksum[0] === merge);
    expect(names(withNewDeployment(old, item('d'), { merge: from, ...options }))).toBe(expected);
  });

  it('the same commit can be deployed twice', () => {
    const first = item('a');
    expect(
      withNewDeployment([first], item('a', { serial: 1 }), { merge: first }).map((i) => i.serial),
    ).toEqual([1, 0]);
  });

  it('set-default puts one first', () => {
    expect(names(withDefault([item('a'), item('b'), item('c')], 2))).toBe('cab');
    expect(() => withDefault([item('a')], 1)).toThrow(
      expect.objectContaining({ code: 'DEPLOYMENT_NOT_FOUND' }),
    );
  });

  it('rollback goes to the running one when another is pending, else to the one before', () => {
    expect(rollbackIndex([item('a'), item('b', { booted: true })])).toBe(1);
    expect(rollbackIndex([item('a', { booted: true }), item('b')])).toBe(1);
    expect(rollbackIndex([item('a'), item('b', { stateroot: 'lab' }), item('c')])).toBe(2);
    expect(() => rollbackIndex([item('a')])).toThrow(expect.objectContaining({ kind: 'refused' }));
    expect(() => rollbackIndex([])).toThrow(expect.objectContaining({ kind: 'refused' }));
  });

  it('undeploy refuses the running one', () => {
    expect(names(withoutDeployment([item('a'), item('b')], 0))).toBe('b');
    expect(() => withoutDeployment([item('a', { booted: true })], 0)).toThrow(
      expect.objectContaining({ code: 'DEPLOYMENT_BOOTED' }),
    );
  });
});

describe('what a switch writes', () => {
  const versions = { boot: 1, sub: 1 } as const;
  const kind = (from: DeploymentItem[], to: DeploymentItem[]) => planSwitch(versions, from, to).kind;

  it.each<[string, DeploymentItem[], DeploymentItem[], string]>([
    ['the same list', [item('a')], [item('a')], 'none'],
    ['another commit that boots alike', [item('a')], [item('b')], 'links'],
    ['more deployments', [item('a')], [item('b'), item('a')], 'full'],
    ['another kernel', [item('a')], [item('b', { bootChecksum: '1'.repeat(64) })], 'full'],
    ['another version', [item('a')], [item('b', { version: '2' })], 'full'],
    ['other arguments', [item('a')], [item('b', { entry: { fields: [['options', 'x']] } })], 'full'],
    [
      'another boot link',
      [item('a')],
      [item('b', { entry: { fields: [['options', 'quiet ostree=/o']] } })],
      'links',
    ],
  ])('%s', (_, from, to, expected) => {
    expect(kind(from, to)).toBe(expected);
  });

  it('rewrites entries that do not start early boot from the sysroot, once', () => {
    const entryOf = (...options: string[]) => ({
      entry: { fields: [['options', options.join(' ')]] as const },
    });
    const versions = { boot: 0, sub: 0 } as const;
    const plain = item('a', entryOf('quiet'));
    const ready = item('a', entryOf('quiet', 'init=/ostree/opkg-ostree/prepare-root'));
    const kindOf = (from: DeploymentItem, to: DeploymentItem) =>
      planSwitch(versions, [from], [to], { sysrootInit: true }).kind;
    expect(kindOf(plain, { ...plain, serial: 1 })).toBe('full');
    expect(kindOf(ready, { ...ready, serial: 1 })).toBe('links');
    expect(kindOf(ready, { ...plain, serial: 1 })).toBe('links');
  });

  it('counts boot serials per kernel, across stateroots', () => {
    const list = [item('a'), item('b', { bootChecksum: '1'.repeat(64) }), item('c', { stateroot: 'lab' })];
    const plan = planSwitch({ boot: 0, sub: 0 }, [], list);
    expect(plan.deployments.map((d) => d.bootSerial)).toEqual([0, 0, 1]);
    expect(plan).toMatchObject({ boot: 1, severalStateroots: true });
  });
});
