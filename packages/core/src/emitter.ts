import { EventEmitter } from 'node:events';
import type { Logger } from './logger.js';
import { describeError } from './retry-record.js';

type Listeners = Record<string, unknown[]>;

/**
 * Node's event emitter with two promises more: an `error` without a listener is logged instead of thrown, and a
 * listener that throws or rejects disturbs neither its neighbours nor the emitting code.
 */
export class IsolatingEmitter<Events extends Listeners> extends EventEmitter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  override on<Name extends keyof Events & string>(name: Name, listener: (...values: Events[Name]) => void): this {
    return super.on(name, listener as (...values: unknown[]) => void);
  }

  override once<Name extends keyof Events & string>(name: Name, listener: (...values: Events[Name]) => void): this {
    return super.once(name, listener as (...values: unknown[]) => void);
  }

  override off<Name extends keyof Events & string>(name: Name, listener: (...values: Events[Name]) => void): this {
    return super.off(name, listener as (...values: unknown[]) => void);
  }

  override emit<Name extends keyof Events & string>(name: Name, ...values: Events[Name]): boolean {
    const listeners = this.rawListeners(name);
    if (listeners.length === 0) {
      if (name === 'error') this.#logger.error(messageOf(values[0]));
      return false;
    }
    for (const listener of listeners) this.#call(name, listener as (...values: unknown[]) => unknown, values);
    return true;
  }

  #call(name: string, listener: (...values: unknown[]) => unknown, values: unknown[]): void {
    const report = (error: unknown) =>
      this.#logger.error(`A listener of '${name}' failed and was left behind: ${messageOf(error)}`);
    try {
      const result = listener.apply(this, values);
      if (isThenable(result)) result.then(undefined, report);
    } catch (error) {
      report(error);
    }
  }
}

/** Whether a value is a promise, or behaves like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}

function messageOf(error: unknown): string {
  const { name, message } = describeError(error);
  return `${name}: ${message}`;
}
