import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import { fileStream, readIpk } from '../../src/ipk/index.ts';
import { loadSettings, type Messages, matchesGlob, Run, renderInfo } from '../../src/offline/index.ts';
import { Placer } from '../../src/offline/place.ts';
import { buildIpk } from '../support/ipk.ts';

const silent: Messages = {
  verbosity: 0,
  notice: () => undefined,
  info: () => undefined,
  error: () => undefined,
};
let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'offline-'));
  for (const folder of ['etc/opkg', 'var/lock', 'usr/lib/opkg/lists'])
    fs.mkdirSync(join(root, folder), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function open(): Run {
  const options = {
    switches: new Set<never>(),
    values: new Map([['offline_root', root] as const]),
    architectures: [],
    destinations: [],
    verbosity: 0,
  };
  const settings = loadSettings(options, { OFFLINE_ROOT: undefined, OPKG_CONF_DIR: undefined }, silent);
  if (settings === undefined) throw new Error('the settings cannot be read');
  return new Run(settings, silent, { skip: new Set(), words: ['a'], keepLineBreaks: false });
}

const name = fc.constantFrom(
  'a',
  'b',
  'c',
  'a (>= 1)',
  'b (<< 2)',
  'c | a',
  '',
  '|',
  '(',
  ')',
  '*',
  'a *',
  'a (',
  '\u00ff',
);
const list = fc.array(name, { maxLength: 5 }).map((names) => names.join(', '));
const field = fc.oneof(
  fc.constantFrom(
    'Package: a',
    'Package: b',
    'Package: c',
    'Version: 1',
    'Version: 2:3-4',
    'Architecture: all',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'Depends',
        'Pre-Depends',
        'Recommends',
        'Suggests',
        'Conflicts',
        'Replaces',
        'Provides',
      ),
      list,
    )
    .map(([key, value]) => `${key}: ${value}`),
  fc.constantFrom(
    'Status: install user installed',
    'Status: x',
    'Status: a b c',
    'Conffiles:',
    ' /x y',
    'Essential: yes',
  ),
  fc.constantFrom('Alternatives: 1:/x:y, ::, 2:x:y', 'Description: d', ' more', 'Size: -1', 'MD5Sum: zz', ''),
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ' ')),
);
const text = fc.array(field, { maxLength: 40 }).map((lines) => `Package: a\n${lines.join('\n')}\n`);

describe('what feeds, databases and configuration files may hold', () => {
  it('never more than opkg’s own refusals come of it', () => {
    fc.assert(
      fc.property(text, text, text, (index, status, configuration) => {
        fs.writeFileSync(join(root, 'etc/opkg/x.conf'), `src x http://x\n${configuration}`);
        fs.writeFileSync(join(root, 'usr/lib/opkg/lists/x'), index, 'latin1');
        fs.writeFileSync(join(root, 'usr/lib/opkg/status'), status, 'latin1');
        const run = open();
        run.universe.ensure('a');
        run.loadRelated();
        run.loadFeeds();
        run.loadDatabase();
        for (const pkg of run.universe.available()) {
          expect(renderInfo(pkg)).toMatch(/^Package: /u);
          run.chooser.byName(pkg.name);
          run.chooser.missing(pkg, 'install');
        }
      }),
      { numRuns: 200 },
    );
  });

  it('a list that is cut short is left out', () => {
    fs.writeFileSync(join(root, 'etc/opkg/x.conf'), 'src/gz x http://x\n');
    fs.writeFileSync(join(root, 'usr/lib/opkg/lists/x'), Buffer.from('1f8b0800', 'hex'));
    const run = open();
    run.loadFeeds();
    expect(run.universe.available()).toEqual([]);
  });
});

describe('patterns', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '[a-c]', '-', '.', '[', ']'), {
    maxLength: 8,
  });
  const word = fc.array(fc.constantFrom('a', 'b', 'c', '-', '.', '[', ']'), { maxLength: 8 });

  it('fit what the shell’s own matching fits', () => {
    const pairs = fc.sample(fc.tuple(pattern, word), 400).map(([p, w]) => [p.join(''), w.join('')] as const);
    const script =
      'while IFS= read -r p && IFS= read -r w; do case "$w" in $p) echo 1 ;; *) echo 0 ;; esac; done';
    const input = pairs.map(([p, w]) => `${p}\n${w}\n`).join('');
    const answers = execFileSync('sh', ['-c', script], { input, encoding: 'utf8' }).trim().split('\n');
    expect(pairs.map(([p, w]) => `${p} ${w} ${Number(matchesGlob(p, w))}`)).toEqual(
      pairs.map(([p, w], at) => `${p} ${w} ${answers[at]}`),
    );
  });

  it('take no longer than the product of both lengths', () => {
    expect(matchesGlob(`${'a*'.repeat(200)}b`, 'a'.repeat(5000))).toBe(false);
  });
});

describe('placing files', () => {
  const place = async (files: Parameters<typeof buildIpk>[0]['files']) => {
    const path = join(root, 'x.ipk');
    fs.writeFileSync(path, buildIpk(files === undefined ? {} : { files }));
    const placer = new Placer(join(root, 'tree'));
    await readIpk(fileStream(path), { entry: (entry) => placer.place(entry) });
  };
  const outside = () => join(root, 'outside');
  beforeEach(() => {
    fs.mkdirSync(join(root, 'tree'));
    fs.mkdirSync(outside());
  });

  it('follows links of the root inside the root, absolute ones too', async () => {
    fs.symlinkSync(outside(), join(root, 'tree/etc'));
    fs.symlinkSync('../../../../..', join(root, 'tree/up'));
    fs.mkdirSync(join(root, 'tree', outside()), { recursive: true });
    await place({ 'etc/passwd': 'x\n', 'up/file': 'y\n' });
    expect(fs.readdirSync(outside())).toEqual([]);
    expect(fs.readFileSync(join(root, 'tree', outside(), 'passwd'), 'utf8')).toBe('x\n');
    expect(fs.readFileSync(join(root, 'tree/file'), 'utf8')).toBe('y\n');
  });

  it('keeps a link to a directory where a package lists the directory', async () => {
    fs.mkdirSync(join(root, 'tree/tmp'));
    fs.symlinkSync('tmp', join(root, 'tree/var'));
    await place({ 'var/file': 'x\n' });
    expect(fs.readlinkSync(join(root, 'tree/var'))).toBe('tmp');
    expect(fs.readFileSync(join(root, 'tree/tmp/file'), 'utf8')).toBe('x\n');
  });

  it('replaces a link itself and not what it leads to', async () => {
    fs.writeFileSync(join(outside(), 'target'), 'kept\n');
    fs.symlinkSync(join(outside(), 'target'), join(root, 'tree/file'));
    await place({ file: 'new\n' });
    expect(fs.readFileSync(join(outside(), 'target'), 'utf8')).toBe('kept\n');
    expect(fs.readFileSync(join(root, 'tree/file'), 'utf8')).toBe('new\n');
  });

  it('ends with a typed error at a circle of links', async () => {
    fs.symlinkSync('b', join(root, 'tree/a'));
    fs.symlinkSync('a', join(root, 'tree/b'));
    const error = await place({ 'a/file': 'x\n' }).catch((thrown: unknown) => thrown);
    expect(isOpkgOstreeError(error)).toBe(true);
  });
});
