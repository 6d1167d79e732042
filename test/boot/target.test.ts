import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { defaultKargs, findTarget, listTargets, parseTarget } from '../../src/boot/target.ts';
import { targetData } from '../../src/boot/target-data.ts';

const schema = JSON.parse(readFileSync(new URL('../../docs/schema/target.json', import.meta.url), 'utf8'));
const fits = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: false }).compile(schema);

describe('targets', () => {
  it.each([...targetData])('%s fits the published schema', (id, data) => {
    expect([fits(data), fits.errors]).toEqual([true, null]);
    expect(data).toMatchObject({ id });
  });

  it.each(listTargets().filter(({ id, status }) => status === 'supported' && !id.startsWith('generic-')))(
    '$id has a public source for each fact',
    ({ id }) => {
      for (const source of Object.values(findTarget(id).sources))
        expect(source).toMatch(/https:\/\/\S+|^our own/u);
    },
  );

  it('what the schema refuses, the reader refuses too', () => {
    const board = targetData.get('bananapi-r3');
    const change = (path: readonly string[], value: unknown) => {
      const copy: Record<string, unknown> = structuredClone(board as Record<string, unknown>);
      let at = copy;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
      const last = path.at(-1) ?? '';
      if (value === undefined) delete at[last];
      else at[last] = value;
      return copy;
    };
    const wrong: readonly (readonly [readonly string[], unknown])[] = [
      [['loader', 'id'], 'lilo'],
      [['loader', 'script', 'command'], 'go'],
      [['loader', 'script', 'defaults', 'x y'], '1'],
      [['loader', 'script', 'defaults', 'x'], '1; reset'],
      [['loader', 'script', 'counter'], 'yes'],
      [['loader', 'script'], undefined],
      [['loader', 'script', 'bootcmd'], undefined],
      [['environment', 'size'], -1],
      [['environment', 'variables', 'a'], 3],
      [['image', 'label'], 'bsd'],
      [['image', 'loader', 'files'], ['x']],
      [['image', 'partitions', '0', 'startKib'], undefined],
      [['image', 'partitions', '6', 'use'], 'swap'],
      [['kernel', 'initramfs'], 1],
      [['sources', 'image'], undefined],
    ];
    for (const [path, value] of wrong) {
      const bad = change(path, value);
      expect(fits(bad), path.join('.')).toBe(false);
      expect(() => parseTarget(bad, 'x.json'), path.join('.')).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    }
  });

  it('every file of targets/ is bundled', () => {
    const files = readdirSync(new URL('../../targets', import.meta.url)).filter((name) =>
      name.endsWith('.json'),
    );
    expect(files.map((name) => name.slice(0, -'.json'.length)).sort()).toEqual([...targetData.keys()].sort());
  });

  it.each(
    listTargets()
      .filter((t) => t.status === 'supported')
      .map((t) => t.id),
  )('%s is whole, each fact with its source', (id) => {
    const target = findTarget(id);
    expect(target.id).toBe(id);
    expect(defaultKargs(target)).toContain('rootwait');
  });

  it.each(listTargets().filter((t) => t.status !== 'supported'))(
    '$id is refused with its reason',
    ({ id, reason }) => {
      expect(() => findTarget(id)).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_TARGET', message: expect.stringContaining(reason ?? '-') }),
      );
    },
  );

  it('an unknown name is refused with the known ones', () => {
    expect(() => findTarget('toaster')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('x86-64') }),
    );
  });

  it('consoles come last, the main one at the end', () => {
    expect(defaultKargs(findTarget('x86-64'))).toEqual([
      'rw',
      'rootwait',
      'panic=10',
      'oops=panic',
      'console=tty1',
      'console=ttyS0,115200n8',
    ]);
  });

  const good = targetData.get('x86-64');
  const without = (name: string) =>
    Object.fromEntries(Object.entries(good as object).filter(([key]) => key !== name));
  it.each([
    [null, 'not an object'],
    [[], 'not an object'],
    [without('title'), 'title'],
    [without('kernel'), 'kernel'],
    [{ ...without('loader'), loader: { id: 'lilo', firmware: [], timeout: 1 } }, 'lilo'],
    [{ ...without('tier'), tier: -1 }, 'tier'],
    [{ ...without('kargs'), kargs: ['a', 3] }, 'kargs'],
    [{ ...without('sources'), sources: {} }, 'sources.loader'],
    [{ ...without('partitions'), partitions: [{ number: 1 }] }, 'partitions[0].name'],
  ])('a wrong file is refused by the name of its field', (value, text) => {
    expect(() => parseTarget(value, 'x.json')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(text) }),
    );
  });
});
