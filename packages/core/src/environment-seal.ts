import { jitteredBackoffMs } from './backoff.js';
import { EnvironmentError, OptionsError } from './errors.js';
import { toError } from './failure.js';
import { flag } from './options.js';
import { manyWaiters, settledWithin, sleep } from './sleep.js';
import type { Transport } from './transport.js';

/** Lets nothing begin before the server has said that it is for this prefix. */
export class EnvironmentSeal {
  readonly #transport: Transport;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #ending = manyWaiters();
  #isConfirmed = false;
  #asking: Promise<void> | undefined;

  constructor(transport: Transport, prefix: string, timeoutMs: number) {
    this.#transport = transport;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * `undefined` once the server has confirmed the prefix, otherwise what to wait for, `timeoutMs` at most: it rejects
   * with `EnvironmentError` where the server is for others. A refusal is asked for again by the next call.
   */
  confirmed(): Promise<void> | undefined {
    if (this.#isConfirmed) return undefined;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Ends the waiting. */
  close(): void {
    this.#ending.abort();
  }

  async #ask(): Promise<void> {
    const janitor = this.#transport.janitor();
    try {
      const deadlineMs = performance.now() + this.#timeoutMs;
      for (let failures = 1; !this.#isConfirmed; failures += 1) {
        let prefixes: readonly string[];
        try {
          prefixes = await janitor.seal(this.#prefix);
        } catch (error) {
          const failure = this.#transport.classify(error);
          const isTransient = failure.kind === 'offline' || failure.kind === 'refused' || failure.kind === 'unknown';
          const mayRepeat = isTransient && this.#transport.retryPolicy.strategy === 'retry';
          const waitMs = jitteredBackoffMs(failures, 50, 500);
          if (!mayRepeat || this.#ending.signal.aborted || performance.now() + waitMs > deadlineMs) {
            throw toError('Could not ask which prefixes this server is for', failure, { outcome: 'not-stored' });
          }
          await sleep(waitMs, this.#ending.signal);
          continue;
        }
        if (!prefixes.includes(this.#prefix)) throw this.#refusal(prefixes);
        this.#isConfirmed = true;
      }
    } finally {
      await settledWithin(janitor.close(), 1_000);
    }
  }

  #refusal(prefixes: readonly string[]): EnvironmentError {
    const known = prefixes.map((prefix) => `'${prefix}'`).join(', ');
    return new EnvironmentError(
      `This server is sealed for ${known}, and streamPrefix is '${this.#prefix}'. Connect to the server of that environment, or have an operator allow the prefix`,
      { outcome: 'not-stored' },
    );
  }
}

/** The prefix, where a seal is asked for. Throws `OptionsError` when there is none. */
export function sealedPrefix({
  environmentSeal,
  streamPrefix,
}: {
  readonly environmentSeal?: boolean | undefined;
  readonly streamPrefix?: string | undefined;
}): string | undefined {
  if (!flag('environmentSeal', environmentSeal, false)) return undefined;
  if (streamPrefix !== undefined) return streamPrefix;
  throw new OptionsError("environmentSeal needs 'streamPrefix': what has no prefix belongs to no environment");
}
