import type { Command } from 'commander';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { where } from './shared.ts';

const plain = (command: Command) => command;

/** why, whence. */
export function provenanceCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'why <name>',
    'Show the chain of requests and dependencies that brings a package',
    plain,
    why,
  );
  addCommand(
    program,
    run,
    'whence <file>',
    'Show the package, feed, digest and commit behind a file',
    plain,
    whence,
  );
}

function why(call: Call) {
  const found = engine.whyPackage(where(call), call.args[0] ?? '');
  const head = {
    requested: 'requested',
    depends: 'layered because something needs it',
    recommends: 'layered because something recommends it',
    base: 'part of the base',
  }[found.reason];
  const chains = found.chains.map((chain) =>
    chain
      .map(({ name, version, answers }) =>
        answers === null || answers === name ? `${name} ${version}` : `${name} ${version} (for ${answers})`,
      )
      .join(' -> '),
  );
  const needing = found['required-by'].map(({ name }) => name).join(' ');
  return {
    json: found,
    text: [
      `${found.name} ${found.version}: ${head}`,
      ...chains.map((chain) => `  ${chain}`),
      ...(needing === '' ? [] : [`  needed by: ${needing}`]),
    ],
  };
}

function whence(call: Call) {
  const found = engine.whenceFile(where(call), call.args[0] ?? '');
  const rows = found.owners.flatMap((owner) => [
    `  package: ${owner.name} ${owner.version}`,
    ...(owner.feed === null ? [] : [`  feed: ${owner.feed}`]),
    ...(owner.sha256 === null ? [] : [`  sha256: ${owner.sha256}`]),
    ...(owner.commit === null ? [] : [`  commit: ${owner.commit}`]),
  ]);
  const object = found.object === null ? [] : [`  object: ${found.object}`];
  return { json: found, text: [found.text, ...rows, ...object] };
}
