import { jitteredBackoffMs } from './backoff.js';
import { ClosedError } from './errors.js';
import { toError } from './failure.js';
import { sleep } from './sleep.js';
import type { Transport } from './transport.js';

/** Runs an operation that may be repeated, as often as the transport's retry policy allows and until `signal` aborts, and wraps its failure. */
export async function retryOperation<Result>(
  transport: Transport,
  what: string,
  operation: () => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { strategy, maxRetries } = transport.retryPolicy;
  for (let failures = 1; ; failures += 1) {
    try {
      return await operation();
    } catch (error) {
      const failure = transport.classify(error);
      const repeatable = failure.kind === 'offline' || failure.kind === 'refused' || failure.kind === 'unknown';
      if (signal.aborted) throw new ClosedError(`${what}: it was stopped meanwhile`);
      if (!repeatable || strategy === 'failfast' || failures > maxRetries)
        throw toError(what, failure, { retryable: repeatable });
      await sleep(jitteredBackoffMs(failures, 100, 2_000), signal);
    }
  }
}
