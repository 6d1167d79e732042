import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseOpkgConf,
  selectConfFiles,
  transferOptionsOf,
  withDefaultArchitectures,
} from '../../src/ipk/index.ts';

// As OpenWrt 22.03 ships them.
const main = {
  path: '/etc/opkg.conf',
  text: 'dest root /\ndest ram /tmp\nlists_dir ext /var/opkg-lists\noption overlay_root /overlay\noption check_signature\n',
};
const dist = {
  path: '/etc/opkg/distfeeds.conf',
  text: 'src/gz openwrt_core https://downloads.openwrt.org/releases/22.03.2/targets/x86/64/packages\nsrc/gz openwrt_base https://downloads.openwrt.org/releases/22.03.2/packages/x86_64/base/\n',
};
const custom = {
  path: '/etc/opkg/customfeeds.conf',
  text: '# add your custom package feeds here\n#\n# src/gz example_feed_name http://www.example.com/path/to/files\n',
};
const one = (text: string) => parseOpkgConf([{ path: 'f', text }]);

describe('opkg.conf', () => {
  it('is read as OpenWrt ships it, without a warning', () => {
    const conf = parseOpkgConf([main, custom, dist]);
    expect(conf).toMatchObject({ listsDir: '/var/opkg-lists', checkSignature: true, warnings: [] });
    expect([...conf.dests]).toEqual([
      ['root', '/'],
      ['ram', '/tmp'],
    ]);
    expect(conf.options.get('overlay_root')).toBe('/overlay');
    expect(conf.feeds).toEqual([
      {
        name: 'openwrt_core',
        url: 'https://downloads.openwrt.org/releases/22.03.2/targets/x86/64/packages',
        gzip: true,
        file: '/etc/opkg/distfeeds.conf',
        line: 1,
      },
      expect.objectContaining({ name: 'openwrt_base', url: expect.stringMatching(/base$/u) }),
    ]);
  });

  it('takes quoted fields and a plain src', () => {
    expect(one('src "a" "file:///srv/my feed"\n').feeds).toMatchObject([
      { name: 'a', url: 'file:///srv/my feed', gzip: false },
    ]);
  });

  it('lets the first value win', () => {
    const conf = one(
      'option tmp_dir /a\noption tmp_dir /b\nlists_dir x /1\nlists_dir x /2\nsrc a http://1\nsrc a http://2\narch x 1\narch x 2',
    );
    expect(conf.options.get('tmp_dir')).toBe('/a');
    expect(conf.listsDir).toBe('/1');
    expect(conf.feeds.map((feed) => feed.url)).toEqual(['http://1']);
    expect(conf.architectures.get('x')).toBe(1);
    expect(conf.warnings.map((warning) => warning.line)).toEqual([2, 6, 8]);
  });

  it('turns a boolean on that is named with 0, and says so', () => {
    const conf = one('option check_signature 0');
    expect(conf.checkSignature).toBe(true);
    expect(conf.warnings).toHaveLength(1);
    expect(one('').checkSignature).toBe(false);
  });

  it.each([
    ['trailing garbage', 'src/gz a http://x # my feed'],
    ['an unknown type', 'source a http://x'],
    ['a missing value', 'src/gz a'],
    ['a lone word', 'src/gz'],
    ['an unknown option', 'option frobnicate 1'],
    ['a feed name that is a path', 'src ../../etc/passwd http://x'],
    ['a feed name that is a folder', 'src .. http://x'],
    ['a scheme that is not supported', 'src a ftp://x'],
    ['no address at all', 'src a x'],
    ['a priority that is none', 'arch x high'],
    ['a line that is too long', `src a http://${'x'.repeat(9000)}`],
  ])('warns of %s and goes on', (_, line) => {
    const conf = one(`${line}\nsrc good http://good\n`);
    expect(conf.warnings).toMatchObject([{ file: 'f', line: 1 }]);
    expect(conf.feeds.map((feed) => feed.name)).toEqual(['good']);
  });

  it('takes seven architectures and no more', () => {
    const conf = one(Array.from({ length: 9 }, (_, i) => `arch a${i} ${i}`).join('\n'));
    expect(conf.architectures.size).toBe(7);
    expect(conf.warnings).toHaveLength(2);
  });

  it('has the defaults of opkg where no architecture is named', () => {
    expect([...withDefaultArchitectures(one(''), 'x86_64')]).toEqual([
      ['all', 1],
      ['noarch', 1],
      ['x86_64', 10],
    ]);
    expect([...withDefaultArchitectures(one('arch mips 3'), 'x86_64')]).toEqual([['mips', 3]]);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (a, b) => void one(`src/gz ${a} ${b}\n${a} "${b}" ${a}\noption ${a} ${b}`),
      ),
    );
  });
});

describe('the files', () => {
  const folder = ['/r/etc/opkg/b.conf', '/r/etc/opkg/a.conf', '/r/etc/opkg/keys', '/r/etc/opkg/a.conf.bak'];
  it('are the main one, then those of the folder by name', () => {
    const chosen = selectConfFiles({ main: '/etc/opkg.conf', mainWasNamed: false, folder, offline: false });
    expect(chosen).toEqual(['/etc/opkg.conf', '/r/etc/opkg/a.conf', '/r/etc/opkg/b.conf']);
  });

  it('with an offline root lack the main one unless it was named', () => {
    const options = { main: '/etc/opkg.conf', folder, offline: true };
    expect(selectConfFiles({ ...options, mainWasNamed: false })).not.toContain('/etc/opkg.conf');
    expect(selectConfFiles({ ...options, mainWasNamed: true })).toContain('/etc/opkg.conf');
  });
});

describe('transfer options', () => {
  it('come from the configuration', () => {
    const conf = one(
      'option http_proxy http://p:3128\noption no_proxy lan\noption proxy_user u\noption proxy_passwd s\noption http_timeout 7\noption no_check_certificate\n',
    );
    expect(transferOptionsOf(conf)).toMatchObject({
      proxy: { http: 'http://p:3128', noProxy: 'lan', user: 'u', password: 's' },
      stallTimeout: 7000,
      checkCertificate: false,
    });
    expect(transferOptionsOf(one(''))).not.toHaveProperty('checkCertificate');
  });
});
