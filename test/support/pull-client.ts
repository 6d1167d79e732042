/**
 * A process of its own that pulls, to be killed: `REPO REMOTE BRANCH [JSON options]`. Bundled by the test that runs it.
 * As `serve FOLDER` it serves one, printing the port.
 */
import { pull, Repository } from '../../src/ostree/index.ts';
import { serveFolder } from '../../src/sys/index.ts';

const [first = '', second = '', branch = '', options = '{}'] = process.argv.slice(2);
if (first === 'serve') {
  const server = await serveFolder(second);
  process.stdout.write(`${server.port}\n`);
} else {
  const report = await pull(Repository.open(first), second, { refs: [branch], ...JSON.parse(options) });
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
