import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError, sha256Hex, textOf, utf8 } from '../../src/base/index.ts';
import {
  FeedIndex,
  generateUsignKey,
  makeIndexTable,
  parseControl,
  parseIndex,
  parseIndexTable,
  parseKeyRing,
  parseOpkgConf,
  parseRecord,
  parseStatus,
  parseUsignPublicKey,
  parseUsignSecretKey,
  parseUsignSignature,
  renderIndexTable,
  renderUsignPublicKey,
  renderUsignSecretKey,
  signUsign,
  unpackIndexSync,
  verifyIndex,
} from '../../src/ipk/index.ts';
import { generateIndex } from '../packages/generated-feed.ts';
import { sharedData } from '../support/shared-data.ts';
import { type Corpus, fuzzRuns, fuzzSeed, mutant } from './mutate.ts';

const feed = { name: 'feed', url: 'https://example.org/feed' };
const key = generateUsignKey();
const keys = parseKeyRing([{ name: key.fingerprint, text: renderUsignPublicKey(key) }]).keys;

const real = sharedData('feeds/x86_64-22.03.2/base/Packages');
const index = generateIndex(9, 25);
const indices = [index, ...(real === undefined ? [] : [readFileSync(real, 'utf8').slice(0, 20_000)])].map(
  utf8,
);
const relations = [
  '(',
  ')',
  '|',
  ',',
  ' (>= 1)',
  '(<< 2)',
  '*',
  '@',
  '~',
  ':',
  'libc',
  'a | b',
  '\n',
  '\n\n',
  '\n ',
  ' \n',
  '\t',
];
const fieldNames = [
  'Package:',
  'Version:',
  'Depends:',
  'Provides:',
  'Conflicts:',
  'Filename: ../',
  'Size: 9e99',
  'SHA256sum:',
  'Alternatives: 1:/a:/b',
];
const indexCorpus: Corpus = {
  good: indices,
  words: [...relations, ...fieldNames.map((name) => `\n${name} `)],
};

const status = `Package: a\nVersion: 1\nDepends: b (>= 1)\nStatus: install user,hold installed\nArchitecture: all\nConffiles:\n /etc/a ${'0'.repeat(64)}\nInstalled-Time: 1\nAuto-Installed: yes\n\n`;
const statusCorpus: Corpus = {
  good: [utf8(status), utf8(status.repeat(3))],
  words: [
    ...relations,
    '\nStatus: ',
    ' unpacked',
    ' not-installed',
    '\nConffiles:',
    '\n /x ',
    '\nInstalled-Time: ',
  ],
};
const confCorpus: Corpus = {
  good: [
    utf8(
      'dest root /\nlists_dir ext /var/opkg-lists\narch all 1\noption check_signature\nsrc/gz base https://example.org/base\n',
    ),
    utf8('src/gz "a" "http://[::1]/x"\nsrc b file:///feeds\noption http_proxy http://p:1\narch x86_64 10\n'),
  ],
  words: [
    'src/gz ',
    'src ',
    'option ',
    'arch ',
    'dest ',
    '"',
    '#',
    '\n',
    ' ',
    'http://',
    'file:///',
    '\t',
    'check_signature',
    '..',
    '\u0000',
  ],
};
const packed = gzipSync(index);
const digest = sha256Hex(packed);
const tableCorpus: Corpus = {
  good: [
    renderIndexTable(makeIndexTable(utf8(index)), digest),
    renderIndexTable(makeIndexTable(utf8('\n')), digest),
  ],
  words: ['\t', '\n', ',', '0', '999999', 'OPOSTIDX'],
};
const signature = signUsign(utf8(index), key);
const usignCorpus: Corpus = {
  good: [signature, renderUsignPublicKey(key), renderUsignSecretKey(key)].map(utf8),
  words: ['untrusted comment: ', '\n', '=', '/', 'RWQ', ' '],
};

/** Runs it; what it returns, or undefined after an error of ours. Anything else that is thrown is a bug. */
function tried<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    return undefined;
  }
}

