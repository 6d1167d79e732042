/**
 * Preloaded into a process (`node --import`), it ends it by SIGKILL at its KILL_AT-th call that changes the file system: before it, behind
 * it, or (KILL_HOW=half) in the middle of the bytes that it writes. Without KILL_AT it writes two lines to the file
 * KILL_COUNT: how many such calls there were, and the number of the one that switched boot/loader. Removals of trees are taken
 * apart, so that they can be cut too.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const real = { ...fs };
const at = Number(process.env['KILL_AT'] ?? 0);
const how = process.env['KILL_HOW'] ?? 'before';
let count = 0;
let depth = 0;

/** Runs one call; calls that Node makes inside it are part of it. */
function step(call, half) {
  if (depth > 0) return call();
  count++;
  const isLast = count === at;
  if (isLast && how === 'half') half?.();
  if (isLast && how !== 'after') process.kill(process.pid, 'SIGKILL');
  depth++;
  try {
    return call();
  } finally {
    depth--;
    if (isLast) process.kill(process.pid, 'SIGKILL');
  }
}

const changing = [
  'appendFileSync',
  'chmodSync',
  'chownSync',
  'copyFileSync',
  'fchmodSync',
  'fchownSync',
  'fdatasyncSync',
  'fsyncSync',
  'ftruncateSync',
  'futimesSync',
  'lchownSync',
  'linkSync',
  'lutimesSync',
  'mkdirSync',
  'rmdirSync',
  'symlinkSync',
  'truncateSync',
  'unlinkSync',
  'utimesSync',
];
for (const name of changing) {
  fs[name] = (...args) => step(() => real[name](...args));
}

let switched = 0;
fs.renameSync = (from, to) =>
  step(() => {
    if (String(to).endsWith('/boot/loader')) switched = count;
    return real.renameSync(from, to);
  });
fs.openSync = (path, flags = 'r', ...rest) => {
  const writes = typeof flags === 'string' ? flags !== 'r' : (flags & 3) !== 0 || (flags & 64) !== 0;
  const open = () => real.openSync(path, flags, ...rest);
  return writes ? step(open) : open();
};
fs.writeSync = (fd, buffer, ...rest) => {
  // Output is no change.
  if (fd <= 2 || typeof buffer === 'string') return real.writeSync(fd, buffer, ...rest);
  const half = () => real.writeSync(fd, buffer.subarray(0, buffer.length >> 1));
  return step(() => real.writeSync(fd, buffer, ...rest), half);
};
fs.writeFileSync = (path, data, ...rest) => {
  const half = () => real.writeFileSync(path, data.slice(0, data.length >> 1), ...rest);
  return step(() => real.writeFileSync(path, data, ...rest), half);
};
fs.rmSync = (path, options = {}) => {
  const stats = real.lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined && options.force) return;
  if (stats?.isDirectory() && options.recursive) {
    for (const name of real.readdirSync(path)) fs.rmSync(join(String(path), name), options);
    fs.rmdirSync(path);
  } else {
    fs.unlinkSync(path);
  }
};
syncBuiltinESMExports();

const report = process.env['KILL_COUNT'];
if (report !== undefined) process.on('exit', () => real.writeFileSync(report, `${count}\n${switched}\n`));
