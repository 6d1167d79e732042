import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';

const schemas = join(import.meta.dirname, '../../docs/schema');
const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
for (const name of readdirSync(schemas))
  ajv.addSchema(JSON.parse(readFileSync(join(schemas, name), 'utf8')), name);

/** The schema's complaints about a document; none where it fits. */
function complaints(schema: string, document: unknown): unknown {
  const validate = ajv.getSchema(schema);
  if (validate === undefined) throw new Error(`no schema ${schema}`);
  return validate(document) ? [] : validate.errors;
}

describe.skipIf(process.getuid?.() !== 0)('what --json prints fits the published schemas', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
  });
  afterAll(async () => {
    await scene?.end();
  });

  it('of a sysroot without deployments', async () => {
    expect(complaints('status.json', await scene.cli.json('status'))).toEqual([]);
  });

  it('of plans, events, status and history over a day', async () => {
    expect(complaints('plan.json', await scene.cli.json('deploy', scene.branch, '--dry-run'))).toEqual([]);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    expect(complaints('plan.json', await scene.cli.json('install', 'jq', 'tinyproxy', '--dry-run'))).toEqual(
      [],
    );
    const made = await scene.cli.run('install', 'jq', 'tinyproxy', '--json', '--progress', 'json');
    expect(made.status).toBe(0);
    expect(complaints('plan.json', JSON.parse(made.stdout).plan)).toEqual([]);
    const events: { phase: string; done?: number; total?: number }[] = made.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const event of events) expect(complaints('event.json', event)).toEqual([]);
    const downloads = events.filter((event) => event.phase === 'download');
    expect(downloads.length).toBeGreaterThan(1);
    expect(downloads.every((event, index) => (event.done ?? 0) >= (downloads[index - 1]?.done ?? 0))).toBe(
      true,
    );
    const status = await scene.cli.json<{
      deployments: { packages: string[]; 'requested-packages': string[] }[];
    }>('status');
    expect(complaints('status.json', status)).toEqual([]);
    expect(status.deployments[0]?.['requested-packages']).toEqual(['jq', 'tinyproxy']);
    expect(status.deployments[0]?.packages).toContain('libjq1');
    const history = await scene.cli.json<unknown[]>('history');
    expect(history).toHaveLength(3);
    for (const record of history) expect(complaints('history.json', record)).toEqual([]);
  });

  it('of errors and refusals', async () => {
    const cases = [
      ['install', 'no-such-package'],
      ['deploy', 'no/such/branch'],
      ['status', '--no-such-option'],
      ['undeploy', '7'],
    ];
    for (const words of cases) {
      const ended = await scene.cli.run(...words, '--json');
      const document: { error: { details?: unknown } } = JSON.parse(ended.stdout);
      expect(complaints('error.json', document)).toEqual([]);
      expect(ended.stderr).toBe('');
      if (words[1] === 'no-such-package')
        expect(complaints('refusal.json', document.error.details)).toEqual([]);
    }
  });
});
