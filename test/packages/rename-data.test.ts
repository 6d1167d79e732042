import { describe, expect, it } from 'vitest';
import { isPackageName } from '../../src/base/index.ts';
import { renameData, renamesOf } from '../../src/packages/rename-data.ts';

describe('the table of renamed packages', () => {
  it('has names, releases, and nothing twice', () => {
    for (const { from, to, since } of renameData) {
      for (const name of [from, ...to]) expect(isPackageName(name.replace(/\*$/, 'x')), name).toBe(true);
      expect(since).toMatch(/^\d\d\.\d\d$/);
      expect(to).not.toContain(from);
    }
    const names = renameData.map(({ from }) => from);
    expect(new Set(names).size).toBe(names.length);
  });

  it('leads to no circle', () => {
    for (const { from } of renameData) {
      const seen = new Set([from]);
      for (const name of seen) {
        for (const { to } of renamesOf(name)) {
          for (const next of to) {
            expect(next).not.toBe(from);
            seen.add(next);
          }
        }
      }
    }
  });

  it('puts the rest of a name in', () => {
    expect(renamesOf('luci-i18n-opkg-pt-br')).toMatchObject([{ to: ['luci-i18n-package-manager-pt-br'] }]);
    expect(renamesOf('luci-i18n-opkg-')).toEqual([]);
    expect(renamesOf('jq')).toEqual([]);
  });
});
