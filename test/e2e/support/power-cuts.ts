/**
 * What a power cut would have left: a machine changes itself while each of its writes is recorded, then disks are made of
 * beginnings of that record, started and looked at.
 */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildIpk, Cli, file } from '../../support/world/index.ts';
import { run, withMounted } from './disk.ts';
import type { FixtureOptions } from './fixture-root.ts';
import type { Machine } from './machine.ts';
import type { Router } from './router.ts';
import { type Loss, WriteLog } from './write-log.ts';

const minute = 60_000;

/** What can be told of a deployment from inside: its base, its packages, the admin's files, what the merge of /etc made. */
const look =
  'for f in usr/share/fixture/name etc/note etc/hosts etc/added var/lib/kept usr/share/hello etc/config/hello usr/share/later; ' +
  'do cat /$f 2>/dev/null || echo -; done';

/** The deployments that the machine goes through, as `look` shows them. */
const states = {
  one: 'one\nmine\nedited\n-\nkept\n-\n-\n-',
  hello: 'one\nmine\nedited\n-\nkept\nhello\noption\n-',
  edited: 'one\nmine\nedited\n-\nkept\nhello\nmy option\n-',
  two: 'two\nmine\nedited\nadded\nkept\nhello\nmy option\n-',
  later: 'two\nmine\nedited\nadded\nkept\nhello\nmy option\nlater',
} as const;
type State = keyof typeof states;

/** What happens between two lengths of the log, and what a machine may be after a cut there. */
interface Stretch {
  readonly operation: 'install' | 'upgrade' | 'finalize' | 'rollback' | 'first boot';
  readonly from: number;
  readonly to: number;
  readonly allowed: readonly State[];
}

const bases: Readonly<Record<'one' | 'two', FixtureOptions>> = {
  one: { name: 'one', node: true },
  two: { name: 'two', node: true, files: { 'usr/etc/hosts': '127.0.0.1 two\n', 'usr/etc/added': 'added\n' } },
};

function ipk(name: string): Uint8Array {
  return buildIpk({
    name,
    version: '1',
    arch: 'all',
    fields: { Depends: '', Section: 'utils' },
    description: `A package of a file and a configuration`,
    data: [file(`usr/share/${name}`, `${name}\n`, 0o644), file(`etc/config/${name}`, 'option\n', 0o644)],
    conffiles: [`/etc/config/${name}`],
    scripts: {},
    mtime: 1_700_000_000,
  }).bytes;
}

