/** One call of the ubus object: always answers with one JSON object, errors included, and never with a large one. */
import {
  InternalError,
  isOpkgOstreeError,
  type OpkgOstreeError,
  RefusedError,
  UsageError,
} from '../base/index.ts';
import type { Environment, Where } from '../engine/index.ts';
import { Arguments } from './arguments.ts';
import { changingMethods } from './changing.ts';
import type { RpcMethod, RpcReply } from './method.ts';
import { readingMethods } from './reading.ts';

/** Bytes of a reply: a ubus message of 1 MiB takes rpcd off the bus, with everything that it serves. */
const maxReply = 256 * 1024;
/** Bytes of arguments: what uhttpd lets through. */
export const maxRpcInput = 64 * 1024;

const methods: Readonly<Record<string, RpcMethod>> = { ...readingMethods, ...changingMethods };

/** What the object declares: each method with an example of each argument, as rpcd's `list` wants it. */
export function rpcSignatures(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(methods).map(([name, { takes }]) => [
      name,
      Object.fromEntries(Object.entries(takes).map(([argument, kind]) => [argument, exampleOf(kind)])),
    ]),
  );
}

/** The names of the methods of one half of the access group, sorted. */
export function rpcMethods(access: RpcMethod['access']): string[] {
  return Object.keys(methods)
    .filter((name) => methods[name]?.access === access)
    .sort();
}

/** Answers a call; `input` is the text of its arguments. Never throws: errors are replies. */
export async function answerRpc(
  env: Environment,
  where: Where,
  name: string,
  input: string,
): Promise<RpcReply> {
  try {
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (method === undefined) throw new UsageError('USAGE', `there is no method '${name.slice(0, 40)}'`);
    if (input.length > maxRpcInput) throw new UsageError('USAGE', 'the arguments are too large');
    const reply = await method.run({ env, where, args: Arguments.parse(input, method.takes) });
    return Buffer.byteLength(JSON.stringify(reply)) <= maxReply ? reply : errorReply(tooLarge(name));
  } catch (thrown) {
    return errorReply(
      isOpkgOstreeError(thrown) ? thrown : new InternalError('unexpected error', { cause: thrown }),
    );
  }
}

function tooLarge(name: string): RefusedError {
  return new RefusedError('RPC_REPLY_TOO_LARGE', `the answer of '${name}' is too large`, {
    hint: 'ask for less at once: use offset and limit',
  });
}

/** Details beyond this are left out: the message and the hint always fit. */
const maxDetails = 64 * 1024;

function errorReply(error: OpkgOstreeError): RpcReply {
  const { code, message, hint, details } = error;
  const fits = JSON.stringify(details).length <= maxDetails;
  return { error: { code, message, hint: hint ?? null, ...(fits ? { details } : {}) } };
}

function exampleOf(kind: RpcMethod['takes'][string]): unknown {
  if (kind === 'packages') return ['package'];
  if (kind === 'digests') return ['digest'];
  if (kind === 'count') return 32;
  return kind === 'flag' ? true : kind;
}
