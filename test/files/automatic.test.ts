import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { busybox, script } from './ash.ts';

/** The product's command, whose answers a test writes: one line `STATUS text` for each call, by its words. */
const fakeCommand = `#!/bin/sh
case "$1 $2" in '--json status') cat "$WORLD/status"; exit 0 ;; esac
shift 2
echo "$*" >>"$WORLD/calls"
name=$(echo "$*" | tr -d ' -')
read -r status text <"$WORLD/answer.$name" || exit 0
sed -i 1d "$WORLD/answer.$name"
echo "$text" >&2
exit "$status"
`;
const fakes: Readonly<Record<string, string>> = {
  // `set` of settings is a file an option.
  uci: '#!/bin/sh\ncat "$WORLD/uci.$(echo $3 | cut -d. -f3)" 2>/dev/null\n',
  date: '#!/bin/sh\ncase "$1" in +%s) echo 1700000000 ;; *) cat "$WORLD/time" ;; esac\n',
  // The clock goes on while one sleeps: the next of the times that the test gave.
  sleep:
    '#!/bin/sh\necho "$1" >>"$WORLD/slept"\n[ ! -s "$WORLD/times" ] || { head -n 1 "$WORLD/times" >"$WORLD/time"; sed -i 1d "$WORLD/times"; }\n',
  reboot: '#!/bin/sh\necho reboot >>"$WORLD/calls"\n: >"$WORLD/rebooted"\n',
  logger: '#!/bin/sh\n',
  command: fakeCommand,
};

