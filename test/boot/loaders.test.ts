import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBootEntry } from '../../src/boot/bls.ts';
import { findTarget, listTargets, loaderOptions } from '../../src/boot/index.ts';
import { grubArgument } from '../../src/boot/loaders/grub.ts';
import { countsStarts, loaderFor } from '../../src/boot/loaders/index.ts';
import type { LoaderEntry } from '../../src/boot/loaders/loader.ts';

const entry = (index: number, extra = '', options = 'root=/dev/sda2 quiet'): LoaderEntry => ({
  entry: parseBootEntry(
    `title OpenWrt 23.05 (ostree:${index})\nversion ${2 - index}\noptions ${options} ostree=/x/${index}\nlinux /ostree/o-c/vmlinuz-6.6\n${extra}`,
    'x',
  ),
});
const two = [entry(0, 'initrd /ostree/o-c/initramfs-6.6.img\n'), entry(1)];
const grubCheck = existsSync('/usr/bin/grub-script-check');

const render = (id: 'grub' | 'extlinux' | 'uenv', entries: readonly LoaderEntry[]) =>
  loaderFor(id).render(entries, { timeout: 3, serial: { unit: 0, speed: 115200 } })[0]?.text ?? '';

describe('loader files', () => {
  it('store a count for just the boards whose loaders are said to count', () => {
    const sum = 'a'.repeat(64);
    const text = `title x\nversion 1\noptions ostree=/ostree/boot.0/openwrt/${sum}/0\nlinux /ostree/openwrt-${sum}/vmlinuz\n`;
    const entries = [0, 1].map(() => ({ entry: parseBootEntry(text, 'x') }));
    for (const { id } of listTargets().filter(({ status }) => status !== 'refused')) {
      const target = findTarget(id);
      const loader = loaderFor(target.loader.id);
      const options = loaderOptions(target);
      const trial = { deployment: 'openwrt/deploy/x.0', tries: 3, back: 1 };
      const written = [
        ...loader.render(entries, { ...options, trial }).map(({ text }) => text),
        ...loader
          .stubs(options)
          .map((stub) => (stub.kind === 'bytes' ? Buffer.from(stub.bytes).toString() : '')),
      ];
      expect([id, written.some((text) => /save_?env/u.test(text))]).toEqual([
        id,
        countsStarts(loader, options),
      ]);
    }
  });

  it('grub.cfg', () => {
    expect(render('grub', two)).toBe(`# Written by opkg-ostree at each switch; edits are lost.
serial --unit=0 --speed=115200 --word=8 --parity=no --stop=1 --rtscts=off
terminal_input console serial; terminal_output console serial
set default="0"
set fallback="1"
set timeout="3"

menuentry 'OpenWrt 23.05 (ostree:0)' {
\tlinux /boot/ostree/o-c/vmlinuz-6.6 root=/dev/sda2 quiet ostree=/x/0
\tinitrd /boot/ostree/o-c/initramfs-6.6.img
}

menuentry 'OpenWrt 23.05 (ostree:1)' {
\tlinux /boot/ostree/o-c/vmlinuz-6.6 root=/dev/sda2 quiet ostree=/x/1
}
`);
  });

  it('extlinux.conf', () => {
    expect(
      render('extlinux', [
        entry(0, 'fdtdir /ostree/o-c/dtb\n'),
        entry(1, 'devicetree /ostree/o-c/devicetree-6.6\n'),
      ]),
    ).toBe(
      `# Written by opkg-ostree at each switch; edits are lost.
menu title OpenWrt
default ostree-0
fallback ostree-1
timeout 30

label ostree-0
\tmenu label OpenWrt 23.05 (ostree:0)
\tkernel /boot/ostree/o-c/vmlinuz-6.6
\tfdtdir /boot/ostree/o-c/dtb
\tappend root=/dev/sda2 quiet ostree=/x/0

label ostree-1
\tmenu label OpenWrt 23.05 (ostree:1)
\tkernel /boot/ostree/o-c/vmlinuz-6.6
\tfdt /boot/ostree/o-c/devicetree-6.6
\tappend root=/dev/sda2 quiet ostree=/x/1
`,
    );
  });

  it('uEnv.txt, with the deployment’s own lines after the first entry', () => {
    const first = { ...entry(0), extraEnvironment: 'board=x\n' };
    expect(
      render('uenv', [first, entry(1, 'initrd /ostree/o-c/i\n')]),
    ).toBe(`kernel_image=/boot/ostree/o-c/vmlinuz-6.6
bootargs=root=/dev/sda2 quiet ostree=/x/0
board=x

kernel_image2=/boot/ostree/o-c/vmlinuz-6.6
ramdisk_image2=/boot/ostree/o-c/i
bootargs2=root=/dev/sda2 quiet ostree=/x/1
`);
  });

  it('a list without deployments renders too', () => {
    for (const id of ['grub', 'extlinux', 'uenv'] as const) expect(typeof render(id, [])).toBe('string');
  });

  it.each(['a=$b', 'a=\\b'])('extlinux and uEnv refuse %s', (options) => {
    for (const id of ['extlinux', 'uenv'] as const) {
      expect(() => render(id, [entry(0, '', options)])).toThrow(
        expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }),
      );
    }
  });

  it.each(['/ostree/../../etc/shadow', '/ostree/a b', 'relative', '/ostree/a;reboot'])(
    'refuses the kernel path %s',
    (path) => {
      const bad = { entry: parseBootEntry(`title t\nlinux ${path}\n`, 'x') };
      for (const id of ['grub', 'extlinux', 'uenv'] as const) {
        expect(() => render(id, [bad])).toThrow(expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }));
      }
    },
  );

  it.each([
    ['quiet', 'quiet'],
    ['a=$b', "'a=$b'"],
    ['a="b c"', "'a=b c'"],
    ['a=;reboot', "'a=;reboot'"],
    ['a={x}', "'a={x}'"],
  ])('GRUB takes %s as %s', (karg, word) => {
    expect(grubArgument(karg)).toBe(word);
  });

  it.each(["a='b'", 'a=\\b', 'a\nb'])('GRUB cannot pass on %j', (karg) => {
    expect(() => grubArgument(karg)).toThrow(expect.objectContaining({ code: 'BOOT_ENTRY_INVALID' }));
  });

  it.skipIf(!grubCheck)('grub-script-check accepts any title and arguments', () => {
    const word = fc.stringMatching(/^[!-&(-[\]-~]{1,12}$/u).filter((w) => !w.includes('"'));
    const property = fc.property(
      fc.string({ maxLength: 30 }),
      fc.array(word, { maxLength: 4 }),
      (title, words) => {
        const fields = [
          ['title', title],
          ['linux', '/ostree/o-c/vmlinuz-6.6'],
          ['options', words.join(' ')],
        ] as const;
        const text = render('grub', [{ entry: { fields } }]);
        execFileSync('/usr/bin/grub-script-check', { input: text });
        expect(text.split('\n').filter((line) => line.startsWith('menuentry')).length).toBe(1);
      },
    );
    fc.assert(property, { numRuns: 60 });
  });
});
