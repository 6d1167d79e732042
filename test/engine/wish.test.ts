import { describe, expect, it } from 'vitest';
import type { Checksum, PackageName } from '../../src/base/index.ts';
import { isLayered, newOrigin } from '../../src/boot/index.ts';
import {
  addRequests,
  dropRequests,
  type LocalRequest,
  needsFeeds,
  parseRequest,
  renderRequest,
} from '../../src/engine/wish.ts';

const empty = newOrigin('openwrt');
const file = (name: string, digit: string): LocalRequest => ({
  name: name as PackageName,
  version: '1',
  architecture: 'all',
  sha256: digit.repeat(64) as Checksum,
});
const add = (
  origin: typeof empty,
  names: readonly string[],
  local: readonly LocalRequest[] = [],
  idempotent = false,
) => addRequests(origin, { requests: names.map(parseRequest), local, idempotent });
const explain = (name: string) => `about ${name}`;

describe('a request', () => {
  it.each([
    ['tmux', { name: 'tmux' }],
    ['tmux=3.3a-r3', { name: 'tmux', version: '3.3a-r3' }],
    ['libstdc++6=1:2.0~rc1', { name: 'libstdc++6', version: '1:2.0~rc1' }],
    ['tmux=', { name: 'tmux' }],
  ])('%s is read and written back', (text, request) => {
    expect(parseRequest(text)).toEqual(request);
    expect(parseRequest(renderRequest(parseRequest(text)))).toEqual(request);
  });

  it.each(['', '=1', 'a b', '../x', 'x;y', 'é'])('%j is none', (text) => {
    expect(() => parseRequest(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('adding to a wish', () => {
  it('gives the same wish whatever the order', () => {
    expect(add(add(empty, ['b']), ['a']).requested).toEqual(['a', 'b']);
    expect(add(add(empty, ['a']), ['b']).requested).toEqual(add(empty, ['b', 'a']).requested);
  });

  it('refuses what is requested already, unless that is welcome', () => {
    const one = add(empty, ['a']);
    expect(() => add(one, ['a', 'b'])).toThrow(
      expect.objectContaining({ code: 'PACKAGE_ALREADY_REQUESTED', details: { packages: ['a'] } }),
    );
    expect(add(one, ['a', 'b'], [], true).requested).toEqual(['a', 'b']);
  });

  it('takes a version for a name that had none, and a file for a name, and the other way round', () => {
    const pinned = add(add(empty, ['a']), ['a=2']);
    expect(pinned.requested).toEqual(['a=2']);
    const local = add(pinned, [], [file('a', '1')]);
    expect([local.requested, local.requestedLocal.map((entry) => entry.name)]).toEqual([[], ['a']]);
    expect(add(local, [], [file('a', '2')]).requestedLocal).toEqual([file('a', '2')]);
    expect(add(local, ['a']).requestedLocal).toEqual([]);
  });
});

describe('dropping from a wish', () => {
  it('ends where it began', () => {
    const wish = add(empty, ['a', 'b=1'], [file('c', '3')]);
    const dropped = dropRequests(wish, ['a', 'b', 'c'] as PackageName[], { idempotent: false, explain });
    expect([isLayered(wish), needsFeeds(wish)]).toEqual([true, true]);
    expect([isLayered(dropped), needsFeeds(dropped)]).toEqual([false, false]);
  });

  it('of package files needs no feed', () => {
    const wish = add(empty, [], [file('c', '3')]);
    expect([isLayered(wish), needsFeeds(wish)]).toEqual([true, false]);
  });

  it('refuses what is not requested and says what to do instead', () => {
    const refused = expect.objectContaining({ code: 'PACKAGE_NOT_LAYERED', hint: 'about zlib' });
    expect(() => dropRequests(empty, ['zlib'] as PackageName[], { idempotent: false, explain })).toThrow(
      refused,
    );
    expect(dropRequests(empty, ['zlib'] as PackageName[], { idempotent: true, explain }).requested).toEqual(
      [],
    );
  });
});
