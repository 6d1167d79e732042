import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ash, busybox } from './ash.ts';

const commit = (digit: string) => digit.repeat(64);
const good = `openwrt/deploy/${commit('a')}.0`;
const pending = `openwrt/deploy/${commit('b')}.1`;
const show = 'echo "$?|$PENDING|$GOOD|$TRIES|$CONFIRM|$BAD|$REASON"';

describe.skipIf(busybox === undefined)('the boot state in sh (needs busybox)', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'state-'));
    fs.mkdirSync(join(root, 'ostree/opkg-ostree'), { recursive: true });
    fs.mkdirSync(join(root, `ostree/deploy/${good}/usr`), { recursive: true });
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const path = () => join(root, 'ostree/opkg-ostree/boot-state');
  const read = (text: string) => {
    fs.writeFileSync(path(), text);
    return ash(root, `state_read; ${show}`).stdout.trim();
  };
  const nothing = '1||||||';

  it.each([
    ['a trial', `format 1\npending ${pending}\ngood ${good}\ntries 3\n`, `0|${pending}|${good}|3|||`],
    [
      'a trial to be confirmed',
      `format 1\npending ${pending}\ntries 10\nconfirm 300\n`,
      `0|${pending}||10|300||`,
    ],
    [
      'a verdict',
      `format 1\ngood ${good}\nbad ${pending}\nreason checks failed: a b\n`,
      `0||${good}|||${pending}|checks failed: a b`,
    ],
    ['keys of a later version', `format 1\ngood ${good}\ncolour blue\n`, `0||${good}||||`],
    ['another format', `format 2\ngood ${good}\n`, nothing],
    ['no format', `good ${good}\n`, nothing],
    ['an empty file', '', nothing],
    ['binary rubbish', '\u0001\u0002\u0000\u00ff\n', nothing],
    ['a trial without tries', `format 1\npending ${pending}\n`, nothing],
    ['tries that ash would read as octal', `format 1\npending ${pending}\ntries 08\n`, nothing],
    ['tries that are a command', `format 1\npending ${pending}\ntries a[$(reboot)]\n`, nothing],
    ['negative tries', `format 1\npending ${pending}\ntries -1\n`, nothing],
    ['a path out of ostree/deploy', `format 1\ngood ../../etc\n`, nothing],
    ['dots inside the path', `format 1\ngood openwrt/../${commit('a')}.0\n`, nothing],
    ['an absolute path', `format 1\ngood /etc/deploy/${commit('a')}.0\n`, nothing],
    ['a word for the shell', `format 1\ngood openwrt/deploy/$(id).0\n`, nothing],
    ['an option', `format 1\ngood -rf/deploy/${commit('a')}.0\n`, nothing],
    ['too long a time to confirm', `format 1\npending ${pending}\ntries 1\nconfirm 1000000\n`, nothing],
  ])('reads %s', (_what, text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it('writes what it reads, and leaves no temporary file', () => {
    const text = `format 1\npending ${pending}\ngood ${good}\ntries 2\nconfirm 60\nbad ${good}\nreason a | b 'c'\n`;
    fs.writeFileSync(path(), text);
    expect(ash(root, 'state_read && state_write').status).toBe(0);
    expect(fs.readFileSync(path(), 'utf8')).toBe(text);
    expect(fs.readdirSync(join(root, 'ostree/opkg-ostree'))).toEqual(['boot-state']);
  });

  it('keeps the old state where the new one cannot be written', () => {
    fs.writeFileSync(path(), `format 1\ngood ${good}\n`);
    fs.mkdirSync(`${path()}.new`);
    expect(ash(root, 'state_read; TRIES=1; state_write').status).not.toBe(0);
    expect(fs.readFileSync(path(), 'utf8')).toBe(`format 1\ngood ${good}\n`);
  });

  it('remembers at most 100 verdicts, and the last one of a deployment counts', () => {
    const many = Array.from({ length: 150 }, (_, n) => `${n} ${good} bad no ${n}\n`).join('');
    fs.writeFileSync(join(root, 'ostree/opkg-ostree/verdicts'), many);
    const result = ash(
      root,
      `verdict_add ${good} good 'checks passed'; verdict_of ${good}; verdict_of ${pending}`,
    );
    expect(result.stdout).toBe('good\n');
    const lines = fs.readFileSync(join(root, 'ostree/opkg-ostree/verdicts'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(100);
    expect(lines.at(-1)).toMatch(new RegExp(`^\\d+ ${good} good checks passed$`, 'u'));
  });

  it.each([
    ['a boot link', '/ostree/boot.0/openwrt/x/0', good],
    ['nothing', '/ostree/boot.0/openwrt/x/1', ''],
    ['another tree', '/ostree/boot.0/openwrt/x/2', ''],
    ['a way out', '/ostree/boot.0/../../etc', ''],
    ['what is no boot link', '/etc', ''],
    ['an empty argument', '', ''],
  ])('finds the deployment behind %s', (_what, link, expected) => {
    const dir = join(root, 'ostree/boot.0.0/openwrt/x');
    fs.mkdirSync(dir, { recursive: true });
    fs.symlinkSync('boot.0.0', join(root, 'ostree/boot.0'));
    fs.symlinkSync(`../../../deploy/${good}`, join(dir, '0'));
    fs.symlinkSync('../../../deploy/openwrt/deploy/gone.0', join(dir, '1'));
    fs.symlinkSync('/usr', join(dir, '2'));
    expect(ash(root, `deployment_at '${link}'`).stdout.trim()).toBe(expected);
  });
});