/** Looks at mutants of the corpus; a failure names the seed that makes it again. */
function fuzz(corpus: Corpus, look: (bytes: Uint8Array) => void): void {
  const first = fuzzSeed();
  for (let seed = first; seed < first + fuzzRuns(400); seed++) {
    try {
      look(mutant(corpus, seed));
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_RUNS=1`, { cause: error });
    }
  }
}

describe('damaged input ends in a result or a typed error', () => {
  it('indices, read whole and through their table alike', () => {
    fuzz(indexCorpus, (bytes) => {
      const whole = tried(() => parseIndex(bytes, feed));
      const table = tried(() => makeIndexTable(bytes));
      const read = table === undefined ? undefined : new FeedIndex(feed, table, () => bytes);
      const byTable = read === undefined ? undefined : [...read.packages()];
      const key = (item: object) => JSON.stringify(item);
      expect(byTable?.map(key).sort()).toEqual(whole?.map(key).sort());
      for (const row of read?.rows ?? []) read?.description(row);
      if (table !== undefined)
        expect(parseIndexTable(renderIndexTable(table, digest), digest)).toEqual(table);
    });
  });

  it('tables of indices, which never show a package that the index does not have', () => {
    const genuine = new Set(parseIndex(utf8(index), feed).map((item) => JSON.stringify(item)));
    fuzz(tableCorpus, (bytes) => {
      // The digest of the content is made to fit, or no mutant would get past it.
      const forged = Buffer.from(bytes);
      if (forged.byteLength > 96) forged.set(Buffer.from(sha256Hex(forged.subarray(96)), 'hex'), 64);
      const table = tried(() => parseIndexTable(forged, digest));
      if (table === undefined) return;
      const read = new FeedIndex(feed, table, () => packed);
      const shown = tried(() => [...read.packages()]) ?? [];
      for (const item of shown) expect(genuine.has(JSON.stringify(item))).toBe(true);
      for (const name of read.names()) tried(() => read.answering(name));
      for (const row of read.rows) tried(() => read.description(row));
    });
  });

  it('control files and databases', () => {
    fuzz(indexCorpus, (bytes) => void tried(() => parseRecord(parseControl(textOf(bytes)))));
    fuzz(statusCorpus, (bytes) => void tried(() => parseStatus(textOf(bytes))));
  });

  it('configuration, which never fails', () => {
    fuzz(confCorpus, (bytes) => {
      const conf = parseOpkgConf([{ path: 'opkg.conf', text: textOf(bytes) }]);
      for (const { name, url } of conf.feeds) {
        expect(name).toMatch(/^[\w+-][\w.+-]*$/u);
        expect(['http:', 'https:', 'file:']).toContain(new URL(url).protocol);
      }
    });
  });

  it('keys and signatures', () => {
    fuzz(usignCorpus, (bytes) => {
      const text = textOf(bytes);
      tried(() => parseUsignPublicKey(text));
      tried(() => parseUsignSignature(text));
      tried(() => parseUsignSecretKey(text));
      expect(parseKeyRing([{ name: key.fingerprint, text }]).keys.size).toBeLessThanOrEqual(1);
    });
  });

  it('compressed indices, and signatures that are accepted for the genuine bytes alone', async () => {
    const corpus: Corpus = {
      good: [packed, utf8(index)],
      words: ['\u001f\u008b\u0008', '\n', 'Package: a\n'],
    };
    const accepted: string[] = [];
    const pending: Promise<void>[] = [];
    fuzz(corpus, (bytes) => {
      const text = tried(() => unpackIndexSync(bytes));
      const verified = verifyIndex(bytes, utf8(signature), keys).then(
        () => void accepted.push(text === undefined ? 'unreadable' : textOf(text)),
        (error: unknown) => {
          if (!isOpkgOstreeError(error)) throw error;
        },
      );
      pending.push(verified);
    });
    await Promise.all(pending);
    for (const text of accepted) expect(text).toBe(index);
  });
});

describe('large input of one kind is read in one go or refused', () => {
  const size = 4 << 20;
  const shapes = [
    '\n',
    ' ',
    'a',
    ',',
    '(',
    '|',
    'Package: a\n',
    'Package: a\n\n',
    'Depends: a |',
    ' \n',
    'a (>= 1), ',
    '\t\n',
    ':',
  ];
  it.each(shapes)('%j', (shape) => {
    const text = shape.repeat(size / shape.length);
    tried(() => parseIndex(utf8(text), feed));
    tried(() => makeIndexTable(utf8(text)));
    tried(() => parseControl(text));
    tried(() =>
      parseRecord(
        parseControl(
          `Package: a\nVersion: 1\nArchitecture: all\nDepends: ${text.slice(0, 60_000).replaceAll('\n', '')}`,
        ),
      ),
    );
    tried(() => parseStatus(text));
    parseOpkgConf([{ path: 'opkg.conf', text }]);
    tried(() => parseUsignPublicKey(text));
    tried(() => parseIndexTable(utf8(text), digest));
  });

  it('a compression bomb stops at the limit of an index', () => {
    const bomb = gzipSync(Buffer.alloc(70 << 20, 'a'));
    expect(bomb.byteLength).toBeLessThan(1 << 20);
    expect(() => unpackIndexSync(bomb)).toThrow(/too large/u);
  });
});
