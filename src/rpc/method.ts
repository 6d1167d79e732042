import type { Environment, Where } from '../engine/index.ts';
import type { Arguments, ArgumentTable } from './arguments.ts';

/** What a method is called with. */
export interface RpcCall {
  readonly env: Environment;
  readonly where: Where;
  readonly args: Arguments;
}

/** A reply: always one object. */
export type RpcReply = Readonly<Record<string, unknown>>;

export interface RpcMethod {
  /** Which half of the access group lets it be called. */
  readonly access: 'read' | 'write';
  readonly takes: ArgumentTable;
  readonly run: (call: RpcCall) => Promise<RpcReply> | RpcReply;
}
