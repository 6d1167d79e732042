/**
 * Runs a package's script on a tree without letting it touch anything else: own mount, pid, network, ipc and uts
 * namespaces, an overlay (or a full copy) of the tree as root, almost no capabilities, a time limit. It contains
 * faults, not enemies. docs/adr/0005-scripts-sandbox.md has the reasons.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { InterruptedError, RefusedError, SystemError } from '../base/index.ts';
import { exists, mkdirp, readdirIfExists, removeTree, writeFile } from './files.ts';
import { effectiveUser, makeTempDir } from './host.ts';
import { findProgram } from './process.ts';
import { programStub, rcCommonStub, sandboxSetup } from './sandbox-setup.ts';

/** One script to run. Names are relative to the session's work directory. */
export interface SandboxRequest {
  /** The session's directory, prepared with `prepareSandbox`. */
  readonly work: string;
  /** Read-only trees, topmost first. In the mode `copy` they are not used: `<run>/merged` holds the tree. */
  readonly lowers: readonly string[];
  /** A directory of its own for this run. */
  readonly run: string;
  readonly mode: 'overlay' | 'copy';
  /** `inside`: chroot into the tree. `outside`: a shell of this host, for a tree of another architecture. */
  readonly place: 'inside' | 'outside';
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds until everything in the sandbox is killed. */
  readonly timeout: number;
  /** Bytes kept of what the script prints. */
  readonly maxOutput: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The tree after the script. `shown` has every name of it, while the namespace still stands; `files` has what may have
 * changed (the overlay's upper layer, or the whole copy) and stays.
 */
export interface SandboxView {
  readonly shown: string;
  readonly files: string;
}

/** How a script ended; `setup` names the step that failed when it never started. */
export interface SandboxResult<T> {
  readonly kind: 'exited' | 'timeout' | 'setup';
  /** The exit status (128 + n for signal n) where it exited. */
  readonly status: number;
  readonly setup: string;
  readonly output: string;
  readonly value: T | undefined;
}

/** What stays in the bounding set. The rest, sys_admin, mknod, sys_module, net_* and so on, cannot be had again. */
const kept = ['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid'] as const;

/** capsh has no "all but": every capability that a kernel of today has and `kept` lacks. */
const dropped = [
  'audit_control,audit_read,audit_write,block_suspend,bpf,checkpoint_restore,dac_read_search,ipc_lock,ipc_owner',
  'lease,linux_immutable,mac_admin,mac_override,mknod,net_admin,net_bind_service,net_broadcast,net_raw,perfmon',
  'setfcap,setpcap,sys_admin,sys_boot,sys_chroot,sys_module,sys_nice,sys_pacct,sys_ptrace,sys_rawio,sys_resource',
  'sys_time,sys_tty_config,syslog,wake_alarm',
]
  .join(',')
  .split(',')
  .map((name) => `cap_${name}`)
  .join(',');

/** Programs that the script finds in the place of the real ones. */
const stubbedPrograms: readonly string[] = [
  'block',
  'fw3',
  'fw4',
  'fw_setenv',
  'ifdown',
  'ifup',
  'insmod',
  'kmodloader',
  'logger',
  'modprobe',
  'mtd',
  'procd',
  'reboot',
  'reload_config',
  'rmmod',
  'service',
  'start-stop-daemon',
  'sysctl',
  'ubus',
  'wifi',
];

/** Inside, the tree's own programs; outside, this host's. The stubs come first in both. */
const driverHead = `#!/bin/sh
PATH=$SANDBOX_PATH
export PATH
unset SANDBOX_PATH OVERLAY_EXTRA
`;

/**
 * A new directory for a session below `parent`. Those that a killed process left are removed first: the name tells
 * whose it is, and a live process keeps its own.
 */
export function makeSandboxDirectory(parent: string): string {
  for (const name of readdirIfExists(parent)) {
    const owner = /^scripts-(\d+)-[A-Za-z0-9]{6}$/u.exec(name)?.[1];
    if (owner !== undefined && !exists(`/proc/${owner}`)) removeTree(join(parent, name));
  }
  return makeTempDir(`scripts-${process.pid}-`, parent);
}

/** Makes the session's directory ready: stubs, and `driver`, the sh text that each run starts with its arguments. */
export function prepareSandbox(work: string, driver: string): void {
  mkdirp(join(work, 'stubs/bin'), 0o755);
  for (const name of stubbedPrograms) writeFile(join(work, 'stubs/bin', name), programStub, { mode: 0o755 });
  writeFile(join(work, 'stubs/rc.common'), rcCommonStub, { mode: 0o755 });
  writeFile(join(work, 'stubs/run'), driverHead + driver, { mode: 0o755 });
}

/**
 * Runs the driver in a new sandbox and, while the sandbox stands, gives its tree to `look`. RefusedError
 * SCRIPT_SANDBOX_UNAVAILABLE where this host cannot make one, InterruptedError when the signal fires.
 */
export async function runSandboxed<T>(
  request: SandboxRequest,
  look: (view: SandboxView) => T,
): Promise<SandboxResult<T>> {
  const { work, run } = request;
  mkdirp(join(work, run, 'merged'));
  if (request.mode === 'overlay') {
    mkdirp(join(work, run, 'upper'));
    mkdirp(join(work, run, 'ovl'));
  }
  const child = start(request);
  const output = collectOutput(child, request.maxOutput);
  const ending = await waitForReport(child, request);
  try {
    if (request.signal?.aborted === true) throw new InterruptedError();
    if (ending === 'timeout') return result('timeout', { output: output() });
    const [word = '', rest = ''] = splitReport(ending);
    if (word === 'setup') return result('setup', { setup: rest, output: output() });
    if (word !== 'exit') throw unavailable(output().trim().slice(-300) || 'namespaces cannot be made');
    const merged = join(work, run, 'merged');
    const view =
      request.mode === 'overlay'
        ? { shown: `/proc/${child.pid ?? 0}/root${merged}`, files: join(work, run, 'upper') }
        : { shown: merged, files: merged };
    return result('exited', { status: Number(rest), value: look(view), output: output() });
  } finally {
    await stop(child);
  }
}

/** Resolves after so many milliseconds. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function result<T>(
  kind: SandboxResult<T>['kind'],
  fields: { status?: number; setup?: string; output: string; value?: T },
): SandboxResult<T> {
  return {
    kind,
    status: fields.status ?? 0,
    setup: fields.setup ?? '',
    output: fields.output,
    value: fields.value,
  };
}

function start(request: SandboxRequest): ChildProcess {
  const unshare = findProgram('unshare');
  if (unshare === undefined) throw unavailable("the program 'unshare' is not installed");
  const root = effectiveUser() === 0;
  const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'];
  const args = [
    ...(root ? [] : ['--user', '--map-root-user']),
    ...namespaces,
    ...['--propagation', 'private', '/bin/sh', '-c', sandboxSetup, 'sandbox'],
    ...[request.work, request.lowers.join(':'), request.run, request.mode, request.place],
    ...command(request),
  ];
  return spawn(unshare, args, {
    env: { ...request.env, ...searchPaths(request), OVERLAY_EXTRA: root ? '' : ',userxattr' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
}

const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';

function searchPaths(request: SandboxRequest): Record<string, string> {
  const inside = request.place === 'inside';
  const stubs = inside ? '/tmp/.sandbox/bin' : join(request.work, 'stubs/bin');
  return { PATH: systemPath, SANDBOX_PATH: `${stubs}:${systemPath}` };
}

/** The program and arguments that drop capabilities, enter the tree and run the driver. */
function command(request: SandboxRequest): string[] {
  const merged = join(request.work, request.run, 'merged');
  const inside = request.place === 'inside';
  const driver = [inside ? '/tmp/.sandbox/run' : join(request.work, 'stubs/run'), ...request.args];
  const setpriv = findProgram('setpriv');
  if (setpriv !== undefined) {
    const set = ['-all', ...kept.map((name) => `+${name}`), ...(inside ? ['+sys_chroot'] : [])].join(',');
    const drop = [setpriv, '--no-new-privs', '--inh-caps=-all', `--bounding-set=${set}`];
    return inside ? [...drop, 'chroot', merged, '/bin/sh', ...driver] : [...drop, '/bin/sh', ...driver];
  }
  const capsh = findProgram('capsh');
  if (capsh === undefined) throw unavailable("neither 'setpriv' nor 'capsh' is installed");
  const where = inside ? [`--chroot=${merged}`] : [];
  return [capsh, ...where, '--no-new-privs', `--drop=${dropped}`, '--shell=/bin/sh', '--', ...driver];
}

function collectOutput(child: ChildProcess, limit: number): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  let total = 0;
  const take = (chunk: Buffer) => {
    total += chunk.byteLength;
    if (kept >= limit) return;
    chunks.push(chunk.subarray(0, limit - kept));
    kept += chunk.byteLength;
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => {
    const text = Buffer.concat(chunks).toString('utf8');
    return total > limit ? `${text}\n[${total - limit} bytes more]\n` : text;
  };
}

/** The first line on descriptor 3, '' when the child ended without one, or 'timeout'. */
function waitForReport(child: ChildProcess, request: SandboxRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => finish('timeout'), request.timeout);
    const abort = () => finish('');
    const finish = (ending: string) => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
      // What the script printed last may still be in the pipes.
      setImmediate(() => resolve(ending));
    };
    request.signal?.addEventListener('abort', abort, { once: true });
    if (request.signal?.aborted === true) abort();
    (child.stdio[3] as Readable | null)?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8').slice(0, 1000);
      if (text.includes('\n')) finish(text.slice(0, text.indexOf('\n')));
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new SystemError('COMMAND_FAILED', `cannot run 'unshare': ${error.message}`, { cause: error }));
    });
    child.on('close', () => finish(''));
    child.stdin?.on('error', () => undefined);
  });
}

function splitReport(line: string): [string, string] {
  const space = line.indexOf(' ');
  return space === -1 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
}

/** Ends the namespace: its process 1 dies with `unshare`, everything in it dies with process 1, the mounts go. */
function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resolve();
    child.once('exit', () => resolve());
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  });
}

function unavailable(why: string): RefusedError {
  return new RefusedError(
    'SCRIPT_SANDBOX_UNAVAILABLE',
    `a package's script cannot be run safely here: ${why}`,
    {
      hint: "install the packages 'unshare' and 'setpriv' (or 'libcap-bin'), or run the command as root",
    },
  );
}
