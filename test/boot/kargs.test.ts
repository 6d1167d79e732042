import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bootOptions,
  changeKargs,
  findKarg,
  parseKargs,
  renderKargs,
  withoutManagedKargs,
} from '../../src/boot/kargs.ts';

const link = `/ostree/boot.1/openwrt/${'a'.repeat(64)}/0`;
const init = `init=${link}/usr/lib/ostree/ostree-prepare-root`;
const stale = `init=/ostree/boot.0/openwrt/${'b'.repeat(64)}/1/usr/lib/ostree/ostree-prepare-root`;

describe('kernel arguments', () => {
  it.each([
    ['', []],
    ['  a   b=c ', ['a', 'b=c']],
    ['a="b c" d', ['a="b c"', 'd']],
    ['"a=b c" d', ['"a=b c"', 'd']],
    ['console=tty1 console=ttyS0', ['console=tty1', 'console=ttyS0']],
  ])('parses %j', (text, words) => {
    expect(parseKargs(text)).toEqual(words);
  });

  it.each(['a="b', 'a\nb', 'a\0b'])('refuses %j', (text) => {
    expect(() => parseKargs(text)).toThrow(expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }));
  });

  it('render and parse are inverse', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9=.,_/-]{0,12}(?:"[a-z =]{0,6}")?$/u);
    const property = fc.property(fc.array(word), (words) => {
      expect(parseKargs(renderKargs(words))).toEqual(words);
    });
    fc.assert(property);
  });

  it('finds the first value', () => {
    expect(findKarg(['console=a', 'console=b', 'ro'], 'console')).toBe('a');
    expect(findKarg(['ro'], 'ro')).toBe('');
    expect(findKarg(['rootwait'], 'root')).toBeUndefined();
  });

  it('puts init= before ostree= without an initramfs, as libostree does', () => {
    expect(bootOptions(['root=/dev/sda2', 'quiet'], link, 'deployment')).toEqual([
      'root=/dev/sda2',
      'quiet',
      init,
      `ostree=${link}`,
    ]);
  });

  it('replaces stale words in their places', () => {
    expect(bootOptions(['a', stale, 'ostree=/old', 'b'], link, 'deployment')).toEqual([
      'a',
      init,
      `ostree=${link}`,
      'b',
    ]);
  });

  it('names early boot on the sysroot where it was copied there, in the place of any older one', () => {
    const physical = 'init=/ostree/opkg-ostree/prepare-root';
    expect(bootOptions(['quiet'], link, 'sysroot')).toEqual(['quiet', physical, `ostree=${link}`]);
    expect(bootOptions(['a', stale, 'b'], link, 'sysroot')).toEqual(['a', physical, 'b', `ostree=${link}`]);
    expect(bootOptions(['a', physical, 'b'], link, 'initramfs')).toEqual(['a', 'b', `ostree=${link}`]);
    expect(withoutManagedKargs(['a', physical, stale])).toEqual(['a']);
  });

  it('drops our init= when there is an initramfs, and keeps the admin’s', () => {
    expect(bootOptions(['a', stale, 'init=/bin/sh'], link, 'initramfs')).toEqual([
      'a',
      'init=/bin/sh',
      `ostree=${link}`,
    ]);
  });

  it('hides what each switch writes anew', () => {
    expect(withoutManagedKargs(['a', init, `ostree=${link}`, 'init=/bin/sh'])).toEqual(['a', 'init=/bin/sh']);
  });

  it.each([
    [{ append: ['c=1'] }, 'a=1 b=1 b=2 c=1'],
    [{ delete: ['a'] }, 'b=1 b=2'],
    [{ delete: ['b=1'] }, 'a=1 b=2'],
    [{ replace: ['a=9'] }, 'a=9 b=1 b=2'],
    [{ replace: ['z=9'] }, 'a=1 b=1 b=2 z=9'],
    [{ delete: ['a'], append: ['a=3'] }, 'b=1 b=2 a=3'],
  ])('changes %j', (changes, expected) => {
    expect(renderKargs(changeKargs(['a=1', 'b=1', 'b=2'], changes))).toBe(expected);
  });

  it.each([
    { delete: ['x'] },
    { delete: ['b'] },
    { replace: ['b=3'] },
    { append: ['two words'] },
    { append: ['ostree=/x'] },
    { append: [`x=${'y'.repeat(3000)}`] },
  ])('refuses a change that cannot be meant', (changes) => {
    expect(() => changeKargs(['a=1', 'b=1', 'b=2'], changes)).toThrow(
      expect.objectContaining({ kind: 'usage' }),
    );
  });
});
