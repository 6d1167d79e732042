import { describe, expect, it } from 'vitest';
import { entryTitle, parseOsRelease } from '../../src/boot/os-release.ts';

const title = (text: string, version?: string, stateroot?: string) =>
  entryTitle({ osRelease: parseOsRelease(text), version, index: 0, stateroot });

describe('titles', () => {
  it.each([
    ['PRETTY_NAME="OpenWrt 23.05"', '23.05.1', undefined, 'OpenWrt 23.05 23.05.1 (ostree:0)'],
    ['PRETTY_NAME="OpenWrt 23.05.1"', '23.05.1', undefined, 'OpenWrt 23.05.1 (ostree:0)'],
    ['ID=openwrt\n', undefined, undefined, 'openwrt (ostree:0)'],
    ['PRETTY_NAME=x', '1', 'lab', 'x 1 (ostree:lab:0)'],
    ['PRETTY_NAME=\'a "b"\'', undefined, undefined, 'a "b" (ostree:0)'],
    ['PRETTY_NAME="a\\"b"', undefined, undefined, 'a"b (ostree:0)'],
    ['PRETTY_NAME=a', 'evil\nlinux /x', undefined, 'a evil linux /x (ostree:0)'],
  ])('%j %s', (text, version, stateroot, expected) => {
    expect(title(text, version, stateroot)).toBe(expected);
  });

  it('a tree without a name is not bootable', () => {
    expect(() => title('VERSION=1')).toThrow(expect.objectContaining({ code: 'NOT_BOOTABLE' }));
  });
});
