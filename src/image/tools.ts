/** The programs that an image is made with; none of them needs root, a loop device or a mount. */
import { SystemError } from '../base/index.ts';
import { environment, exists, expectSuccess, findProgram, now, type RunResult, run } from '../sys/index.ts';

/** Program -> Debian's package of it. */
const packages = {
  sfdisk: 'fdisk',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'mkfs.vfat': 'dosfstools',
  mmd: 'mtools',
  mcopy: 'mtools',
  'grub-mkimage': 'grub-common',
} as const;

export type Tool = keyof typeof packages;

const tenMinutes = 600_000;

/** Runs a tool to its end and returns its words; COMMAND_MISSING with its package, COMMAND_FAILED with the end of its words. */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<RunResult> {
  const program = requireTool(tool);
  // 0 would be the time of the day.
  const time = String(Math.max(1, Math.floor(now() / 1000)));
  const result = await run(program, args, {
    timeout: tenMinutes,
    signal: options.signal,
    ...(options.input === undefined ? {} : { input: options.input }),
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      // Times in what they write: the same content is to give the same disk.
      SOURCE_DATE_EPOCH: time,
      E2FSPROGS_FAKE_TIME: time,
      // The builder's own defaults are not the image's.
      MKE2FS_CONFIG: '/dev/null',
      TZ: 'UTC',
      MTOOLS_SKIP_CHECK: '1',
    },
  });
  expectSuccess(tool, result);
  return result;
}

/** The tool's path; COMMAND_MISSING with the name of its package. */
export function requireTool(tool: Tool): string {
  const program = findProgram(tool);
  if (program !== undefined) return program;
  throw new SystemError('COMMAND_MISSING', `the program '${tool}' is not installed`, {
    hint: `on Debian: apt-get install ${packages[tool]}`,
  });
}

/**
 * The folder of GRUB's modules for a platform, as `i386-pc`; COMMAND_MISSING where they are not installed. OPKG_OSTREE_GRUB names
 * another folder of such folders: Debian installs those of its own architecture alone.
 */
export function requireGrubModules(platform: string): string {
  const folder = `${environment('OPKG_OSTREE_GRUB') ?? '/usr/lib/grub'}/${platform}`;
  if (exists(`${folder}/normal.mod`)) return folder;
  const name = {
    'i386-pc': 'grub-pc-bin',
    'x86_64-efi': 'grub-efi-amd64-bin',
    'arm64-efi': 'grub-efi-arm64-bin',
  };
  const wanted = Object.entries(name).find(([key]) => key === platform)?.[1] ?? `GRUB for ${platform}`;
  throw new SystemError('COMMAND_MISSING', `GRUB's modules for ${platform} are not installed`, {
    hint: `on Debian: apt-get install ${wanted}`,
  });
}
