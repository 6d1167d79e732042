import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { hasProgram, isRoot, scratch } from '../ostree/support.ts';

const usable = isRoot && hasProgram('ostree') && hasProgram('setfattr') && hasProgram('setpriv');
const dir = scratch();

describe.skipIf(!usable)('as an ordinary user (needs root to become one, setpriv, ostree and attr)', () => {
  it.each(['bare-user', 'archive'])('a %s repository keeps files that their owner may not write', (mode) => {
    chmodSync(dir, 0o755);
    const home = join(dir, mode);
    mkdirSync(home);
    chmodSync(home, 0o777);
    const script = join(dir, `${mode}.mjs`);
    const source = `import { checkout, fsck, MutableTree, Repository } from ${JSON.stringify(join(import.meta.dirname, '../../src/ostree/index.ts'))};
      const repo = Repository.init(${JSON.stringify(join(home, 'repo'))}, { mode: ${JSON.stringify(mode)}, configure: (c) => c.set('core', 'min-free-space-percent', '0') });
      const a = (mode) => ({ uid: 0, gid: 5, mode, xattrs: [] });
      const commit = await repo.withTransaction((txn) => {
        const tree = MutableTree.empty(repo, a(0o40755));
        for (const mode of [0o444, 0o000, 0o4555, 0o755]) tree.putFile('f' + mode, txn.writeFile(a(0o100000 | mode), Buffer.from('x' + mode)));
        tree.putFile('link', txn.writeSymlink(a(0o120777), 'f'));
        const commit = txn.writeCommit({ metadata: [], subject: 's', body: '', timestamp: 1, ...tree.write(txn) });
        txn.setRef('m', commit);
        return commit;
      });
      await checkout(repo, commit, ${JSON.stringify(join(home, 'out'))}, { userMode: true });
      const report = await fsck(repo);
      console.log(process.getuid(), report.faults.length, repo.loadFile(repo.loadDirtree(repo.loadCommit(commit).tree).files[0].checksum).attributes.gid);`;
    buildSync({
      stdin: { contents: source, resolveDir: dir },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'error',
    });
    const asUser = (program: string, ...args: string[]) =>
      execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', program, ...args], {
        encoding: 'utf8',
      });
    expect(asUser(process.execPath, script).trim()).toBe('65534 0 5');
    expect(asUser('ostree', `--repo=${home}/repo`, 'fsck')).toContain('no errors found');
    expect(asUser('ostree', `--repo=${home}/repo`, 'ls', 'm')).toMatch(/-04555 0 5/u);
  });
});
