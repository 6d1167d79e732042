import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import {
  findTarget,
  finishDeployment,
  holdStaged,
  newOrigin,
  readStaged,
  stageDeployment,
} from '../../src/boot/index.ts';
import { commitTree, deploy, hasOstree, isRoot, Sysroot, vectorTree } from '../boot/support.ts';
import { runsOf } from '../support/soak.ts';

/** Every how many steps the merge is cut. */
const stride = runsOf(5, 1);
const digest = (dir: string) =>
  execFileSync(
    'sh',
    [
      '-c',
      'cd "$1" && find . -printf "%p %y %m %U:%G %T@ %l\\n" | sort; find . -type f | sort | xargs sha256sum',
      'sh',
      dir,
    ],
    {
      encoding: 'utf8',
    },
  );
/** Without times: those of merged files are the clock's. */
const content = (dir: string) =>
  execFileSync(
    'sh',
    [
      '-c',
      'cd "$1" && find . -printf "%p %y %m %U:%G %l\\n" | sort; find . -type f | sort | xargs sha256sum',
      'sh',
      dir,
    ],
    {
      encoding: 'utf8',
    },
  );

describe.skipIf(!hasOstree || !isRoot)('finalize, cut at any path (needs ostree and root)', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'etc-crash-'));
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  it('leaves the old /etc byte for byte, and the next run merges the same', async () => {
    const root = join(scratch, 'root');
    let sysroot = Sysroot.init(root, { target: findTarget('generic-grub'), stateroot: 'openwrt' });
    const option = (n: number, a: string, b: string) => [
      `usr/etc/config/c${n}`,
      `config t 'x'\n\toption a '${a}'\n\toption b '${b}'\n`,
    ];
    const files = (b: string) => Object.fromEntries(Array.from({ length: 30 }, (_, n) => option(n, '1', b)));
    const commit = (b: string) =>
      commitTree(scratch, join(root, 'ostree/repo'), {
        ref: 'openwrt/x86',
        files: { ...vectorTree, ...files(b) },
      });
    const { deployment } = await deploy(sysroot, commit('1'), { kargs: ['quiet'] });
    const etc = join(deployment.path, 'etc');
    for (let n = 0; n < 30; n += 2)
      fs.writeFileSync(join(etc, `config/c${n}`), option(n, 'mine', '1')[1] ?? '');
    fs.writeFileSync(join(etc, 'mine'), 'm', { mode: 0o600 });
    const before = digest(etc);
    const request = {
      commit: commit('2'),
      origin: newOrigin('openwrt/x86'),
      stateroot: 'openwrt',
      mergeFrom: deployment,
    };
    const staged = await stageDeployment(sysroot, request, silentContext);
    holdStaged(sysroot, staged);
    const steps: string[] = [];
    let cut = 0;
    for (let stop = 0; ; stop += stride) {
      sysroot = Sysroot.open(root);
      const held = readStaged(sysroot);
      if (held === undefined) throw new Error('the staged deployment is lost');
      let step = 0;
      const onEtcStep = (path: string) => {
        if (step++ === stop) throw new Error(`cut at ${path}`);
        if (stop === 0) steps.push(path);
      };
      const ended = await finishDeployment(sysroot, held, silentContext, { onEtcStep }).catch(
        (error: unknown) => error,
      );
      expect(digest(etc)).toBe(before);
      if (!(ended instanceof Error)) break;
      cut++;
    }
    expect(cut).toBeGreaterThan(5);
    const merged = join(Sysroot.open(root).deployments()[0]?.path ?? '', 'etc');
    expect(fs.readFileSync(join(merged, 'config/c0'), 'utf8')).toBe(option(0, 'mine', '2')[1]);
    expect(fs.readFileSync(join(merged, 'config/c1'), 'utf8')).toBe(option(1, '1', '2')[1]);
    const again = await stageDeployment(Sysroot.open(root), request, silentContext);
    const second = await finishDeployment(Sysroot.open(root), again, silentContext, { cleanup: false });
    expect(content(join(second.deployment.path, 'etc'))).toBe(content(merged));
  });
});
