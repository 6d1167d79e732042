import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EtcResultNode,
  type EtcSides,
  planEtc,
  readEtcTree,
  resultBytes,
  writeEtc,
} from '../../src/state/index.ts';
import { limitOf, runsOf } from '../support/soak.ts';
import { merge, type Tree, writeTree } from './etc-trees.ts';

const isRoot = process.getuid?.() === 0;
const runs = runsOf(100, 1_000);
const limit = limitOf(runs, 1_000);

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'etc-preview-'));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const text = fc.constantFrom('1\n', '2\n', '3\n', '600|1\n', '755|2\n', '-> /tmp/x', '-> other');
const uci = fc
  .array(
    fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y'), fc.constantFrom('1', '2', '3')),
    { maxLength: 4 },
  )
  .map((list) =>
    list.map(([name, option, value]) => `config t '${name}'\n\toption ${option} '${value}'\n`).join('\n'),
  );
const users = fc
  .subarray([
    'root:x:0:0:r:/root:/bin/ash',
    'a:x:40000:40000:a:/:/bin/false',
    'b:x:40001:40001:b:/:/bin/false',
    'b:x:40000:5:b:/:/bin/sh',
  ])
  .map((lines) => lines.map((line) => `${line}\n`).join(''));
/** Paths that meet every rule, with types that clash. */
const tree: fc.Arbitrary<Tree> = fc
  .record(
    {
      f: text,
      'd/x': text,
      'd/y': text,
      'd/e/': fc.constantFrom('700|', '755|'),
      'd/e/z': text,
      'g/': fc.constantFrom('700|', '755|'),
      'config/n': uci,
      passwd: users,
      'uci-defaults/1': text,
      'opkg/distfeeds.conf': text,
      'hotplug.d/q': text,
      'init.d/s': fc.constantFrom('START=10\n', 'START=20\n'),
      'rc.d/S10s': fc.constant('-> ../init.d/s'),
      'rc.d/S20s': fc.constant('-> ../init.d/s'),
      'board.json': text,
    },
    { requiredKeys: [] },
  )
  .chain((record) =>
    fc.boolean().map((clash): Tree => {
      if (!clash) return record;
      const rest = Object.fromEntries(Object.entries(record).filter(([path]) => !path.startsWith('d/')));
      return { ...rest, d: '1\n' };
    }),
  );

/** The result of a plan and a written tree in one form. */
function planned(sides: EtcSides, result: ReadonlyMap<string, EtcResultNode>): string[] {
  return [...result]
    .map(([path, node]) => {
      if (node.kind === 'symlink') return `${path} -> ${node.target} ${node.uid}`;
      const owner = `${node.kind} ${node.mode.toString(8)} ${node.uid}:${node.gid}`;
      return `${path} ${owner} ${node.kind === 'file' ? Buffer.from(resultBytes(sides, node.content)).toString('hex') : ''}`;
    })
    .sort();
}

function written(dir: string): string[] {
  const found = readEtcTree(dir);
  return [...found.nodes]
    .map(([path, node]) => {
      if (node.kind === 'symlink') return `${path} -> ${node.target} ${node.uid}`;
      const owner = `${node.kind} ${node.mode.toString(8)} ${node.uid}:${node.gid}`;
      return `${path} ${owner} ${node.kind === 'file' ? Buffer.from(found.read(path)).toString('hex') : ''}`;
    })
    .sort();
}

describe.skipIf(!isRoot)('the preview of a merge (needs root)', () => {
  let n = 0;
  const sidesOf = (base: Tree, live: Tree, target: Tree) => {
    const at = join(root, String(n++));
    const dirs = { base: join(at, 'b'), live: join(at, 'l'), target: join(at, 't') };
    writeTree(dirs.base, base);
    writeTree(dirs.live, live);
    writeTree(dirs.target, target);
    const sides = {
      base: readEtcTree(dirs.base),
      live: readEtcTree(dirs.live),
      target: readEtcTree(dirs.target),
    };
    return { at, dirs, sides, plan: planEtc(sides) };
  };
  const refused = ['type-conflict', 'id-conflict'];

  it(
    'is what is written, for any three trees',
    () => {
      fc.assert(
        fc.property(tree, tree, tree, (base, live, target) => {
          const { at, dirs, sides, plan } = sidesOf(base, live, target);
          if (!plan.entries.some((entry) => refused.includes(entry.class))) {
            writeEtc(plan, dirs, join(at, 'out'));
            expect(written(join(at, 'out'))).toEqual(planned(sides, plan.result));
          }
          fs.rmSync(at, { recursive: true, force: true });
        }),
        { numRuns: runs },
      );
    },
    limit,
  );

  it(
    'leaves the live tree as it is wherever the writing stops, and the next run gives the same',
    () => {
      fc.assert(
        fc.property(tree, tree, tree, fc.nat(20), (base, live, target, stop) => {
          const { at, dirs, sides, plan } = sidesOf(base, live, target);
          if (!plan.entries.some((entry) => refused.includes(entry.class))) {
            const before = written(dirs.live);
            let step = 0;
            const crash = () => {
              if (step++ === stop) throw new Error('cut');
            };
            expect(() => {
              writeEtc(plan, dirs, join(at, 'cut'), crash);
              throw new Error('cut');
            }).toThrow('cut');
            expect(written(dirs.live)).toEqual(before);
            writeEtc(planEtc(sides), dirs, join(at, 'again'));
            expect(written(join(at, 'again'))).toEqual(planned(sides, plan.result));
          }
          fs.rmSync(at, { recursive: true, force: true });
        }),
        { numRuns: runsOf(50, 500) },
      );
    },
    limit,
  );
});

describe('the merge as an algebra', () => {
  const plain = ({ result }: { readonly result: Record<string, string> }) => result;
  const alone = (side: Tree) => plain(merge(side, side, side));

  it(
    'merge(a, b, b) = b, merge(a, a, b) = b, merge(a, b, a) = b but for what follows the services',
    () => {
      const noServices = tree.map(
        (side): Tree =>
          Object.fromEntries(Object.entries(side).filter(([path]) => !/^(?:rc|init)\.d\//u.test(path))),
      );
      // A script that ran, an id and a password that this machine has, are no matter of three equal parts.
      const simple = noServices.map(
        (side): Tree => Object.fromEntries(Object.entries(side).filter(([path]) => path !== 'passwd')),
      );
      fc.assert(
        fc.property(simple, simple, (a, b) => {
          expect(plain(merge(a, b, b))).toEqual(alone(b));
          expect(plain(merge(a, b, a))).toEqual(alone(b));
          const forward = Object.entries(plain(merge(a, a, b)));
          const machine = (path: string) => path === 'board.json';
          expect(forward.filter(([path]) => !machine(path))).toEqual(
            Object.entries(alone(b)).filter(([path]) => !machine(path)),
          );
        }),
        { numRuns: runsOf(200, 2_000) },
      );
    },
    limit,
  );

  it(
    'never loses a file of the admin unless it says so',
    () => {
      fc.assert(
        fc.property(tree, tree, tree, (base, live, target) => {
          const { plan, result } = merge(base, live, target);
          const told = new Set(plan.entries.map((entry) => entry.path));
          for (const [path, content] of Object.entries(live)) {
            if (path.endsWith('/') || path.startsWith('rc.d/') || result[path] === content) continue;
            expect(told.has(path) || [...told].some((other) => path.startsWith(`${other}/`))).toBe(true);
          }
        }),
        { numRuns: runsOf(200, 5_000) },
      );
    },
    limit,
  );
});
