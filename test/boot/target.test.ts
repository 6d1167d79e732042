import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultKargs, findTarget, listTargets, parseTarget } from '../../src/boot/target.ts';
import { targetData } from '../../src/boot/target-data.ts';

describe('targets', () => {
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
