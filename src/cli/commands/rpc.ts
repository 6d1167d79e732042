import type { Command } from 'commander';
import { answerRpc, maxRpcInput, rpcSignatures } from '../../rpc/index.ts';
import { readInput } from '../../sys/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';

/** rpc: what the ubus object calls. */
export function rpcCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'rpc <method>',
    "Answer one call of the ubus object, its arguments as JSON on standard input; 'signatures' for what each takes",
    (c) => c,
    rpc,
  );
}

/** Always status 0 and one object: rpcd looks at nothing else. */
async function rpc({ args, env, sysroot, stateroot }: Call) {
  const [method = ''] = args;
  const reply =
    method === 'signatures'
      ? rpcSignatures()
      : await answerRpc(
          { ...env, onProgress: () => undefined, by: 'luci' },
          { sysroot, stateroot },
          method,
          readInput(maxRpcInput + 1),
        );
  return { json: reply, text: [`${JSON.stringify(reply)}\n`], raw: true };
}
