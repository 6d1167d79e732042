/** The layered commit against a plain one: ostree checkout, tar, shell, ostree commit. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checksum, silentContext, toChecksum } from '../../src/base/index.ts';
import { assemble, importPackage } from '../../src/layer/index.ts';
import { Repository } from '../../src/ostree/index.ts';
import { type PlainPackage, plainCommit } from '../layer/plain.ts';
import { canSandbox, control, LayerWorld, stub } from '../layer/support.ts';
import { buildIpk, type IpkFile, type IpkInput } from '../support/ipk.ts';
import { compose } from './compose-support.ts';

const hasOstree = spawnSync('sh', ['-c', 'command -v ostree']).status === 0;

interface Package {
  readonly input: IpkInput;
  readonly requested: boolean;
  readonly plain: Pick<PlainPackage, 'name' | 'before' | 'after'>;
}

const pkg = (
  name: string,
  input: Partial<IpkInput>,
  fields: Record<string, string> = {},
  requested = true,
): Package => ({
  input: { ...control(name, fields), scripts: { postinst: stub }, ...input },
  requested,
  plain: {
    name,
    before: `Version: 1.0\n${'Depends' in fields ? `Depends: ${fields['Depends']}\n` : ''}`,
    after: 'Architecture: all\n',
  },
});

/** Both paths on one base; the layered commit. */
async function compare(
  repo: Repository,
  base: Checksum,
  work: string,
  packages: readonly Package[],
  reference: boolean,
): Promise<Checksum> {
  const layered = [];
  for (const { input, requested } of packages) {
    const path = join(work, 'one.ipk');
    writeFileSync(path, buildIpk(input));
    const commit = await importPackage(repo, path, { feed: 'f' }, silentContext);
    layered.push({ commit, reason: requested ? 'requested' : 'depends', feed: 'f' } as const);
  }
  const spec = {
    base,
    packages: layered.reverse(),
    remove: [],
    replace: [],
    feeds: [],
    scriptPolicy: 'fail',
    requested: [],
  } as const;
  const { commit } = await assemble(repo, spec, silentContext);
  const ours = repo.loadCommit(commit);
  const plain = plainCommit(
    packages.map(({ input, requested, plain }) => ({ ...plain, requested, ipk: buildIpk(input) })),
    { repo: repo.path, base, work, timestamp: ours.timestamp, reference },
  );
  const theirs = repo.loadCommit(toChecksum(plain));
  expect(execFileSync('ostree', [`--repo=${repo.path}`, 'diff', commit, plain], { encoding: 'utf8' })).toBe(
    '',
  );
  expect([theirs.tree, theirs.meta]).toEqual([ours.tree, ours.meta]);
  const again = await repo.withTransaction((txn) =>
    txn.writeCommit({ ...ours, tree: theirs.tree, meta: theirs.meta }),
  );
  expect(again).toBe(commit);
  return commit;
}

function fsck(repo: Repository): void {
  execFileSync('ostree', [`--repo=${repo.path}`, 'fsck', '-q'], { stdio: 'pipe' });
}

const init = (start: number, stop?: number) => ({
  content: `#!/bin/sh /etc/rc.common\nSTART=${start}\n${stop === undefined ? '' : `STOP=${stop}\n`}start() { :; }\n`,
  mode: 0o755,
});

