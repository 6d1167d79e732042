/** `status` of the ubus object: answered from what was kept, without Node, beside the same through Node. */
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundlePath } from '../test/support/world/bundle.ts';
import { startScene } from '../test/support/world/index.ts';
import { measure } from './lib/harness.ts';

const shim = join(process.cwd(), 'files/usr/libexec/rpcd/opkg-ostree');
/** Milliseconds that a page may wait for the status. */
const budget = 30;

const scene = await startScene();
try {
  await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
  await scene.compose(0);
  await scene.cli.ok('deploy', scene.branch);
  const command = join(scene.folder, 'opkg-ostree');
  const started = join(scene.folder, 'started');
  writeFileSync(command, `#!/bin/sh\n: >'${started}'\nexec '${process.execPath}' '${bundlePath}' "$@"\n`);
  chmodSync(command, 0o755);
  const run = join(scene.folder, 'home/run');
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: scene.folder,
    OPKG_OSTREE_COMMAND: command,
    OPKG_OSTREE_SYSROOT: scene.sysroot,
    OPKG_OSTREE_RUN: run,
  };
  const call = (...shell: string[]) => {
    const [program = shim, ...words] = [...shell, shim, 'call', 'status'];
    // The kept status is answered without a look at the arguments.
    const answer = execFileSync(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env, encoding: 'utf8' });
    if (!answer.startsWith('{"api":1')) throw new Error(`the shim answered ${answer.slice(0, 200)}`);
  };
  // What is kept is a second older than what it was made from; a call behind that second keeps it for good.
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  call();
  const throughNode = () => execFileSync(command, ['rpc', 'status'], { input: '{}', env });
  const measured = await measure(
    'shim status',
    [
      { name: 'kept, sh', run: () => call('/bin/sh') },
      { name: 'kept, busybox ash', run: () => call('/bin/busybox', 'sh') },
      { name: 'through Node', run: throughNode },
    ],
    { rounds: 21, warmup: 2 },
  );
  for (const { name, median } of measured)
    if (name.startsWith('kept') && median > budget) {
      console.error(`${name}: ${median.toFixed(1)} ms, more than ${budget}`);
      process.exitCode = 1;
    }
} finally {
  await scene.end();
}
