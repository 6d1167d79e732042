import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  type Accounts,
  addGroupMember,
  applyRequireUser,
  dynamicIds,
  parseAccountFile,
  parseRequireUser,
  probeId,
  type RequireUserRequest,
  renderAccountFile,
} from '../../src/state/index.ts';

const base = {
  passwd: 'root:x:0:0:root:/root:/bin/ash\nnobody:*:65534:65534:nobody:/var:/bin/false\n',
  group: 'root:x:0:\ndialout:x:20:\nnogroup:x:65534:\n',
  shadow: 'root::0:0:99999:7:::\nnobody:*:0:0:99999:7:::\n',
};

function accounts(files: Partial<typeof base> = {}): Accounts {
  const all = { ...base, ...files };
  return {
    passwd: parseAccountFile(all.passwd),
    group: parseAccountFile(all.group),
    shadow: parseAccountFile(all.shadow),
  };
}

function added(requests: readonly RequireUserRequest[], files: Partial<typeof base> = {}) {
  const before = { ...base, ...files };
  const after = applyRequireUser(accounts(files), requests);
  const tail = (name: keyof typeof base) => {
    const text = renderAccountFile(after[name]);
    return text.startsWith(before[name]) ? text.slice(before[name].length) : text;
  };
  return { passwd: tail('passwd'), group: tail('group'), shadow: tail('shadow') };
}

const ask = (name: string, requireUser: string) => ({ package: name, requireUser });

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isOpkgOstreeError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('account files', () => {
  it('are rendered as they were read, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const expected = text === '\n' ? ['\n', ''] : [text];
        expect(expected).toContain(renderAccountFile(parseAccountFile(text)));
      }),
    );
    for (const text of ['', 'a:x:1:\n', 'a:x:1:', '#c\n\n+::\r\na:x:1:\n\n']) {
      expect(renderAccountFile(parseAccountFile(text))).toBe(text);
    }
  });

  it('get a member added once', () => {
    const file = parseAccountFile('g:x:5:a\nh:x:6:\n');
    const once = addGroupMember(addGroupMember(file, 'g', 'b'), 'h', 'b');
    expect(renderAccountFile(addGroupMember(once, 'g', 'b'))).toBe('g:x:5:a,b\nh:x:6:b\n');
  });
});

describe('Require-User', () => {
  it.each([
    [
      'dnsmasq=453:dnsmasq=453',
      [{ user: { name: 'dnsmasq', id: 453 }, group: { name: 'dnsmasq', id: 453 }, extra: [] }],
    ],
    ['a:b', [{ user: { name: 'a' }, group: { name: 'b' }, extra: [] }]],
    ['a', [{ user: { name: 'a' }, extra: [] }]],
    [
      ':dialout=20 :audio=29',
      [
        { group: { name: 'dialout', id: 20 }, extra: [] },
        { group: { name: 'audio', id: 29 }, extra: [] },
      ],
    ],
    ['u::x=7,y', [{ user: { name: 'u' }, extra: [{ name: 'x', id: 7 }, { name: 'y' }] }]],
    ['', []],
  ])('reads %j', (text, expected) => {
    expect(parseRequireUser(text)).toEqual(expected);
  });

  it.each([
    'a:b:c:d',
    '-x:y',
    'a=1=2',
    'a=x',
    'a=4294967295',
    'a/b',
    'a=-1',
    `${'u'.repeat(40)}`,
    'a b '.repeat(100),
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseRequireUser(text))).toMatch(/^CONTROL_INVALID/u);
  });

  it('adds the lines that default_postinst adds', () => {
    expect(added([ask('p', 'svc=453:svc=453:dialout,net=77')])).toEqual({
      passwd: 'svc:x:453:453:svc:/var/run/svc:/bin/false\n',
      group: 'root:x:0:\ndialout:x:20:svc\nnogroup:x:65534:\nsvc:x:453:svc\nnet:x:77:svc\n',
      shadow: 'svc:x:0:0:99999:7:::\n',
    });
  });

  it('makes up a missing last newline before it appends', () => {
    expect(added([ask('p', 'a=9:a=9')], { passwd: 'root:x:0:0:::' }).passwd).toBe(
      '\na:x:9:9:a:/var/run/a:/bin/false\n',
    );
  });

  it('leaves a name that is there alone and uses its group id', () => {
    const result = added([ask('p', 'u=300:dialout=99')]);
    expect(result.passwd).toBe('u:x:300:20:u:/var/run/u:/bin/false\n');
    expect(added([ask('p', 'root:root')])).toEqual({
      passwd: '',
      group: 'root:x:0:root\ndialout:x:20:\nnogroup:x:65534:\n',
      shadow: '',
    });
  });

  it('gives a user without a group its own id as gid', () => {
    expect(added([ask('p', 'solo=1234')]).passwd).toBe('solo:x:1234:1234:solo:/var/run/solo:/bin/false\n');
  });

  it('gives a name the same made-up id as user and group, in the range', () => {
    const line = added([ask('p', 'dyn:dyn')]).passwd.split(':');
    const id = Number(line[2]);
    expect(id).toBeGreaterThanOrEqual(dynamicIds.first);
    expect(id).toBeLessThanOrEqual(dynamicIds.last);
    expect(line[3]).toBe(line[2]);
    expect(id).toBe(probeId('dyn', new Set()));
    expect(probeId('dyn', new Set([id]))).toBe(id === dynamicIds.last ? dynamicIds.first : id + 1);
    expect(probeId('dyn', { has: () => true })).toBeUndefined();
  });

  it('gives the same files whatever the order of the packages', () => {
    const names = ['aa', 'bb', 'cc', 'dd', 'ee'];
    const word = fc.record({
      u: fc.constantFrom(...names),
      g: fc.constantFrom(...names),
      x: fc.constantFrom('', ':bb,cc'),
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), fc.infiniteStream(fc.nat()), (words, picks) => {
        const requests = words.map((w, i) => ask(`pkg${i}`, `${w.u}:${w.g}${w.x}`));
        const shuffled = requests
          .map((r) => ({ r, key: picks.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map((e) => e.r);
        expect(applyRequireUser(accounts(), shuffled)).toEqual(applyRequireUser(accounts(), requests));
      }),
    );
  });

  it('gives a package set that grows the ids that it had', () => {
    const alone = added([ask('b', 'bee:bee')]).passwd;
    expect(added([ask('a', 'ay:ay'), ask('b', 'bee:bee')]).passwd).toContain(alone);
  });

  it('refuses one id for two names, naming both packages', () => {
    expect(codeOf(() => added([ask('a', 'x=900'), ask('b', 'y=900')]))).toMatch(
      /^USER_ID_CONFLICT.*package b .*package a /u,
    );
    expect(codeOf(() => added([ask('a', 'x=65534')]))).toMatch(
      /^USER_ID_CONFLICT.*package a .*'nobody' of the base/u,
    );
    expect(codeOf(() => applyRequireUser(accounts(), [ask('a', ':x=20')], () => 'base-files'))).toMatch(
      /package a .*'dialout' of package base-files/u,
    );
  });

  it('refuses two ids for one name, naming both packages', () => {
    expect(codeOf(() => added([ask('a', 'x=900'), ask('b', 'x=901')]))).toMatch(
      /^USER_ID_CONFLICT: packages a and b/u,
    );
  });

  it('lets a fixed id of any package win over a made-up one', () => {
    expect(added([ask('a', 'x'), ask('b', 'x=901')]).passwd).toBe('x:x:901:901:x:/var/run/x:/bin/false\n');
  });
});
