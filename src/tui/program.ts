/** The running interface: holds the state, takes messages one after the other, and tells whoever draws. */
import type { Effect, Message } from './model/messages.ts';
import type { State } from './model/state.ts';
import { update } from './model/update.ts';

export type Dispatch = (...messages: readonly Message[]) => void;
/** Does what the state asked for; answers come back through `dispatch`. */
export type Perform = (effect: Effect, dispatch: Dispatch) => void;

export class Program {
  #state: State;
  readonly #perform: Perform;
  readonly #listeners = new Set<() => void>();

  constructor(state: State, perform: Perform) {
    this.#state = state;
    this.#perform = perform;
  }

  /** The state as it is now. */
  readonly state = (): State => this.#state;

  /** Calls `listener` after each change; returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes messages in their order; those who draw are told once. */
  readonly dispatch = (...messages: readonly Message[]): void => {
    const before = this.#state;
    const effects: Effect[] = [];
    for (const message of messages) {
      const step = update(this.#state, message);
      this.#state = step.state;
      effects.push(...step.effects);
    }
    if (this.#state !== before) for (const listener of this.#listeners) listener();
    for (const effect of effects) this.perform(effect);
  };

  /** Has something done that no message asked for. */
  readonly perform = (effect: Effect): void => this.#perform(effect, this.dispatch);
}