describe.skipIf(!hasOstree || !canSandbox)(
  'a layer and its plain twin (needs root, ostree, unshare, busybox-static)',
  () => {
    let world: LayerWorld;
    beforeAll(async () => {
      world = await LayerWorld.make({}, { busybox: true });
      mkdirSync(join(world.dir, 'work'));
    });
    afterAll(() => world?.close());

    it('are one commit: files of every kind, accounts, services, a script', async () => {
      const work = join(world.dir, 'work');
      const commit = await compare(
        world.repo,
        world.base,
        work,
        [
          pkg(
            'lib',
            {
              files: {
                'lib/libx.so.1.2': { content: 'elf', mode: 0o755 },
                'usr/lib/libx.so.1': { type: 'symlink', link: 'libx.so.1.2' },
                'usr/share/lib/': { type: 'directory', mode: 0o2750, uid: 7, gid: 8 },
                'usr/share/lib/empty': '',
                'var/lib/lib/seed': 'seed',
              },
            },
            {},
            false,
          ),
          pkg(
            'svc',
            {
              files: {
                'bin/mount': { content: 'real mount', mode: 0o4755 },
                'sbin/umount': { type: 'hardlink', link: './bin/mount' },
                'bin/ls': { type: 'symlink', link: 'busybox' },
                'etc/init.d/svc': init(33, 66),
                'etc/svc/key': { content: 'k', mode: 0o600, uid: 11, gid: 12 },
              },
              scripts: {
                postinst: stub,
                prerm: stub,
                'postinst-pkg':
                  'echo made > $' +
                  '{IPKG_INSTROOT}/etc/svc/made; rm $' +
                  '{IPKG_INSTROOT}/etc/config/system\n',
              },
            },
            { Depends: 'lib', 'Require-User': 'svcuser:svcuser' },
          ),
        ],
        false,
      );
      expect(world.at(commit, 'usr/etc/svc/made')).toBe('made\n');
      fsck(world.repo);
    });

    it('are one commit for any packages that do not clash', async () => {
      const folder = fc.constantFrom(
        'usr/bin',
        'bin',
        'sbin',
        'lib/x',
        'etc/config',
        'usr/share/a/b',
        'var/lib',
        'www',
        'opt2/z',
      );
      const mode = fc.constantFrom(0o644, 0o755, 0o600, 0o4711);
      const file = fc.record({
        folder,
        content: fc.string({ maxLength: 40 }),
        mode,
        uid: fc.nat(3),
        link: fc.boolean(),
      });
      const sets = fc.array(fc.array(file, { maxLength: 5 }), { minLength: 1, maxLength: 3 });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(sets, async (all) => {
          const work = join(world.dir, `work${++round}`);
          mkdirSync(work);
          const packages = all.map((files, p) => {
            const entries = files.map((f, i): [string, IpkFile] => [
              `${f.folder}/p${p}f${i}`,
              f.link
                ? { type: 'symlink', link: `/x/${f.uid}` }
                : { content: f.content, mode: f.mode, uid: f.uid, gid: f.uid },
            ]);
            return pkg(
              `pkg${p}`,
              { files: Object.fromEntries(entries) },
              p > 0 ? { Depends: `pkg${p - 1}` } : {},
              p % 2 === 0,
            );
          });
          await compare(world.repo, world.base, work, packages, false);
        }),
        { numRuns: 8 },
      );
      fsck(world.repo);
    });
  },
);

const rootfs = process.env['OPENWRT_ROOTFS'] ?? '';
describe.skipIf(!hasOstree || !canSandbox || rootfs === '')(
  'a layer on a real OpenWrt root (skipped without OPENWRT_ROOTFS)',
  () => {
    it('is what default_postinst of that release makes of the same packages', async () => {
      const world = await LayerWorld.make();
      try {
        const repo = Repository.init(join(world.dir, 'real'), { mode: 'bare' });
        const { commit: base } = await compose(repo, { kind: 'tar', path: rootfs });
        const before = Date.now();
        const stub1806 = stub.replace('-s', '-x').replace(/^.*IPKG_NO_SCRIPT.*\n/mu, '');
        const commit = await compare(
          repo,
          base,
          world.dir,
          [
            pkg(
              'lib',
              {
                files: { 'usr/lib/libx.so': 'elf', 'etc/config/lib': 'config lib\n' },
                scripts: { postinst: stub1806 },
              },
              {},
              false,
            ),
            pkg(
              'svc',
              {
                files: {
                  'usr/sbin/svc': { content: 'x', mode: 0o755 },
                  'etc/init.d/svc': init(88, 12),
                  'etc/init.d/S40odd': init(41),
                },
                scripts: {
                  postinst: stub1806,
                  'postinst-pkg':
                    'mkdir -p $' + '{IPKG_INSTROOT}/etc/svc; echo x > $' + '{IPKG_INSTROOT}/etc/svc/made\n',
                },
              },
              { Depends: 'lib', 'Require-User': 'svc=811:svc=812 :dialout=20' },
            ),
          ],
          true,
        );
        expect(Date.now() - before).toBeLessThan(60_000);
        const passwd = execFileSync('ostree', [`--repo=${repo.path}`, 'cat', commit, '/usr/etc/passwd'], {
          encoding: 'utf8',
        });
        expect(passwd).toMatch(/\nsvc:x:811:812:svc:\/var\/run\/svc:\/bin\/false\n$/u);
        fsck(repo);
      } finally {
        world.close();
      }
    });
  },
);