describe.skipIf(busybox === undefined)('automatic upgrades (needs busybox)', () => {
  let world: string;
  const at = (name: string) => join(world, name);
  const write = (name: string, text: string, mode = 0o644) => fs.writeFileSync(at(name), text, { mode });
  const read = (name: string) => (fs.existsSync(at(name)) ? fs.readFileSync(at(name), 'utf8') : '');
  const lines = (name: string) => read(name).split('\n').filter(Boolean);

  beforeEach(() => {
    world = fs.mkdtempSync(join(tmpdir(), 'automatic-'));
    fs.mkdirSync(at('bin'));
    for (const [name, text] of Object.entries(fakes)) write(`bin/${name}`, text, 0o755);
    write('time', '03:30\n');
    staged(null);
  });
  afterEach(() => fs.rmSync(world, { recursive: true, force: true }));

  function staged(id: string | null): void {
    write(
      'status',
      JSON.stringify({ next: id ?? 'os-a.0', booted: 'os-a.0', 'reboot-required': id !== null }),
    );
  }
  function settings(values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) write(`uci.${name}`, `${value}\n`);
  }
  function answers(words: string, ...of: readonly string[]): void {
    write(`answer.${words.replace(/[ -]/gu, '')}`, of.map((line) => `${line}\n`).join(''));
  }
  const automatic = (...words: string[]) =>
    script('usr/lib/opkg-ostree/automatic', words, {
      WORLD: world,
      PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
      OPKG_OSTREE_COMMAND: at('bin/command'),
      OPKG_OSTREE_CLOCK: `${at('bin')}/`,
      OPKG_OSTREE_CRONTAB: at('crontabs/root'),
      OPKG_OSTREE_AUTOMATIC: at('var/automatic.json'),
      OPKG_OSTREE_RUN: at('run'),
    });
  const outcome = (): unknown => JSON.parse(read('var/automatic.json'));
  async function rebooted(): Promise<void> {
    await expect.poll(() => fs.existsSync(at('rebooted'))).toBe(true);
  }

  it('does nothing unless it was asked to', () => {
    expect(automatic('cron').status).toBe(0);
    expect(lines('calls')).toEqual([]);
    expect(outcome()).toMatchObject({ outcome: 'off', status: 0, policy: 'none' });
  });

  it('checks, and changes nothing', () => {
    settings({ policy: 'check' });
    expect(automatic('cron').status).toBe(0);
    expect(lines('calls')).toEqual(['update', 'upgrade --check']);
    expect(outcome()).toMatchObject({ outcome: 'available', time: 1700000000 });
    answers('upgrade --check', '77');
    expect(automatic('run').status).toBe(0);
    expect(outcome()).toMatchObject({ outcome: 'current', message: '' });
  });

  it('stages, and leaves the restart to the admin', () => {
    settings({ policy: 'stage' });
    staged('os-b.0');
    expect(automatic('cron').status).toBe(0);
    expect(lines('calls')).toEqual(['update', 'upgrade --check', 'upgrade']);
    expect(outcome()).toMatchObject({ outcome: 'staged', staged: 'os-b.0' });
    expect(fs.existsSync(at('rebooted'))).toBe(false);
  });

  it('applies: restarts within the window', async () => {
    settings({ policy: 'apply' });
    staged('os-b.0');
    expect(automatic('cron').status).toBe(0);
    expect(outcome()).toMatchObject({ outcome: 'restarting', staged: 'os-b.0' });
    await rebooted();
  });

  it('does not restart outside of the window, but in the next one, what it made itself', async () => {
    settings({ policy: 'apply' });
    write('time', '12:00\n');
    staged('os-b.0');
    expect(automatic('run').status).toBe(0);
    expect(outcome()).toMatchObject({ outcome: 'staged' });
    expect(fs.existsSync(at('rebooted'))).toBe(false);
    write('time', '03:00\n');
    answers('upgrade --check', '77');
    expect(automatic('cron').status).toBe(0);
    await rebooted();
  });

  it('does not restart into what the admin staged', () => {
    settings({ policy: 'apply' });
    staged('os-mine.0');
    answers('upgrade --check', '77');
    expect(automatic('cron').status).toBe(0);
    expect(outcome()).toMatchObject({ outcome: 'current' });
    expect(fs.existsSync(at('rebooted'))).toBe(false);
  });

  it.each([
    ['03:00', '05:00', '02:59', false],
    ['03:00', '05:00', '03:00', true],
    ['03:00', '05:00', '04:59', true],
    ['03:00', '05:00', '05:00', false],
    ['23:30', '01:00', '23:30', true],
    ['23:30', '01:00', '00:59', true],
    ['23:30', '01:00', '01:00', false],
    ['23:30', '01:00', '12:00', false],
    ['08:09', '09:08', '08:59', true],
  ])('knows the window %s to %s at %s: %s', (start, end, time, within) => {
    settings({ policy: 'check', window_start: start, window_end: end });
    write('time', `${time}\n`);
    expect(automatic('cron').status).toBe(within ? 0 : 75);
    expect(outcome()).toMatchObject({ outcome: within ? 'available' : 'missed' });
  });

  it('waits a random part of the splay', () => {
    settings({ policy: 'check', splay: '10' });
    const waits = Array.from({ length: 6 }, () => {
      automatic('cron');
      return Number(lines('slept').at(-1));
    });
    expect(waits.every((wait) => Number.isInteger(wait) && wait >= 0 && wait <= 600)).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  it('waits until the router is idle, at most to the end of the window', () => {
    settings({ policy: 'check', idle_hook: at('idle'), splay: '0' });
    write('idle', '#!/bin/sh\n[ "$(cat "$WORLD/time")" = 03:40 ]\n', 0o755);
    write('times', '03:30\n03:35\n03:40\n');
    expect(automatic('cron').status).toBe(0);
    expect(lines('slept')).toEqual(['0', '300', '300']);
    write('times', '03:50\n04:30\n05:00\n');
    expect(automatic('cron').status).toBe(75);
    expect(outcome()).toMatchObject({ outcome: 'busy' });
    expect(automatic('run').status).toBe(75);
  });

  it('waits for who holds the lock, within the window', () => {
    settings({ policy: 'check', splay: '0' });
    answers('update', '6 locked by install', '0');
    expect(automatic('cron').status).toBe(0);
    expect(lines('calls')).toEqual(['update', 'update', 'upgrade --check']);
    answers('update', '6 locked by install');
    expect(automatic('run').status).toBe(6);
    expect(outcome()).toMatchObject({ outcome: 'failed', status: 6, message: 'locked by install' });
  });

  it.each([
    ['update', '7 the server "x" does not answer', 7, 'failed'],
    ['upgrade --check', '4 bad signature', 4, 'failed'],
    ['upgrade', '3 was given up', 3, 'refused'],
    ['upgrade', '5 no space', 5, 'failed'],
  ])('keeps what went wrong: %s', (words, answer, status, name) => {
    settings({ policy: 'apply' });
    answers(words, answer);
    expect(automatic('cron').status).toBe(status);
    expect(outcome()).toMatchObject({ outcome: name, status, message: answer.slice(2) });
    expect(fs.existsSync(at('rebooted'))).toBe(false);
  });

  it.each([
    ['policy', 'always'],
    ['policy', 'stage; reboot'],
    ['window_start', '3:00'],
    ['window_start', '24:00'],
    ['window_end', '05:60'],
    ['window_end', '03:00'],
    ['splay', '-1'],
    ['splay', '721'],
    ['splay', '08x'],
    ['idle_hook', 'bin/true'],
    ['idle_hook', '/nonexistent'],
  ])('says which setting cannot be used: %s %s', (name, value) => {
    settings({ policy: 'apply', [name]: value });
    const { status, stderr } = automatic('cron');
    expect(status).toBe(2);
    expect(stderr).toContain(`option ${name} of section automatic in /etc/config/opkg-ostree: '${value}'`);
    expect(outcome()).toMatchObject({ outcome: 'invalid' });
    expect(lines('calls')).toEqual([]);
  });

  it('does not run twice at a time', () => {
    settings({ policy: 'check', splay: '0' });
    write(
      'bin/command',
      `#!/bin/sh\n[ "$3" = update ] || exit 77\n'${busybox}' ash "$SCRIPT" run 9>&-\necho $? >"$WORLD/second"\n`,
      0o755,
    );
    const { status } = script('usr/lib/opkg-ostree/automatic', ['run'], {
      WORLD: world,
      SCRIPT: join(import.meta.dirname, '../../files/usr/lib/opkg-ostree/automatic'),
      PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
      OPKG_OSTREE_COMMAND: at('bin/command'),
      OPKG_OSTREE_CLOCK: `${at('bin')}/`,
      OPKG_OSTREE_AUTOMATIC: at('var/automatic.json'),
      OPKG_OSTREE_RUN: at('run'),
    });
    expect(status).toBe(0);
    expect(read('second')).toBe('6\n');
  });

  it("keeps cron's line as the settings want it, and nobody else's away", () => {
    fs.mkdirSync(at('crontabs'));
    write('crontabs/root', '0 1 * * * mine\n');
    expect(automatic('schedule').status).toBe(0);
    expect(read('crontabs/root')).toBe('0 1 * * * mine\n');
    settings({ policy: 'stage', window_start: '08:09' });
    for (let times = 0; times < 2; times++) expect(automatic('schedule').status).toBe(0);
    expect(lines('crontabs/root')).toEqual([
      '0 1 * * * mine',
      expect.stringMatching(
        /^9 8 \* \* \* .*\/usr\/lib\/opkg-ostree\/automatic cron # opkg-ostree automatic$/u,
      ),
    ]);
    settings({ window_start: '04:00' });
    automatic('schedule');
    expect(lines('crontabs/root')[1]).toMatch(/^0 4 /u);
    expect(lines('crontabs/root')).toHaveLength(2);
    automatic('unschedule');
    expect(read('crontabs/root')).toBe('0 1 * * * mine\n');
  });
});
