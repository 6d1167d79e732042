import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError, type PackageName, sha256Hex, utf8 } from '../../src/base/index.ts';
import {
  FeedIndex,
  makeIndexTable,
  parseIndex,
  parseIndexTable,
  renderIndexTable,
} from '../../src/ipk/index.ts';
import { suppliesOf } from '../../src/packages/index.ts';
import { gzip } from '../support/ipk.ts';
import { codeOf } from '../support/outcomes.ts';

const feed = { name: 'base', url: 'https://example.org/base' };
const digestOf = (text: string) => sha256Hex(utf8(text));
const named = (name: string) => name as PackageName;

const entry = (fields: Readonly<Record<string, string>>): string => {
  const all = {
    Package: 'a',
    Version: '1',
    Architecture: 'all',
    Filename: 'a.ipk',
    Size: '1',
    SHA256sum: '0'.repeat(64),
    ...fields,
  };
  return `${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n\n`;
};

const text =
  entry({ Package: 'wpad', Provides: 'hostapd, supplicant', Description: ' one\n two \u00e9\n .\n three' }) +
  '\n\nFilename: __.ipk\n\n' +
  entry({ Package: 'hostapd', Version: '2', Description: 'short' }) +
  entry({ Package: 'broken', Size: 'x' }) +
  entry({ Package: 'hostapd', Version: '1', Replaces: 'old', Conflicts: 'old' }) +
  entry({ Package: 'last', Depends: 'hostapd (>= 1)' }).trimEnd();

function open(index: string, table = makeIndexTable(utf8(index))): FeedIndex {
  return new FeedIndex(feed, table, () => utf8(index));
}

describe('the table of an index', () => {
  it('finds packages by every name that they answer to', () => {
    const index = open(text);
    const ids = (name: string) => index.answering(named(name)).map((item) => `${item.name} ${item.version}`);
    expect(ids('hostapd')).toEqual(['hostapd 2', 'hostapd 1', 'wpad 1']);
    expect(ids('supplicant')).toEqual(['wpad 1']);
    expect(ids('old')).toEqual(['hostapd 1']);
    expect(ids('nothing')).toEqual([]);
    expect(new Set(index.names())).toEqual(new Set(['wpad', 'hostapd', 'supplicant', 'last', 'old']));
    expect(index.skipped).toEqual(['package broken has no usable Size']);
  });

  it('gives a package as reading the whole index gives it, the same object each time', () => {
    const index = open(text);
    const byName = [...parseIndex(utf8(text), feed)].sort((a, b) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
    );
    expect([...index.packages()]).toEqual(byName);
    expect(index.answering(named('last'))[0]).toBe(index.named(named('last'))[0]);
  });

  it('gives descriptions as the full reader does', () => {
    const index = open(text);
    expect(index.rows.map((row) => index.description(row))).toEqual(
      [...index.packages()].map((item) => item.description),
    );
    expect(index.rows.map((row) => index.description(row))).toContain('one\ntwo \u00e9\n.\nthree');
    const first = open(
      'Description: begins\nPackage: a\nVersion: 1\nArchitecture: all\nFilename: f\nSize: 1\nSHA256sum: ' +
        '0'.repeat(64),
    );
    expect(first.rows.map((row) => first.description(row))).toEqual(['begins']);
  });

  it('is the same after it was written and read, for gzipped indices too', () => {
    const table = makeIndexTable(utf8(text));
    const packed = gzip(utf8(text));
    const digest = sha256Hex(packed);
    const again = parseIndexTable(renderIndexTable(table, digest), digest);
    expect(again).toEqual(table);
    const index = new FeedIndex(feed, again, () => packed);
    expect([...index.packages()]).toEqual([...open(text).packages()]);
    expect(parseIndexTable(renderIndexTable(makeIndexTable(utf8('\n')), digest), digest).rows).toEqual([]);
  });

  it('of any index answers for exactly the names that its packages supply', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'a.b', 'a-1');
    const fields = fc.record({
      Package: name,
      Version: fc.constantFrom('1', '2'),
      Provides: name,
      Conflicts: name,
      Replaces: name,
    });
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 12 }), (entries) => {
        const made = entries.map(entry).join('');
        const index = open(made);
        const all = parseIndex(utf8(made), feed);
        for (const asked of ['a', 'b', 'c', 'a.b', 'a-1'].map(named)) {
          const expected = all.filter((item) => suppliesOf(item).some((supply) => supply.name === asked));
          const key = (item: object) => JSON.stringify(item);
          expect(index.answering(asked).map(key).sort()).toEqual(expected.map(key).sort());
        }
      }),
    );
  });
});

describe('a table that is not as it was written', () => {
  const digest = digestOf(text);
  const good = renderIndexTable(makeIndexTable(utf8(text)), digest);

  it('is refused when any byte was changed or is missing', () => {
    for (let at = 0; at < good.byteLength; at++) {
      const bad = Uint8Array.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x20;
      // The size of the index is the one number that the content's digest does not cover; the index itself refutes it.
      const use = () =>
        open(text, parseIndexTable(bad, digest)).paragraph(makeIndexTable(utf8(text)).rows[0]!);
      expect(codeOf(use)).toBe('INDEX_TABLE_INVALID');
      expect(codeOf(() => parseIndexTable(good.subarray(0, at), digest))).toBe('INDEX_TABLE_INVALID');
    }
  });

  it('is refused for another index', () => {
    expect(codeOf(() => parseIndexTable(good, digestOf('other')))).toBe('INDEX_TABLE_INVALID');
  });

  it('cannot pass off one entry for another, even with digests made to fit', () => {
    const { rows, ...rest } = makeIndexTable(utf8(text));
    const [first, ...others] = rows;
    for (const forged of [
      { ...first!, start: first!.start + 1 },
      { ...first!, end: first!.end - 1 },
      { ...first!, start: others[1]!.start, end: others[1]!.end },
      { ...first!, version: '9' },
      { ...first!, architecture: 'other' },
    ]) {
      const table = { ...rest, rows: [forged, ...others] };
      const read = parseIndexTable(renderIndexTable(table, digest), digest);
      expect(codeOf(() => open(text, read).named(first!.name))).toBe('INDEX_TABLE_INVALID');
    }
  });

  it('made of anything ends in a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(good.byteLength), (noise, at) => {
        const bad = Uint8Array.from(good);
        bad.set(noise.subarray(0, good.byteLength - at), at);
        try {
          parseIndexTable(bad, digest);
          parseIndexTable(noise, digest);
        } catch (error) {
          expect(isOpkgOstreeError(error)).toBe(true);
        }
      }),
    );
  });
});
