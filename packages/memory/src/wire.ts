import type { FailureKind } from '@events/core';
import { MemoryError } from './memory-error.js';

/** A verb that was sent and is not answered yet. */
export interface Call {
  /** Whether nobody waits for the answer any more. */
  readonly isLost: boolean;
  /** Called when the answer is lost while the verb still waits. */
  whenLost: () => void;
}

/**
 * The way from the handles to the broker, and what can go wrong on it. A verb is executed at once, in the order of the
 * calls, and answered on a later turn of the event loop: no busy consumer keeps timers and sockets from their turn, and
 * between execution and answer there is a moment in which the answer can get lost.
 */
export class Wire {
  readonly #underWay = new Set<WireCall>();
  // While frozen: what is to be done afterwards, in order.
  #backlog: (() => void)[] | undefined;
  #isOffline = false;
  #refusals: { readonly kind: FailureKind; left: number } | undefined;

  /** Executes `verb` and resolves with its answer, or rejects: with `unknown` when there is none after `deadlineMs`. */
  perform<T>(verb: (call: Call) => T | Promise<T>, caller: object, deadlineMs: number): Promise<T> {
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return Promise.reject(obstacle);
    return new Promise((resolve, reject) => {
      const call = new WireCall(caller, deadlineMs, reject, () => this.#underWay.delete(call));
      this.#underWay.add(call);
      if (this.#backlog !== undefined) call.startDeadline();
      this.#onceThawed(() => {
        // what a verb throws and what it rejects with are the same to its caller
        (async () => verb(call))().then(
          (answer) => this.#answer(call, () => resolve(answer)),
          (error: unknown) => this.#answer(call, () => reject(error)),
        );
      });
    });
  }

  /** Ends what a caller has under way. It wants no answer any more. */
  hangUp(caller: object): void {
    for (const call of this.#underWay) if (call.caller === caller) call.lose('closed', 'The handle was closed');
  }

  /** Loses every answer under way. */
  cut(): void {
    for (const call of this.#underWay) call.lose('unknown', 'The connection was cut');
  }

  freeze(): void {
    this.#backlog ??= [];
    for (const call of this.#underWay) call.startDeadline();
  }

  /** Executes what was sent meanwhile, also what its caller has given up. */
  thaw(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const resume of backlog) resume();
  }

  setOffline(isOffline: boolean): void {
    if (isOffline) this.cut();
    this.#isOffline = isOffline;
  }

  refuse(kind: FailureKind, times: number): void {
    this.#refusals = { kind, left: times };
  }

  #obstacle(): MemoryError | undefined {
    if (this.#isOffline) return new MemoryError('offline', 'There is no connection');
    if (this.#refusals === undefined || this.#refusals.left <= 0) return undefined;
    this.#refusals.left -= 1;
    return new MemoryError(this.#refusals.kind, 'The broker was told to refuse this');
  }

  #onceThawed(action: () => void): void {
    if (this.#backlog === undefined) action();
    else this.#backlog.push(action);
  }

  #answer(call: WireCall, deliver: () => void): void {
    this.#onceThawed(() => setImmediate(() => call.settle(deliver)));
  }
}

class WireCall implements Call {
  whenLost: () => void = () => {};
  readonly caller: object;
  readonly #deadlineMs: number;
  readonly #reject: (error: Error) => void;
  readonly #remove: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isSettled = false;
  #isLost = false;

  constructor(caller: object, deadlineMs: number, reject: (error: Error) => void, remove: () => void) {
    this.caller = caller;
    this.#deadlineMs = deadlineMs;
    this.#reject = reject;
    this.#remove = remove;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  // Only a frozen broker is late, so only then is there a need for a timer.
  startDeadline(): void {
    const expire = () => this.lose('unknown', `There was no answer within ${this.#deadlineMs} ms`);
    this.#timer ??= setTimeout(expire, this.#deadlineMs);
  }

  settle(deliver: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#remove();
    deliver();
  }

  lose(kind: FailureKind, reason: string): void {
    this.settle(() => {
      this.#isLost = true;
      this.whenLost();
      this.#reject(new MemoryError(kind, reason));
    });
  }
}
