import { describe, expect, it } from 'vitest';
import { classifyScripts } from '../../src/layer/index.ts';
import { stub } from './support.ts';

const of = (members: Record<string, string>) =>
  classifyScripts(new Map(Object.entries(members).map(([name, text]) => [name, Buffer.from(text)])));
const body = (text: string) => of({ postinst: stub, 'postinst-pkg': text });
const root = '$' + '{IPKG_INSTROOT}';

const stubs: Record<string, string> = {
  '18.06': `#!/bin/sh\n[ -x ${root}/lib/functions.sh ] || exit 0\n. ${root}/lib/functions.sh\ndefault_postinst $0 $@\n`,
  '19.07': `#!/bin/sh\n[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n[ -x ${root}/lib/functions.sh ] || exit 0\n. ${root}/lib/functions.sh\ndefault_postinst $0 $@\n`,
  '24.10': stub,
  quoted: `#!/bin/sh\n# made by hand\n[ -s "${root}/lib/functions.sh" ] || exit 0\n. "${root}/lib/functions.sh"\ndefault_postinst "$0" "$@"\n\nexit 0\n`,
  empty: '#!/bin/sh\nexit 0\n',
};

describe('classifyScripts', () => {
  it.each(Object.entries(stubs))('takes the stub of %s for native', (_name, text) => {
    expect(of({ postinst: text, prerm: 'killall x', postrm: 'reboot' })).toEqual({
      scriptClass: 'native',
      scripts: [],
    });
  });

  it('takes a package without scripts for native', () => {
    expect(of({}).scriptClass).toBe('native');
  });

  it.each([
    ['nothing', ''],
    ['comments', '#!/bin/sh\n# uci commit\n'],
    [
      'a LuCI translation',
      `[ -n "${root}" ] || {\n\t(. /etc/uci-defaults/luci-i18n-x) && rm -f /etc/uci-defaults/luci-i18n-x\n\texit 0\n}\n`,
    ],
    ['an early end', `#!/bin/sh\n[ -n "$IPKG_INSTROOT" ] && exit 0\n/etc/init.d/x restart\n`],
    ['an early end, other way round', `[ -z "${root}" ] || exit 0\nubus call x\n`],
    [
      'a live block',
      `#!/bin/sh\nif [ -z "${root}" ]; then\n\t/etc/init.d/rpcd reload\n\trm -f /tmp/x\nfi\nexit 0\n`,
    ],
  ])('takes a postinst-pkg of %s for native', (_name, text) => {
    expect(body(text).scriptClass).toBe('native');
  });

  it.each([
    ['plain work', 'mkdir -p /usr/share/x\n'],
    ['guarded work', `[ -n "${root}" ] && echo x > "${root}/etc/x"\n`],
    ['a guard with code for both sides', `if [ -z "${root}" ]; then\n\tubus call\nelse\n\techo x\nfi\n`],
    ['a block that is not what it looks like', `[ -n "${root}" ] || {\ncat <<E\n}\nE\n}\ntouch /etc/x\n`],
    ['a guard that is not alone on its line', `[ -z "${root}" ] && /etc/init.d/x start; touch /etc/x\n`],
    ['another language', '#!/usr/bin/lua\nos.execute("uci commit")\n'],
    ['words that only look alive', 'echo "uci is a word"\ncp /etc/init.d/x /etc/service-y\n'],
  ])('sends %s to the sandbox', (_name, text) => {
    expect(body(text)).toMatchObject({ scriptClass: 'sandboxed', scripts: [{ member: 'postinst-pkg' }] });
  });

  it.each([
    ['uci', 'uci -q batch <<-E\n\tcommit x\nE\n'],
    ['uci', 'x=$(uci get a.b.c)\n'],
    ['ubus', 'if true; then ubus call service list; fi\n'],
    ['/etc/init.d/x restart', '/etc/init.d/x restart\n'],
    ['killall', 'true && killall -HUP dnsmasq || true\n'],
    ['/sbin/reload_config', '/sbin/reload_config\n'],
    ['/proc/', 'echo 1 > /proc/sys/net/ipv4/ip_forward\n'],
  ])('defers what runs %s unguarded', (_word, text) => {
    expect(body(text)).toMatchObject({ scriptClass: 'deferred', scripts: [{ scriptClass: 'deferred' }] });
  });

  it('looks at what a foreign postinst has besides the stub', () => {
    expect(of({ postinst: `${stub}/etc/init.d/x start\n` }).scriptClass).toBe('deferred');
    expect(of({ postinst: `${stub}touch /etc/x\n`, 'postinst-pkg': 'uci commit\n' }).scripts).toHaveLength(1);
  });

  it('never defers a preinst', () => {
    expect(of({ preinst: 'uci commit\n' }).scriptClass).toBe('sandboxed');
  });
});
