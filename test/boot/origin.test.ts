import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checksum, toPackageName } from '../../src/base/index.ts';
import {
  carryOrigin,
  isLayered,
  newOrigin,
  type Origin,
  parseOrigin,
  renderOrigin,
} from '../../src/boot/origin.ts';

const digest = 'ab'.repeat(32) as Checksum;
const local = { name: toPackageName('luci-app-x'), version: '1:2.0-r3', architecture: 'all', sha256: digest };

describe('origins', () => {
  it('a plain one has the bytes that ostree admin deploy writes', () => {
    expect(renderOrigin(newOrigin('openwrt/x86'))).toBe('[origin]\nrefspec=openwrt/x86\n');
  });

  it('a layered one follows its base, with sorted lists', () => {
    const origin: Origin = {
      ...newOrigin('router:openwrt/x86'),
      requested: ['tcpdump', 'bash', 'curl=8.1'],
      requestedLocal: [local],
      overrides: { remove: [toPackageName('ppp')], replace: ['dnsmasq=2.90'], replaceLocal: [], hold: [] },
      feeds: { snapshot: digest },
      boot: { kargsAppend: ['a=b;c', 'quiet'], kargsDelete: [] },
      pinned: true,
    };
    expect(renderOrigin(origin)).toBe(`[origin]
baserefspec=router:openwrt/x86

[packages]
requested=bash;curl=8.1;tcpdump;
requested-local=${digest}:all:luci-app-x:1:2.0-r3;

[overrides]
remove=ppp;
replace=dnsmasq=2.90;

[feeds]
snapshot=${digest}

[boot]
kargs-append=a=b\\;c;quiet;

[libostree-transient]
pinned=true
`);
    const back = parseOrigin(renderOrigin(origin), 'x');
    expect({ ...back, text: '' }).toEqual({
      ...origin,
      requested: ['bash', 'curl=8.1', 'tcpdump'],
      text: '',
    });
    expect(renderOrigin(back)).toBe(renderOrigin(origin));
    expect(isLayered(back)).toBe(true);
  });

  it('keeps what it does not know, and goes back to refspec without a wish', () => {
    const text =
      '# mine\n[origin]\nbaserefspec=a/b\ncustom=1\n\n[packages]\nrequested=x;\nfuture=y\n\n[other]\nk=v\n';
    const origin = parseOrigin(text, 'x');
    expect(renderOrigin(origin)).toBe(text);
    expect(renderOrigin({ ...origin, requested: [] })).toBe(
      '# mine\n[origin]\ncustom=1\nrefspec=a/b\n\n[packages]\nfuture=y\n\n[other]\nk=v\n',
    );
  });

  it('a carried origin loses what belongs to one deployment', () => {
    const text = `[origin]\nrefspec=a/b\noverride-commit=${digest}\nunlocked=hotfix\n\n[libostree-transient]\npinned=true\nx=y\n`;
    const carried = carryOrigin(parseOrigin(text, 'x'));
    expect(carried.pinned).toBe(false);
    expect(renderOrigin(carried).trim()).toBe('[origin]\nrefspec=a/b');
  });

  it.each([
    ['refspec=x', 'line 1'],
    ['[packages]\nrequested-local=abc;\n', 'requested-local'],
    ['[overrides]\nremove=a b;\n', 'remove'],
    ['[origin]\noverride-commit=12\n', 'override-commit'],
    ['[libostree-transient]\npinned=maybe\n', 'pinned'],
  ])('%j is refused by name', (text, part) => {
    expect(() => parseOrigin(text, 'f.origin')).toThrow(
      expect.objectContaining({ code: 'ORIGIN_INVALID', message: expect.stringContaining(part) }),
    );
  });

  it('any text gives an origin or a typed error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseOrigin(`[packages]\n${text}`, 'x');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ORIGIN_INVALID' });
        }
      }),
    );
  });
});
