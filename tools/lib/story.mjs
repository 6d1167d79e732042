// How the demo tells its story: a heading, a sentence, the exact command, its output; the first failing command ends it.
import { spawnSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';

const MAX_LINES = 24;
const MAX_WIDTH = 420;

export class Story {
  #step = 0;
  #transcript;
  #environment;
  #shorten;

  /**
   * @param {{transcript: string, environment: Record<string, string>, shorten: [string, string][]}} options
   * `shorten` pairs a long path with the word that stands for it in what is shown.
   */
  constructor({ transcript, environment, shorten }) {
    this.#transcript = transcript;
    this.#environment = environment;
    this.#shorten = shorten;
    writeFileSync(transcript, '');
  }

  /** A chapter's heading. */
  chapter(title) {
    this.say(`\n${'='.repeat(78)}\n${title}\n${'='.repeat(78)}`);
  }

  /** Says why, shows the command, runs it, shows what it printed. Returns its standard output. */
  step(why, command, { lines = MAX_LINES, status = 0, input, quiet = false } = {}) {
    this.#step += 1;
    this.say(`\n[${this.#step}] ${why}`);
    this.say(`    $ ${this.#short(command)}`);
    const ended = spawnSync('sh', ['-c', command], {
      env: this.#environment,
      input: input ?? '',
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const output = `${ended.stdout}${ended.stderr}`;
    if (!quiet) this.#show(output, lines);
    if (ended.status !== status) {
      if (quiet) this.#show(output, 200);
      throw new StoryEnded(`step ${this.#step} ended with status ${ended.status}, not ${status}`);
    }
    return ended.stdout;
  }

  /** Stops the story unless `holds`. */
  expect(holds, fact) {
    if (!holds) throw new StoryEnded(`step ${this.#step} did not show that ${fact}`);
    this.say(`    => ${fact}`);
  }

  /** Prints and records. */
  say(text) {
    console.log(text);
    appendFileSync(this.#transcript, `${text}\n`);
  }

  #show(output, lines) {
    const all = this.#short(output).trimEnd().split('\n');
    const shown =
      all.length > lines ? [...all.slice(0, lines - 1), `... and ${all.length - lines + 1} more lines`] : all;
    for (const line of shown)
      if (line !== '' || shown.length > 1) this.say(`      ${line.slice(0, MAX_WIDTH)}`);
  }

  #short(text) {
    return this.#shorten.reduce((result, [long, short]) => result.replaceAll(long, short), text);
  }
}

/** A step of the story did not do what it tells. */
export class StoryEnded extends Error {}
