/** Scripts that really run, in the sandbox, on a tree whose programs are those of a static busybox. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLayerMetadata } from '../../src/layer/index.ts';
import { canSandbox, control, LayerWorld, refusal, stub } from '../layer/support.ts';

const script = (name: string, body: string, files = {}) => ({
  ...control(name),
  files: { [`usr/share/${name}/x`]: name, ...files },
  scripts: { postinst: stub, 'postinst-pkg': body },
});

function processesWith(text: string): number {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/u.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
      } catch {
        return false;
      }
    }).length;
}

describe.skipIf(!canSandbox)('scripts in the sandbox (needs root, unshare and busybox-static)', () => {
  let world: LayerWorld;
  beforeAll(async () => {
    world = await LayerWorld.make({}, { busybox: true });
  });
  afterAll(() => {
    expect(readdirSync(join(world.dir, 'repo/tmp')).filter((name) => name.startsWith('scripts-'))).toEqual(
      [],
    );
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(world.dir);
    world.close();
  });

  it('has the tree as root, IPKG_INSTROOT set, and its changes become part of the commit', async () => {
    const body = `[ -n "$IPKG_INSTROOT" ] || exit 7
echo made > "\${IPKG_INSTROOT}/etc/made"
mkdir -p /usr/share/made && chmod 750 /usr/share/made && ln -s ../x /usr/share/made/link && echo y > /usr/share/made/y
rm /etc/config/system
rm -rf /usr/share/work; mkdir /usr/share/work; echo new > /usr/share/work/new
chmod 600 /etc/shells
echo scratch > /tmp/x; echo scratch > /var/lib/x; echo scratch > /root/x 2>/dev/null
echo said; echo complained >&2
`;
    const { commit, scripts } = await world.layer([script('work', body)]);
    expect(scripts).toMatchObject([
      { package: 'work', script: 'postinst-pkg', scriptClass: 'sandboxed', outcome: 'ok', status: 0 },
    ]);
    expect(scripts[0]?.output).toContain('said');
    expect(scripts[0]?.changed).toEqual([
      ...['usr/etc/config/system', 'usr/etc/made', 'usr/etc/shells', 'usr/share/made', 'usr/share/made/link'],
      ...['usr/share/made/y', 'usr/share/work/new', 'usr/share/work/x'],
    ]);
    expect(world.at(commit, 'usr/etc/made')).toBe('made\n');
    expect(world.at(commit, 'usr/etc/config/system')).toBeUndefined();
    expect(world.at(commit, 'usr/share/made/link')).toBe('-> ../x');
    expect(world.at(commit, 'usr/share/work/x')).toBeUndefined();
    expect(world.at(commit, 'usr/share/work/new')).toBe('new\n');
    expect(world.mode(commit, 'usr/share/made')).toBe('0:0 40750');
    expect(world.mode(commit, 'usr/etc/shells')).toBe('0:0 100600');
    expect(world.at(commit, 'var')).toBe('dir');
    expect(world.at(commit, 'etc')).toBeUndefined();
    expect(world.at(world.base, 'usr/etc/config/system')).toBe('config system\n');
  });

  it('gives the same commit twice', async () => {
    const packages = [script('p', 'echo p >> /etc/both\n'), script('q', 'echo q >> /etc/both\n')];
    const one = await world.layer(packages);
    expect(world.at(one.commit, 'usr/etc/both')).toBe('p\nq\n');
    expect((await world.layer([...packages].reverse())).commit).toBe(one.commit);
  });

  it('sees no network, no device, no other process and no capability to get them', async () => {
    const body = `[ -n "$IPKG_INSTROOT" ] || exit 10
ip link | grep -v lo: | grep -q mtu && exit 11
[ -e /dev/null ] && [ -e /dev/urandom ] || exit 12
[ "$(ls /dev | wc -l)" = 5 ] || exit 13
mknod /tmp/n c 1 3 2>/dev/null && exit 14
mount -t tmpfs x /mnt 2>/dev/null && exit 15
grep -q 'CapEff:.*0000000000[04][0-9a-f]*$' /proc/self/status || exit 16
[ "$(ls /proc | grep -c '^[0-9]')" -lt 8 ] || exit 17
( echo x > /proc/sys/kernel/hostname ) 2>/dev/null && exit 18
exit 0
`;
    const { scripts } = await world.layer([script('look', body)]);
    expect(scripts).toMatchObject([{ outcome: 'ok', output: '', changed: [] }]);
  });

  it('finds stubs in the place of what needs the live system', async () => {
    const files = {
      'etc/init.d/svc': {
        content: '#!/bin/sh /etc/rc.common\nSTART=42\nstart() { touch /etc/started; }\n',
        mode: 0o755,
      },
      'sbin/reload_config': { content: '#!/bin/sh\ntouch /etc/reloaded\n', mode: 0o755 },
    };
    const body = `[ -n "$IPKG_INSTROOT" ] && echo guarded
/etc/init.d/svc enable && [ -L /etc/rc.d/S42svc ] || exit 3
/etc/init.d/svc start && ubus call x y && service svc restart && /sbin/reload_config
`;
    const { commit, scripts } = await world.layer([script('live', body, files)]);
    expect(scripts[0]?.output).toMatch(/not run: .*\/etc\/init\.d\/svc start\n/u);
    expect(scripts[0]?.output).toMatch(/not run: ubus call x y\n/u);
    expect(scripts[0]?.output).toMatch(/not run: reload_config/u);
    for (const path of ['usr/etc/started', 'usr/etc/reloaded'])
      expect(world.at(commit, path)).toBeUndefined();
    expect(world.at(commit, 'usr/etc/rc.d/S42svc')).toBe('-> ../init.d/svc');
    expect(world.at(commit, 'usr/etc/rc.common')).toContain('initscript=$1');
  });

  it('cannot write outside the tree', async () => {
    const mark = join(world.dir, 'escaped');
    const body = `echo x > ${mark}; mkdir -p ${world.dir} && echo x > ${mark}; true\n`;
    expect(await refusal(() => world.layer([script('out', body)]))).toMatch(
      /^(?:SCRIPT_FAILED: .*outside \/usr|no error)/u,
    );
    expect(existsSync(mark)).toBe(false);
  });

  it.each([
    ['a top folder', 'mkdir /data\n', /changed \/data, which is outside \/usr and \/etc/u],
    ['a key', 'mkdir -p /etc/opkg/keys; echo k > /etc/opkg/keys/k\n', /changed \/usr\/etc\/opkg\/keys/u],
    [
      'the database',
      'echo x >> /usr/lib/opkg/status\n',
      /usr\/lib\/opkg\/status, which is the package database/u,
    ],
    ['a line of passwd', 'echo root::0:0::/:/bin/sh > /etc/passwd\n', /changed lines of \/usr\/etc\/passwd/u],
    ['a pipe', 'mkfifo /usr/share/pipe\n', /left a pipe/u],
  ])('refuses a script that changes %s', async (_name, body, message) => {
    expect(await refusal(() => world.layer([script('bad', body)]))).toMatch(message);
  });

  it('may add users and members', async () => {
    const body = 'echo new:x:77: >> /etc/group; sed -i "s/^root:x:0:$/root:x:0:me/" /etc/group\n';
    const { commit } = await world.layer([script('adds', body)]);
    expect(world.at(commit, 'usr/etc/group')).toBe('root:x:0:me\nnew:x:77:\n');
  });

  it('fails the layer with its last words, or is left out with a warning', async () => {
    const failing = script('fails', 'echo x > /etc/half; echo sorry; exit 3\n');
    expect(await refusal(() => world.layer([failing]))).toBe(
      'SCRIPT_FAILED: the script postinst-pkg of package fails ended with status 3: sorry',
    );
    const { commit, scripts } = await world.layer([failing], { scriptPolicy: 'warn' });
    expect(scripts).toMatchObject([{ outcome: 'failed', status: 3, changed: [] }]);
    expect(world.at(commit, 'usr/etc/half')).toBeUndefined();
    expect(world.at(commit, 'usr/share/fails/x')).toBe('fails');
    expect(readLayerMetadata(world.repo.loadCommit(commit))?.scriptWarnings).toEqual([
      'fails postinst-pkg: ended with status 3',
    ]);
  });

  it('is killed with all that it started when its time is over', async () => {
    const body = '(while :; do sleep 7654; done) & setsid sleep 7654 & sleep 7654\n';
    const started = Date.now();
    expect(await refusal(() => world.layer([script('slow', body)], { scriptTimeout: 1500 }))).toMatch(
      /^SCRIPT_FAILED: .* did not end in time and was killed/u,
    );
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(processesWith('sleep\x007654')).toBe(0);
  });

  it('leaves no daemon behind', async () => {
    const { scripts } = await world.layer([script('daemon', 'setsid sleep 8765 >/dev/null 2>&1 &\n')]);
    expect(scripts).toMatchObject([{ outcome: 'ok' }]);
    expect(processesWith('sleep\x008765')).toBe(0);
  });

  it('keeps a bounded part of what it prints', async () => {
    const { scripts } = await world.layer([
      script('loud', 'i=0; while [ $i -lt 9000 ]; do echo 0123456789; i=$((i+1)); done\n'),
    ]);
    expect(scripts[0]?.output.length).toBeLessThan(66_000);
    expect(scripts[0]?.output).toMatch(/bytes more\]\n$/u);
  });

  it('is deferred when only /etc differs from run to run, and refused when more does', async () => {
    const { commit, scripts } = await world.layer([script('key', 'head -c 16 /dev/urandom > /etc/key\n')]);
    expect(scripts).toMatchObject([{ outcome: 'deferred', changed: [] }]);
    expect(world.at(commit, 'usr/etc/key')).toBeUndefined();
    expect(world.at(commit, 'usr/lib/opkg-ostree/first-boot/key/script')).toContain('urandom');
    expect(await refusal(() => world.layer([script('when', 'date +%s > /usr/share/when/now\n')]))).toMatch(
      /^SCRIPT_FAILED: .*two runs of it gave different results: \/usr\/share\/when\/now/u,
    );
  });

  it('runs a preinst and a postinst of its own', async () => {
    const foreign = {
      ...control('foreign'),
      files: { 'usr/share/foreign/x': 'x' },
      scripts: {
        preinst: '#!/bin/sh\necho "pre $1" > /etc/pre\n',
        postinst: '#!/bin/sh\necho "post $1 $PKG_UPGRADE" > /etc/post\n',
      },
    };
    const { commit, scripts } = await world.layer([foreign]);
    expect(scripts.map((s) => s.script)).toEqual(['preinst', 'postinst']);
    expect(world.at(commit, 'usr/etc/pre')).toBe('pre install\n');
    expect(world.at(commit, 'usr/etc/post')).toBe('post configure 0\n');
  });

  it('asks a shell for the numbers of an init script that computes them', async () => {
    const init = '#!/bin/sh /etc/rc.common\nN=4\nSTART=$N"2"\n';
    const { commit, scripts } = await world.layer([
      { ...control('calc'), files: { 'etc/init.d/calc': { content: init, mode: 0o755 } } },
    ]);
    expect(scripts).toMatchObject([{ script: 'enable calc', outcome: 'ok' }]);
    expect(world.at(commit, 'usr/etc/rc.d/S42calc')).toBe('-> ../init.d/calc');
  });

  it('runs with a shell of the host on a tree whose own cannot run here', async () => {
    const foreign = await LayerWorld.make();
    try {
      const body = `echo x > "\${IPKG_INSTROOT}/etc/made"; touch /etc/on-host 2>/dev/null; [ ! -e /etc/on-host ]\n`;
      const { commit } = await foreign.layer([script('cross', body)]);
      expect(foreign.at(commit, 'usr/etc/made')).toBe('x\n');
      expect(existsSync('/etc/on-host')).toBe(false);
    } finally {
      foreign.close();
    }
  });

  it('runs on a full copy where no overlay can be mounted, with the same result', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'layer-overlay-'));
    for (const name of ['lower', 'upper', 'work', 'top']) mkdirSync(join(dir, name));
    const layers = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work`;
    // An overlay's upper layer cannot lie on another overlay.
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, join(dir, 'top')]);
    try {
      const copied = await LayerWorld.make({}, { busybox: true, parent: join(dir, 'top') });
      expect(copied.base).toBe(world.base);
      const packages = [
        script('p', 'echo p >> /etc/both; rm -rf /usr/share/p; mkdir /usr/share/p; rm /etc/config/system\n'),
        script('q', 'echo q >> /etc/both; chmod 600 /etc/shells\n'),
      ];
      const { commit } = await copied.layer(packages);
      expect(copied.at(commit, 'usr/etc/both')).toBe('p\nq\n');
      expect(copied.at(commit, 'usr/share/p/x')).toBeUndefined();
      expect((await world.layer(packages)).commit).toBe(commit);
    } finally {
      execFileSync('umount', [join(dir, 'top')]);
      rmSync(dir, { recursive: true });
    }
  });

  it('sweeps what a killed process left', async () => {
    const left = join(world.dir, 'repo/tmp/scripts-4194305-abcdef');
    mkdirSync(join(left, 'base'), { recursive: true });
    await world.layer([script('sweep', 'echo swept\n')]);
    expect(existsSync(left)).toBe(false);
  });

  it('can be interrupted', async () => {
    const { assemble } = await import('../../src/layer/index.ts');
    const commit = await world.import(script('int', 'sleep 6543\n'));
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 700);
    const spec = {
      base: world.base,
      packages: [{ commit, reason: 'requested', feed: '' }],
      remove: [],
      replace: [],
      feeds: [],
      scriptPolicy: 'fail',
      requested: [],
    } as const;
    expect(
      await refusal(() => assemble(world.repo, spec, { onProgress: () => undefined, signal: abort.signal })),
    ).toMatch(/^INTERRUPTED/u);
    expect(processesWith('sleep\x006543')).toBe(0);
  });
});