/** The first disk, the record of all that happened on it, and what that was. */
export class Recording {
  readonly stretches: readonly Stretch[];
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.stretches = JSON.parse(readFileSync(join(folder, 'stretches.json'), 'utf8')) as Stretch[];
  }

  /** Makes the record in the router's folder; where there is a whole one, that. */
  static async make(router: Router): Promise<Recording> {
    const { folder } = router;
    if (!existsSync(join(folder, 'stretches.json'))) {
      await prepare(router);
      const stretches = await record(router, join(folder, 'writes'));
      writeFileSync(join(folder, 'stretches.json'), JSON.stringify(stretches));
    }
    return new Recording(folder);
  }

  get before(): string {
    return join(this.#folder, 'before.img');
  }

  open(): WriteLog {
    return new WriteLog(join(this.#folder, 'writes'));
  }
}

async function prepare(router: Router): Promise<void> {
  await router.build(bases.one);
  await router.outside(async (_cli, repo) => {
    router.commit(repo, bases.two);
    const home = join(repo, '../deploy/openwrt/var/roothome');
    for (const name of ['hello', 'later']) writeFileSync(join(home, `${name}.ipk`), ipk(name));
  });
  const machine = await router.started('one');
  await machine.run('echo mine > /etc/note; echo edited > /etc/hosts; echo kept > /var/lib/kept; sync');
  machine.send('/sbin/reboot\n');
  await machine.ended();
  run('cp', ['--sparse=always', router.image, join(router.folder, 'before.img')]);
}

async function record(router: Router, log: string): Promise<Stretch[]> {
  writeFileSync(log, '');
  const stretches: Stretch[] = [];
  const machine = router.start({ reboots: true, writeLog: log });
  const stretch = async (
    operation: Stretch['operation'],
    allowed: readonly State[],
    body: () => Promise<void>,
  ) => {
    const from = statSync(log).size;
    await body();
    stretches.push({ operation, from, to: statSync(log).size, allowed });
  };
  const command = (words: string) => async () => {
    const said = await machine.run(`opkg-ostree ${words} && echo d''one`, 3 * minute);
    if (!said.endsWith('done')) throw new Error(`opkg-ostree ${words}:\n${said}`);
  };
  const restart = async () => {
    machine.send('/sbin/reboot\n');
    await ready(machine);
  };
  await ready(machine);
  await stretch('install', ['one', 'hello'], command('install /root/hello.ipk'));
  await stretch('first boot', ['hello'], restart);
  await machine.run('echo my option > /etc/config/hello; sync');
  await stretch('upgrade', ['edited', 'two'], command('upgrade'));
  await stretch('first boot', ['two'], restart);
  await stretch('finalize', ['two', 'later'], async () => {
    await command('install --lock-finalization /root/later.ipk')();
    await command('finalize')();
  });
  await stretch('first boot', ['later'], restart);
  await stretch('rollback', ['later', 'two'], command('rollback'));
  machine.kill();
  await machine.ended();
  return stretches;
}

async function ready(machine: Machine): Promise<void> {
  await machine.waitFor(/FIXTURE STARTED/u, 3 * minute);
  await machine.waitFor(/FIXTURE READY/u, minute);
}

export interface Cut {
  readonly stretch: Stretch;
  /** Writes of the log before the cut. */
  readonly at: number;
  readonly loss: Loss | undefined;
  readonly title: string;
}

/** Cuts spread over all operations, in the order of the log: half of them evenly, half right before a flush is done. */
export function planCuts(recording: Recording, count: number): Cut[] {
  const log = recording.open();
  const cuts: Cut[] = [];
  const operations = [...new Set(recording.stretches.map(({ operation }) => operation))];
  for (const [position, operation] of operations.entries()) {
    const places = recording.stretches
      .filter((stretch) => stretch.operation === operation)
      .flatMap((stretch) => {
        const [from, to] = [log.countAt(stretch.from), log.countAt(stretch.to)];
        return Array.from({ length: to - from }, (_, index) => ({ stretch, at: from + index + 1 }));
      });
    const flushes = places.filter(({ at }) => log.writes[at]?.flush === true);
    const share = Math.floor(((position + 1) * count) / operations.length);
    const wanted = share - Math.floor((position * count) / operations.length);
    for (let index = 0; index < wanted; index++) {
      const among = index % 2 === 0 || flushes.length === 0 ? places : flushes;
      const place = among[Math.floor(((index + 0.5) * among.length) / wanted)];
      if (place === undefined) throw new Error(`nothing was written during ${operation}`);
      const kind = losses[(index + position) % losses.length];
      const certain = log.flushedBefore(place.at);
      const title = `${operation}, write ${place.at} of ${log.writes.length}, ${place.at - certain} unflushed: ${kind?.name}`;
      cuts.push({ ...place, loss: kind?.of(certain, place.at), title });
    }
  }
  log.close();
  return cuts.sort((a, b) => a.at - b.at);
}

/** A number below 7 that differs from piece to piece. */
const mix = (index: number, piece: number) => (Math.imul(index * 8191 + piece + 1, 2_654_435_761) >>> 16) % 7;

const losses: readonly {
  readonly name: string;
  readonly of: (from: number, to: number) => Loss | undefined;
}[] = [
  { name: 'none lost', of: () => undefined },
  { name: 'all lost', of: () => ({ piece: 4096, keeps: () => false }) },
  { name: 'some blocks lost', of: () => ({ piece: 4096, keeps: (index, piece) => mix(index, piece) < 3 }) },
  {
    name: 'the older half lost',
    of: (from, to) => ({ piece: 4096, keeps: (index) => index >= (from + to) / 2 }),
  },
  // No smaller: the kernel mounts no ext4 whose journal's superblock, 1024 bytes with a checksum over them, is torn.
  {
    name: 'some kilobytes lost',
    of: () => ({ piece: 1024, keeps: (index, piece) => mix(index, piece) < 4 }),
  },
];

/** Makes disks of the cuts in their order. */
export class Replayer {
  readonly #log: WriteLog;
  readonly #flushed: string;
  readonly #disk: string;
  #done = 0;

  constructor(recording: Recording, name: string) {
    this.#log = recording.open();
    // Parts of a soak may share the record.
    this.#flushed = `${recording.before}.${process.pid}-${name}`;
    this.#disk = `${this.#flushed}.cut`;
    run('cp', ['--sparse=always', recording.before, this.#flushed]);
  }

  /** The disk as it is after the cut. */
  disk({ at, loss }: Cut): string {
    const certain = this.#log.flushedBefore(at);
    this.#log.apply(this.#flushed, this.#done, certain);
    this.#done = Math.max(this.#done, certain);
    run('cp', ['--sparse=always', this.#flushed, this.#disk]);
    this.#log.apply(this.#disk, this.#done, at, loss);
    return this.#disk;
  }

  remove(): void {
    this.#log.close();
    for (const path of [this.#flushed, this.#disk]) rmSync(path, { force: true });
  }
}

/** Starts the disk and looks at it from inside and outside; what the machine turned out to be. An error where anything is wrong. */
export async function survive(router: Router, disk: string, cut: Cut, log: string): Promise<State> {
  const machine = router.start({ image: disk, reboots: true, log });
  let seen: string;
  let status: string;
  try {
    await ready(machine);
    seen = await machine.run(look);
    status = await machine.run('opkg-ostree status');
  } finally {
    machine.kill();
    await machine.ended();
  }
  const state = cut.stretch.allowed.find((name) => states[name] === seen);
  if (state === undefined) throw new Error(`${cut.title}: a machine with\n${seen}`);
  if (!/^\* 0 .*\(booted\)/mu.test(status)) throw new Error(`${cut.title}: its state\n${status}`);
  await withMounted(disk, async (path) => {
    run('ostree', ['fsck', `--repo=${join(path, 'ostree/repo')}`]);
    const cli = new Cli(router.folder, path);
    await cli.ok('repo', 'fsck');
    await cli.ok('cleanup');
  });
  return state;
}
