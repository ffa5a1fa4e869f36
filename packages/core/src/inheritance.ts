import type { Delivery } from './delivery.js';
import { NonRetryableError } from './errors.js';
import { parseRetryRecord } from './retry-record.js';
import type { PendingEntry } from './subscription.js';

/**
 * Gives a delivery the past of its entry, which somebody had in hand before. Returns why it must not be tried again: it
 * was begun as often as may be, each time by a consumer that vanished.
 */
export function inherit(
  delivery: Delivery,
  { deliveries, record }: PendingEntry,
  isSuspect: boolean,
  maxAttempts: number,
): NonRetryableError | undefined {
  delivery.redelivered = true;
  delivery.record = parseRetryRecord(record);
  delivery.suspect = isSuspect;
  const failed = delivery.record?.attempt ?? 0;
  if (!isSuspect) {
    delivery.attempt = Math.max(deliveries, failed + 1);
    return undefined;
  }
  const started = Math.max(deliveries, failed);
  delivery.attempt = started + 1;
  // a first delivery need not have been started: everybody gets one try of its own
  if (started < Math.max(2, maxAttempts)) return undefined;
  return new NonRetryableError(`Its consumer vanished while handling it; ${started} attempts were started`);
}
