import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { Options } from '../../src/cli/program.ts';
import { rebootOption, restarting } from '../../src/cli/restart.ts';

describe('--reboot', () => {
  it('is an option of its own, and nothing without it', async () => {
    const command = rebootOption(new Command('x'));
    expect(command.options.map(({ long }) => long)).toEqual(['--reboot']);
    const handler = restarting(() => ({ json: 1, text: ['done'] }));
    const call = { options: new Options({}), sysroot: '/nonexistent' } as Parameters<typeof handler>[0];
    expect(await handler(call)).toEqual({ json: 1, text: ['done'] });
  });

  it('is refused before anything is done where this system is no sysroot’s', async () => {
    let done = false;
    const handler = restarting(() => {
      done = true;
      return { json: 1, text: [] };
    });
    const call = { options: new Options({ reboot: true }), sysroot: '/nonexistent' } as Parameters<
      typeof handler
    >[0];
    await expect(handler(call)).rejects.toMatchObject({ code: 'SYSROOT_INVALID' });
    expect(done).toBe(false);
  });
});
