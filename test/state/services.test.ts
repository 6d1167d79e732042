import { describe, expect, it } from 'vitest';
import { enableLinks, parseInitScript, serviceLinkNames } from '../../src/state/index.ts';

const head = '#!/bin/sh /etc/rc.common\n# START=1\n';

describe('parseInitScript', () => {
  it.each([
    ['START=50\nSTOP=10\n', { start: '50', stop: '10' }],
    ['START=00\nUSE_PROCD=1\n', { start: '00' }],
    ['START="95"\nSTOP=\'05\' # late\n', { start: '95', stop: '05' }],
    ['START=20;\nSTART=21\n', { start: '21' }],
    ['START=20\nSTART=\n', {}],
    ['MY_START=3\nRESTART=4\necho $START\n[ "$START" ] || exit\n', {}],
    ['', {}],
    ['START=$N\n', 'computed'],
    ['START=`cat x`\n', 'computed'],
    ['[ -e /x ] && START=50\n', 'computed'],
    ['\tSTART=50\n', 'computed'],
    ['START=50\nexport STOP=3\n', 'computed'],
    ['START=50 STOP=3\n', 'computed'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shell text
    [': ${START:=5}\n', 'computed'],
    ['START=5\r\n', 'computed'],
    ['START=5x\n', 'computed'],
  ])('reads %j', (text, expected) => {
    expect(parseInitScript(head + text)).toEqual(expected);
  });
});

describe('enableLinks', () => {
  it('makes the links of rc.common', () => {
    expect(enableLinks('dropbear', { start: '19', stop: '50' })).toEqual([
      { path: 'rc.d/S19dropbear', target: '../init.d/dropbear' },
      { path: 'rc.d/K50dropbear', target: '../init.d/dropbear' },
    ]);
    expect(enableLinks('S40net', { start: '40' })).toEqual([
      { path: 'rc.d/S40net', target: '../init.d/S40net' },
    ]);
    expect(enableLinks('x', {})).toEqual([]);
  });

  it('knows the links of a service by name', () => {
    expect(serviceLinkNames(['S19log', 'K89log', 'S10syslog', 'log', 'S1log', 'X10log'], 'log')).toEqual([
      'S19log',
      'K89log',
    ]);
  });
});
