import {
  ClosedError,
  type EventsError,
  type EventsErrorOptions,
  GroupNotFoundError,
  PermissionError,
  TransportError,
  UnsupportedError,
} from './errors.js';
import type { Failure } from './transport.js';

/** The one place where a transport's failure becomes an error for the user. `what` says what could not be done. */
export function toError(what: string, failure: Failure, options: EventsErrorOptions = {}): EventsError {
  const details = { cause: failure.cause, ...options };
  switch (failure.kind) {
    case 'closed':
      return new ClosedError(`${what}: the transport is closed`, details);
    case 'denied':
      return new PermissionError(
        `${what}: ${failure.cause.message}. Check the user, its password and its ACL`,
        details,
      );
    case 'group-lost':
      return new GroupNotFoundError(`${what}: ${failure.cause.message}`, details);
    case 'fenced':
      return new ClosedError(`${what}: another consumer has become the owner of the partition`, details);
    case 'invalid':
      return new TransportError(`${what}: ${failure.cause.message}`, details);
    case 'unsupported':
      return new UnsupportedError(`${what}: ${failure.cause.message}`, details);
    case 'unknown':
      return new TransportError(
        `${what}: it was sent and not answered (${failure.cause.message}), so it may have been done`,
        details,
      );
    default:
      return new TransportError(`${what}: ${failure.cause.message}`, { retryable: true, ...details });
  }
}
