import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  packageUrl,
  parseControl,
  parseIndex,
  parseRecord,
  readIndex,
  renderDependencies,
} from '../../src/ipk/index.ts';
import type { AvailablePackage } from '../../src/packages/index.ts';
import { buildIndex, gzip, inChunks } from '../support/ipk.ts';
import { codeOfAsync } from '../support/outcomes.ts';
import { sharedData } from '../support/shared-data.ts';

const feed = { name: 'base', url: 'http://feed/base' };
const feeds = sharedData('feeds/arm_cortex-a9-23.05');
const bytes = Buffer.from('an ipk');

async function all(stream: AsyncIterable<Uint8Array>, onSkipped?: (reason: string) => void) {
  const packages: AvailablePackage[] = [];
  for await (const found of readIndex(stream, feed, onSkipped === undefined ? {} : { onSkipped }))
    packages.push(found);
  return packages;
}

const text = buildIndex([
  {
    fileName: 'a_1_all.ipk',
    bytes,
    control: { Package: 'a', Depends: 'libc, b (>= 2)', Description: ' A\n more é\n ' },
  },
  {
    fileName: 'sub/b_2+git_all.ipk',
    bytes,
    control: { Package: 'b', Version: '2+git', License: 'MIT', 'X-Long': 'y'.repeat(3000) },
  },
]);

describe('an index', () => {
  it.each([1, 3, 64, 65_536])(
    'is the same however its stream is cut (%i bytes), gzipped or not',
    async (chunk) => {
      const plain = await all(inChunks(Buffer.from(text), chunk));
      expect(plain).toEqual(await all(inChunks(gzip(Buffer.from(text)), chunk)));
      expect(plain).toEqual(parseIndex(Buffer.from(text), feed));
      expect(plain.map((p) => p.name)).toEqual(['a', 'b']);
      expect(plain[0]).toMatchObject({
        description: 'A\nmore é',
        size: 6,
        origin: { kind: 'feed', feed: 'base', url: 'http://feed/base/a_1_all.ipk' },
      });
    },
  );

  it('encodes a file name as opkg does', () => {
    expect(packageUrl('http://f', 'sub/b_2+git:1_all.ipk')).toBe('http://f/sub/b_2%2bgit%3a1_all.ipk');
    expect(packageUrl('http://f', 'é?#.ipk')).toBe('http://f/%c3%a9%3f%23.ipk');
  });

  it('may be empty', async () => {
    expect(await all(inChunks(Buffer.from('\n')))).toEqual([]);
    expect(await all(inChunks(new Uint8Array(0)))).toEqual([]);
  });

  it('leaves out entries without Package, as real feeds begin with one', async () => {
    const odd = `\nFilename: __.ipk\nSize: 1\nSHA256sum: ${'0'.repeat(64)}\nDescription:  \n\n${text}`;
    expect(await all(inChunks(Buffer.from(odd)))).toHaveLength(2);
  });

  const entry = (field: string, value: string) => {
    const lines = [
      'Package: x',
      'Version: 1',
      'Architecture: all',
      'Filename: x.ipk',
      'Size: 1',
      `SHA256sum: ${'0'.repeat(64)}`,
    ];
    return `${[...lines.filter((line) => !line.startsWith(`${field}:`)), `${field}: ${value}`].join('\n')}\n\n`;
  };
  it.each([
    ['Version', 'a b'],
    ['Depends', 'a (=='],
    ['Filename', '../../other.ipk'],
    ['Filename', '/abs.ipk'],
    ['Filename', ''],
    ['Size', '-1'],
    ['Size', 'many'],
    ['SHA256sum', 'abc'],
    ['Package', 'a/b'],
  ])('tells of an entry whose %s is %j, and goes on', async (field, value) => {
    const reasons: string[] = [];
    const found = await all(inChunks(Buffer.from(entry(field, value) + text)), (reason) =>
      reasons.push(reason),
    );
    expect(found).toHaveLength(2);
    expect(reasons).toHaveLength(1);
  });

  it.each<[string, Uint8Array, string]>([
    ['cut gzip', gzip(Buffer.from(text)).subarray(0, 100), 'IPK_TRUNCATED'],
    [
      'damaged gzip',
      Buffer.concat([gzip(Buffer.from(text)).subarray(0, 60), Buffer.alloc(40, 7)]),
      'IPK_MALFORMED',
    ],
    ['a line that is too long', Buffer.from(`Package: a\nX: ${'x'.repeat(70_000)}\n\n`), 'IPK_TOO_LARGE'],
    ['an entry that does not end', Buffer.from(`Package: a\n${'X: y\n'.repeat(300_000)}`), 'IPK_TOO_LARGE'],
    ['a bomb', Buffer.concat(Array(65).fill(gzip(Buffer.alloc(1 << 20, '\n')))), 'IPK_TOO_LARGE'],
  ])('is refused with %s', async (_, index, code) => {
    expect(await codeOfAsync(() => all(inChunks(index)))).toBe(code);
  });

  it('tells the same as the lossless parser', () => {
    for (const found of parseIndex(Buffer.from(text), feed)) {
      const paragraph = text.split('\n\n').find((p) => p.startsWith(`Package: ${found.name}\n`)) ?? '';
      expect(found).toMatchObject(parseRecord(parseControl(paragraph)));
    }
  });

  it('is read or refused with a typed error, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(text.length), async (noise, at) => {
        const spoiled = Buffer.concat([Buffer.from(text.slice(0, at)), noise, Buffer.from(text.slice(at))]);
        await all(inChunks(spoiled, 100)).catch((error) => expect(error).toSatisfy(isOpkgOstreeError));
      }),
    );
  });

  it.skipIf(feeds === undefined)('of a whole real release is read, and every package with it', async () => {
    const skipped: string[] = [];
    const packages: AvailablePackage[] = [];
    for (const name of readdirSync(feeds ?? '')) {
      const index = inChunks(readFileSync(`${feeds}/${name}/Packages.gz`));
      const url = `http://feed/${name}`;
      for await (const found of readIndex(
        index,
        { name, url },
        { onSkipped: (reason) => skipped.push(reason) },
      ))
        packages.push(found);
    }
    expect(skipped).toEqual([]);
    expect(packages).toHaveLength(4542);
    expect(packages.filter((p) => p.alternatives.length > 0)).toHaveLength(158);
    const odd = packages.find((p) => p.name === 'nginx-ssl');
    expect(renderDependencies(odd?.depends ?? [])).toContain(
      'nginx-ssl-util (>= 1.5-1), nginx-ssl-util (<= 2)',
    );
  });
});
