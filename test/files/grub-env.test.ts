import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseBootEntry } from '../../src/boot/bls.ts';
import { renderGrubEnv, resetGrubCount, stopGrubCount } from '../../src/boot/grub-env.ts';
import { loaderFor } from '../../src/boot/loaders/index.ts';
import { ash, busybox } from './ash.ts';

const deployment = `openwrt/deploy/${'a'.repeat(64)}.0`;
const hasEditenv = spawnSync('grub-editenv', ['--version']).status === 0;
const hasCheck = spawnSync('grub-script-check', ['--version']).status === 0;

describe("GRUB's environment block", () => {
  let root: string;
  let file: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'grub-env-'));
    fs.mkdirSync(join(root, 'boot/grub'), { recursive: true });
    file = join(root, 'boot/grub/grubenv');
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
  const listed = () => execFileSync('grub-editenv', [file, 'list'], { encoding: 'utf8' });

  it.skipIf(!hasEditenv)('is what grub-editenv reads and writes (needs grub-common)', () => {
    resetGrubCount(root);
    expect(listed()).toBe('');
    execFileSync('grub-editenv', [
      file,
      'set',
      'saved_entry=1',
      `opkg_ostree_trial=${deployment}`,
      'opkg_ostree_left=0',
    ]);
    stopGrubCount(root, deployment);
    expect(listed()).toBe(`opkg_ostree_good=${deployment}\nsaved_entry=1\n`);
    expect(fs.statSync(file).size).toBe(1024);
    resetGrubCount(root);
    expect(listed()).toBe('saved_entry=1\n');
  });

  const before: { what: string; text: string | undefined }[] = [
    { what: 'no block', text: undefined },
    { what: 'an empty block', text: renderGrubEnv('', []) },
    {
      what: 'a counted trial beside the admin’s variables',
      text: renderGrubEnv('', ['a_b=1 2', 'opkg_ostree_left=1']),
    },
    { what: 'a file that is no block', text: 'rubbish\n\u0001\n=x\n' },
    { what: 'a block too full for more', text: renderGrubEnv('', [`big=${'x'.repeat(900)}`]) },
  ];
  it.skipIf(busybox === undefined).each(before)('is the same from sh: $what (needs busybox)', ({ text }) => {
    for (const script of [`stop_grub_count ${deployment}`, "grub_env ''"]) {
      if (text !== undefined) fs.writeFileSync(file, text);
      expect(ash(root, script).status).toBe(0);
      const written = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined);
      const fromSh = written();
      fs.rmSync(file, { force: true });
      if (text !== undefined) fs.writeFileSync(file, text);
      if (script.startsWith('stop')) stopGrubCount(root, deployment);
      else resetGrubCount(root);
      expect(fromSh).toBe(written());
      expect(fromSh === undefined).toBe(text === undefined && script.startsWith('stop'));
      fs.rmSync(file, { force: true });
    }
  });

  it('is nothing where GRUB is not the loader', () => {
    fs.rmSync(join(root, 'boot/grub'), { recursive: true });
    stopGrubCount(root, deployment);
    expect(fs.readdirSync(join(root, 'boot'))).toEqual([]);
  });

  it.skipIf(!hasCheck)('is counted in by a grub.cfg that GRUB can read (needs grub-script-check)', () => {
    const entry = (index: number) => ({
      entry: parseBootEntry(
        `title T\nversion ${2 - index}\noptions quiet ostree=/x/${index}\nlinux /ostree/k/vmlinuz\n`,
        'x',
      ),
    });
    const trial = { deployment, tries: 3, back: 1 };
    const [config] = loaderFor('grub').render([entry(0), entry(1)], { timeout: 3, trial });
    const text = config !== undefined && 'text' in config ? config.text : '';
    expect(text).toMatch(/^\tlinux \/boot\/ostree\/k\/vmlinuz quiet ostree=\/x\/1 \$opkg_ostree_gave_up$/mu);
    const checked = spawnSync('grub-script-check', [], { input: text, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stderr: '' });
  });
});
