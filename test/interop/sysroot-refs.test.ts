import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checksum, silentContext } from '../../src/base/index.ts';
import {
  baseMetadataKey,
  cleanup,
  findTarget,
  finishDeployment,
  newOrigin,
  stageDeployment,
  withoutDeployment,
  writeDeployments,
} from '../../src/boot/index.ts';
import { commitTree, deploy, hasOstree, isRoot, ostree, Sysroot, vectorTree } from '../boot/support.ts';

describe.skipIf(!hasOstree || !isRoot)('what cleanup keeps in the repository (needs ostree and root)', () => {
  let scratch: string;
  let repo: string;
  let sysroot: Sysroot;
  let base: Checksum;
  let layered: Checksum;

  beforeEach(async () => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'refs-'));
    sysroot = Sysroot.init(join(scratch, 'root'), {
      target: findTarget('generic-grub'),
      stateroot: 'openwrt',
    });
    repo = join(scratch, 'root/ostree/repo');
    base = commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
    const files = { ...vectorTree, 'usr/bin/extra': 'x' };
    layered = commitTree(scratch, repo, { ref: 'tmp', files, metadata: { [baseMetadataKey]: base } });
    ostree(['refs', `--repo=${repo}`, '--delete', 'tmp']);
    await deploy(sysroot, layered, { kargs: ['quiet'] });
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  const refs = () =>
    ostree(['refs', `--repo=${repo}`])
      .trim()
      .split('\n')
      .sort();
  const has = (commit: Checksum) => sysroot.repo.hasObject('commit', commit);

  it('a layered deployment keeps its base, by a ref that goes with it', async () => {
    expect(refs()).toEqual(['openwrt/x86', 'opkg-ostree/base/0', 'opkg-ostree/etc/openwrt', 'ostree/1/1/0']);
    ostree(['refs', `--repo=${repo}`, '--delete', 'openwrt/x86']);
    await cleanup(sysroot, silentContext);
    expect(has(base)).toBe(true);
    await writeDeployments(sysroot, withoutDeployment(sysroot.deployments(), 0), silentContext);
    const report = await cleanup(sysroot, silentContext);
    expect(report.droppedRefs).toContain('opkg-ostree/base/0');
    expect([has(base), has(layered)]).toEqual([false, false]);
    expect(fs.readdirSync(join(scratch, 'root/boot/ostree'))).toEqual([]);
    ostree(['fsck', `--repo=${repo}`]);
  });

  it('package and feed refs go only where a policy says so', async () => {
    const cached = commitTree(scratch, repo, { ref: 'opkg-ostree/pkg/a/1', files: { a: '1' } });
    commitTree(scratch, repo, { ref: 'opkg-ostree/pkg/b/1', files: { b: '1' } });
    for (const name of ['named', 'latest', 'old'])
      commitTree(scratch, repo, { ref: `opkg-ostree/feeds/${name}`, files: { f: name } });
    await cleanup(sysroot, silentContext);
    expect(refs().filter((ref) => /\/(?:pkg|feeds)\//u.test(ref))).toHaveLength(5);

    const origin = { ...newOrigin('openwrt/x86'), feeds: { snapshot: 'named' } };
    const mergeFrom = sysroot.mergeDeployment('openwrt');
    const staged = await stageDeployment(
      sysroot,
      { commit: layered, origin, stateroot: 'openwrt', mergeFrom },
      silentContext,
    );
    const keepPackage = (ref: string) => ref.startsWith('opkg-ostree/pkg/a/');
    const report = await finishDeployment(sysroot, staged, silentContext, {
      cleanup: { keepPackage, keepFeeds: ['latest'] },
    });
    expect(report.cleanup?.droppedRefs.filter((ref) => !ref.startsWith('ostree/'))).toEqual([
      'opkg-ostree/feeds/old',
      'opkg-ostree/pkg/b/1',
    ]);
    expect(has(cached)).toBe(true);
    ostree(['fsck', `--repo=${repo}`]);
  });

  it('the same commit deployed again has its own serial and /etc', async () => {
    const [first] = sysroot.deployments();
    fs.writeFileSync(join(first?.path ?? '', 'etc/mine'), 'x');
    const { deployment } = await deploy(sysroot, layered);
    expect(deployment.serial).toBe(1);
    expect(fs.readFileSync(join(deployment.path, 'etc/mine'), 'utf8')).toBe('x');
    fs.writeFileSync(join(deployment.path, 'etc/conf'), 'changed');
    expect(fs.readFileSync(join(deployment.path, 'usr/etc/conf'), 'utf8')).toBe('default\n');
    expect(fs.readFileSync(join(first?.path ?? '', 'etc/conf'), 'utf8')).toBe('default\n');
    expect(fs.statSync(join(deployment.path, 'usr/bin/extra')).nlink).toBeGreaterThan(2);
    ostree(['fsck', `--repo=${repo}`]);
  });
});
