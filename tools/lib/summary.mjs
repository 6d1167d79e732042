// Counts what tools/test ran. `suite NAME OUT` prints one suite; `total OUT` prints all and, as the last line, the sum.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [mode, ...words] = process.argv.slice(2);
if (mode === 'suite') printSuite(words[0], words[1]);
else process.exitCode = printTotal(words[0]);

/** The counts of one suite's JSON report; a suite that wrote none, or a file that could not be loaded, is a failure. */
function countSuite(name, out) {
  const path = join(out, `${name}.json`);
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

function steps(out) {
  const lines = readFileSync(join(out, 'summary.tsv'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [name, status, seconds, limit] = line.split('\t');
    return { name, status: Number(status), seconds: Number(seconds), limit: Number(limit) };
  });
}

function printSuite(name, out) {
  const { passed, failed, skipped } = countSuite(name, out);
  const step = steps(out).find((item) => item.name === name);
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${step?.seconds ?? 0} s`);
}

function printTotal(out) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const suites = new Set(['unit', 'interop', 'e2e', 'main']);
  for (const { name, status, seconds } of steps(out)) {
    const counts = suites.has(name)
      ? countSuite(name, out)
      : { passed: 0, failed: status === 0 ? 0 : 1, skipped: 0 };
    // a suite that was cut off or crashed after its report still failed
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    for (const key of Object.keys(total)) total[key] += counts[key];
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}
