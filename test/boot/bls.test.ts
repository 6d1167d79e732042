import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareVersionText,
  entryField,
  parseBootEntry,
  parseBootLink,
  renderBootEntry,
  renderBootLink,
  withField,
} from '../../src/boot/bls.ts';

const bootChecksum = 'fb13acf66d021b3783543b13f262f424ca339a8546258f6319333a83c111dc09';

/** `ostree admin deploy --karg=root=/dev/sda2 --karg=quiet` of libostree 2022.7 (docs/formats/boot.md). */
const golden = `title OpenWrt 23.05 23.05.1 (ostree:0)
version 1
options root=/dev/sda2 quiet ostree=/ostree/boot.1/openwrt/${bootChecksum}/0
linux /ostree/openwrt-${bootChecksum}/vmlinuz-6.6.1
initrd /ostree/openwrt-${bootChecksum}/initramfs-6.6.1.img
`;

describe('boot entries', () => {
  it('renders what it parsed', () => {
    expect(renderBootEntry(parseBootEntry(golden, 'x.conf'))).toBe(golden);
  });

  it('writes keys in libostree’s order and keeps unknown ones', () => {
    const entry = {
      fields: [
        ['architecture', 'x64'],
        ['initrd', '/b'],
        ['title', 't'],
        ['initrd', '/c'],
        ['linux', '/a'],
      ] as const,
    };
    expect(renderBootEntry(entry)).toBe('title t\nlinux /a\ninitrd /b\ninitrd /c\narchitecture x64\n');
  });

  it('drops comments and lines without a value', () => {
    expect(parseBootEntry('# x\n\ntitle\nlinux  /a \n', 'x').fields).toEqual([['linux', '/a']]);
  });

  it.each(['title a\0b\n', `title ${'x'.repeat(70_000)}\n`, 'title a\u001b[2J\n'])(
    'refuses a hostile file',
    (text) => {
      expect(() => parseBootEntry(text, 'x')).toThrow(
        expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }),
      );
    },
  );

  it('never writes a value over two lines', () => {
    expect(() => renderBootEntry({ fields: [['options', 'a\nlinux /evil']] })).toThrow(
      expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }),
    );
  });

  it('sets, replaces and removes fields', () => {
    const entry = parseBootEntry(golden, 'x');
    expect(entryField(withField(entry, 'version', '2'), 'version')).toBe('2');
    expect(withField(entry, 'initrd', undefined).fields).toHaveLength(4);
    expect(withField(entry, 'fdtdir', '/d').fields.at(-1)).toEqual(['fdtdir', '/d']);
  });

  it.each([
    ['9', '10', -1],
    ['2', '2', 0],
    ['a', '1', 1],
    ['', '1', -1],
    ['1.10', '1.9', 1],
  ])('orders versions %s and %s', (a, b, sign) => {
    expect(Math.sign(compareVersionText(a, b))).toBe(sign);
  });

  it('reads only whole boot links', () => {
    const link = { bootVersion: 1 as const, stateroot: 'openwrt', bootChecksum, bootSerial: 3 };
    expect(parseBootLink(renderBootLink(link))).toEqual(link);
    for (const text of [
      '',
      '/ostree/boot.2/o/x/0',
      `/ostree/boot.1/../${bootChecksum}/0`,
      `${renderBootLink(link)}/..`,
    ]) {
      expect(parseBootLink(text)).toBeUndefined();
    }
  });

  it('any text gives an entry or a typed error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const entry = parseBootEntry(text, 'x');
          expect(Array.isArray(entry.fields)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BOOT_ENTRY_INVALID' });
        }
      }),
    );
  });
});
