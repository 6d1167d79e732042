/** The command lines of docs/guide: each block of sh that is marked as runnable runs, in the order of its guide. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, FeedServer, runProgram, type Scene, startScene } from '../support/world/index.ts';
import { repoRoot } from '../support/world/repo-root.ts';

interface Block {
  readonly line: number;
  readonly script: string;
}

function blocks(guide: string): Block[] {
  const text = readFileSync(join(repoRoot, 'docs/guide', `${guide}.md`), 'utf8');
  return [...text.matchAll(/^```sh runnable\n([\s\S]*?)^```$/gmu)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length + 1,
    script: match[1] ?? '',
  }));
}

/** Commands that a guide shows but no block runs must exist all the same. */
function shown(guide: string): string[] {
  const text = readFileSync(join(repoRoot, 'docs/guide', `${guide}.md`), 'utf8');
  return [...text.matchAll(/^ {4}(opkg-ostree .*)$/gmu)].map(([, line]) => line ?? '');
}

describe.skipIf(process.getuid?.() !== 0)('the guides (needs root)', () => {
  let scene: Scene;
  let server: FeedServer;
  let work: string;
  beforeAll(async () => {
    scene = await startScene();
    work = join(scene.folder, 'work');
    mkdirSync(join(work, 'bin'), { recursive: true });
    const [old, current] = scene.releases;
    cpSync(old.rootfs, join(work, 'rootfs.tar.gz'));
    cpSync(current.rootfs, join(work, 'rootfs-new.tar.gz'));
    cpSync(old.kernel, join(work, 'bzImage'));
    const command = `#!/bin/sh\nexec '${process.execPath}' '${ensureBundle()}' "$@"\n`;
    writeFileSync(join(work, 'bin/opkg-ostree'), command, { mode: 0o755 });
    server = await FeedServer.start(work);
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
  });
  afterAll(async () => {
    await server.close();
    await scene.end();
  });

  const run = (script: string) =>
    runProgram('sh', ['-euc', script], {
      cwd: work,
      env: {
        PATH: `${join(work, 'bin')}:${process.env['PATH'] ?? ''}`,
        HOME: work,
        OPKG_OSTREE_SYSROOT: scene.sysroot,
        OPKG_OSTREE_RUN: join(work, 'run'),
        SERVER: `${server.url}/www`,
      },
    });

  // The fleet's routers follow what the image maker serves.
  for (const guide of ['router', 'image-maker', 'fleet']) {
    describe(`${guide}.md`, () => {
      it.each(blocks(guide))('line $line', async ({ line, script }) => {
        const ended = await run(script);
        expect(ended.status, `${guide}.md:${line}\n${script}\n${ended.stdout}${ended.stderr}`).toBe(0);
        expect(ended.stderr).not.toContain('this is a bug');
      });
    });
  }

  it.each(['router', 'image-maker', 'fleet', 'convert'])(
    '%s.md shows no option that does not exist',
    async (guide) => {
      for (const line of shown(guide)) {
        const words = line.split(/\s+/u).slice(1);
        const group = words.slice(0, ['repo', 'image', 'override', 'self'].includes(words[0] ?? '') ? 2 : 1);
        const help = (await run(`opkg-ostree ${group.join(' ')} --help`)).stdout;
        for (const option of words.filter((word) => word.startsWith('--')))
          expect(help, line).toContain(option);
      }
    },
  );

  it('runs blocks of every guide', () => {
    for (const guide of ['router', 'image-maker', 'fleet']) expect(blocks(guide).length).toBeGreaterThan(1);
  });
});
