import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProgressEvent, silentContext, toRefName, toRelPath } from '../../src/base/index.ts';
import { type ComposeRequest, composeRootfs } from '../../src/compose/index.ts';
import { MutableTree, Repository } from '../../src/ostree/index.ts';
import { bootFiles, newest, smallRoot } from './support.ts';
import { buildTar } from './tar-builder.ts';

const dir = mkdtempSync(join(tmpdir(), 'compose-unit-'));
const branch = toRefName('openwrt/18.06/x86');
const archive = join(dir, 'root.tar.gz');
let repo: Repository;
afterAll(() => rmSync(dir, { recursive: true }));
beforeAll(() => {
  writeFileSync(archive, gzipSync(buildTar(smallRoot)));
  writeFileSync(join(dir, 'vmlinuz'), 'kernel');
  repo = Repository.init(join(dir, 'repo'), { mode: 'archive' });
});

const request: ComposeRequest = {
  source: { kind: 'tar', path: archive },
  branch,
  bootFiles,
  productVersion: '0.1.0',
};

describe('composeRootfs', () => {
  // Guards the whole chain: rules, modes, owners, database text, metadata order, serialisation. That the real ostree
  // serialises such a tree the same way is test/main/compose-small.test.ts.
  it('gives the commit that it always gave', async () => {
    const result = await composeRootfs(repo, { ...request, kernel: join(dir, 'vmlinuz') }, silentContext);
    expect(result).toEqual({
      commit: 'b81299291e717c7c891fe355e7238db210fc0f2b7dc58fb58b09434663ef7f48',
      warnings: [],
      version: '18.06.1',
      kernelRelease: '4.14.63',
      timestamp: newest,
    });
    expect(repo.readRef(branch)).toBe(result.commit);
  });

  it('makes a commit that cannot be booted where there is no kernel', async () => {
    const result = await composeRootfs(repo, { ...request, version: 'mine' }, silentContext);
    expect(result).toMatchObject({ kernelRelease: undefined, version: 'mine' });
    const commit = repo.loadCommit(result.commit);
    expect(commit.metadata.map(([key]) => key)).toEqual(['version', 'ostree.ref-binding']);
    expect(commit.subject).toBe('OpenWrt 18.06.1 mine');
    const tree = MutableTree.fromCommit(repo, result.commit);
    expect(tree.lookup(toRelPath('usr/etc/passwd'))?.kind).toBe('file');
    expect(tree.list(toRelPath('var'))).toEqual([]);
  });

  it('tells how far it is', async () => {
    const events: ProgressEvent[] = [];
    await composeRootfs(repo, request, { onProgress: (event) => events.push(event), signal: undefined });
    const done = events.map((event) => event.done ?? 0);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(events.at(-1)?.total);
    expect(new Set(events.map((event) => `${event.phase} ${event.total}`)).size).toBe(1);
  });

  it('asks for prepare-root where an initramfs is given', async () => {
    const attempt = composeRootfs(
      repo,
      { ...request, bootFiles: new Map(), kernel: join(dir, 'vmlinuz'), initramfs: join(dir, 'vmlinuz') },
      silentContext,
    );
    await expect(attempt).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
