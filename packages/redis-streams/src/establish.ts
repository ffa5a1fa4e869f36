import { ClosedError, PermissionError, TransportError } from '@events/core';
import { controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { type RedisFailure, replyCodeOf } from './failures.js';
import type { Topology } from './topology.js';

const firstDelayMs = 50;

/** What the errors made here mean. */
const failures = new WeakMap<object, RedisFailure>();

/** The failure that an error of `establish` stands for. */
export function failureBehind(error: unknown): RedisFailure | undefined {
  return typeof error === 'object' && error !== null ? failures.get(error) : undefined;
}

/** Opens the connection, proves that the server answers, and asks it something; or rejects with an error that says what to do. */
export async function establish(
  lease: ConnectionLease,
  topology: Pick<Topology, 'description' | 'advice'>,
  policy: { readonly strategy: 'retry' | 'failfast'; readonly maxRetries: number },
  ask: () => Promise<unknown>,
): Promise<void> {
  const attempts = policy.strategy === 'failfast' ? 1 : policy.maxRetries + 1;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await lease.connection().opened(attempts);
      await lease.connection().command(['PING'], controlWithinMs).catch(unlessForbidden);
      await ask();
      return;
    } catch (error) {
      const failure = error as RedisFailure;
      const isAnswer = replyCodeOf(failure) !== undefined;
      const mayPass =
        failure.kind === 'refused' || failure.kind === 'unknown' || (failure.kind === 'offline' && isAnswer);
      if (!mayPass || attempt >= attempts) throw remember(explain(failure, topology), failure);
    }
    await new Promise((resolve) => setTimeout(resolve, firstDelayMs * 2 ** (attempt - 1)));
  }
}

// Who may not PING has reached a server that knows who is asking.
function unlessForbidden(failure: unknown): void {
  if (replyCodeOf(failure) !== 'NOPERM') throw failure;
}

function remember(error: Error, failure: RedisFailure): Error {
  failures.set(error, failure);
  return error;
}

function explain(failure: RedisFailure, { description, advice }: Pick<Topology, 'description' | 'advice'>): Error {
  const { kind, cause } = failure;
  const place = `Redis at ${description}`;
  if (kind === 'closed') return new ClosedError('The transport was closed');
  if (kind === 'denied') {
    return new PermissionError(`${place} refused the credentials (${cause.message}). Check username and password.`, {
      cause,
    });
  }
  return new TransportError(`Cannot use ${place}: ${cause.message}. ${advice}`, { cause, retryable: true });
}
