import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTarget } from '../../src/boot/index.ts';
import { commitTree, deploy, hasOstree, isRoot, Sysroot, vectorTree } from '../boot/support.ts';
import { ash, busybox, script } from './ash.ts';

const schema = (name: string) => {
  const url = new URL(`../../docs/schema/${name}.json`, import.meta.url);
  const parsed: { required: string[] } = JSON.parse(fs.readFileSync(fileURLToPath(url), 'utf8'));
  return parsed;
};

describe.skipIf(busybox === undefined || !hasOstree || !isRoot)(
  'status without Node (needs busybox, ostree and root)',
  () => {
    let scratch: string;
    let sysroot: Sysroot;
    beforeAll(async () => {
      scratch = fs.mkdtempSync(join(tmpdir(), 'report-'));
      const path = join(scratch, 'sysroot');
      const made = Sysroot.init(path, { target: findTarget('generic-grub'), stateroot: 'openwrt' });
      const repo = join(path, 'ostree/repo');
      const options = { kargs: ['root=/dev/sda2', 'quiet', 'glob=*'], finish: { retain: true } };
      for (const version of ['23.05.1', '23.05.2']) {
        const files = { ...vectorTree, 'usr/share/version': version };
        await deploy(made, commitTree(scratch, repo, { ref: 'openwrt/x86', files, version }), options);
      }
      sysroot = Sysroot.open(path);
    });
    afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

    const status = (...args: string[]) =>
      script('usr/bin/opkg-ostree', ['status', ...args, '--sysroot', sysroot.path], { PATH: '/nonexistent' });

    it('prints the document of the schema, with what the tool reads from the same sysroot', () => {
      const document = JSON.parse(status('--json').stdout);
      const deployments = sysroot.deployments();
      expect(Object.keys(document)).toEqual(expect.arrayContaining(schema('status').required));
      expect(document).toMatchObject({
        api: 1,
        booted: null,
        next: deployments[0]?.id,
        job: null,
        'reboot-required': false,
      });
      expect(document['free-bytes']).toBeGreaterThan(0);
      for (const [index, deployment] of deployments.entries()) {
        const printed = document.deployments[index];
        expect(Object.keys(printed)).toEqual(expect.arrayContaining(schema('deployment').required));
        const { id, stateroot, serial, checksum, version, kargs, path, pinned } = deployment;
        const timestamp = new Date(sysroot.repo.loadCommit(checksum).timestamp * 1000).toISOString();
        expect(printed).toMatchObject({
          id,
          index,
          stateroot,
          serial,
          checksum,
          version,
          kargs,
          path,
          pinned,
          timestamp,
        });
        expect(printed).toMatchObject({
          origin: 'openwrt/x86',
          'base-checksum': checksum,
          'kernel-release': '6.6.1',
          booted: false,
        });
        // What the switch put first is on trial; what it goes back to is not.
        expect(printed.health).toEqual({
          state: 'untried',
          'tries-left': index === 0 ? 3 : null,
          checks: [],
        });
      }
    });

    it('shows the trial and the verdicts', () => {
      const [first, second] = sysroot
        .deployments()
        .map((d) => `${d.stateroot}/deploy/${d.checksum}.${d.serial}`);
      const dir = join(sysroot.path, 'ostree/opkg-ostree');
      fs.mkdirSync(dir, { recursive: true });
      fs.writeFileSync(
        join(dir, 'boot-state'),
        `format 1\npending ${first}\ntries 2\nbad ${second}\nreason it "broke"\n`,
      );
      const document = JSON.parse(status('--json').stdout);
      expect(document.deployments.map((d: { health: unknown }) => d.health)).toEqual([
        { state: 'untried', 'tries-left': 2, checks: [] },
        { state: 'bad', 'tries-left': null, checks: [] },
      ]);
      expect(status().stdout).toMatch(/Health: bad\n {8}Reason: it "broke"\n/u);
      fs.rmSync(dir, { recursive: true });
    });

    it('prints the rows of the tool’s own status', () => {
      const [first, second] = sysroot.deployments();
      const block = (n: number, marks: string, d: typeof first) =>
        `  ${n}  openwrt/x86  (${marks})\n       Version: ${d?.version} (2024-01-02T03:04:05.000Z)\n        Commit: ${d?.checksum}\n        Health: untried\n`;
      expect(status()).toEqual({
        status: 0,
        stdout: `${block(0, 'next boot', first)}\n${block(1, 'rollback', second)}`,
        stderr: '',
      });
    });

    it.each([
      { args: ['install', 'x'], status: 1, says: /'install' needs Node\.js/u },
      { args: ['rollback', '--keep-etc'], status: 2, says: /needs Node\.js/u },
      { args: ['health', 'frobnicate'], status: 2, says: /unknown: health frobnicate/u },
      {
        args: ['status', '--sysroot', '/nonexistent'],
        status: 1,
        says: /no repository below \/nonexistent/u,
      },
    ])('refuses $args without Node, in words and as JSON', ({ args, status: expected, says }) => {
      const result = script('usr/bin/opkg-ostree', ['--json', '--sysroot', sysroot.path, ...args], {
        PATH: '/nonexistent',
      });
      expect(result.status).toBe(expected);
      expect(result.stderr).toMatch(says);
      expect(JSON.parse(result.stdout)).toMatchObject({
        error: { code: expect.stringMatching(/^[A-Z_]+$/u), message: expect.stringMatching(says) },
      });
    });

    it('quotes any text as JSON', () => {
      const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((s) => !s.includes('\u0000'));
      fc.assert(
        fc.property(text, (value) => {
          const printed = ash(sysroot.path, 'json_string "$VALUE"', { VALUE: value }).stdout;
          const kept = [...value.replace(/[\t\n]/gu, ' ')].filter((c) => c >= ' ' && c !== '\u007f').join('');
          expect(JSON.parse(printed)).toBe(kept);
        }),
        { numRuns: 60 },
      );
    });
  },
);
