import { describe, expect, test } from '@jest/globals';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('an idempotent publisher', () => {
  test('asks the transport for a window and its limit', () => {
    expect(publishing().appender.options.idempotency).toBeUndefined();
    expect(publishing({ idempotent: false }).appender.options.idempotency).toBeUndefined();
    expect(publishing({ idempotent: true }).appender.options.idempotency).toMatchObject({
      windowMs: 600_000,
      maxEntries: 1_000_000,
    });
    const own = publishing({ idempotent: { windowMs: 20_000, maxEntries: 5 } });
    expect(own.appender.options.idempotency).toMatchObject({ windowMs: 20_000, maxEntries: 5 });
  });

  test('has a window that is longer than a very long publish', () => {
    const { appender } = publishing({ idempotent: true, timeoutMs: 600_000 });
    expect(appender.options.idempotency?.windowMs).toBe(1_200_000);
  });

  test('sends again what was not answered, under the same id', async () => {
    const { publisher, appender } = publishing({ idempotent: true });
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    appender.waiting[0]?.answer([failure('unknown')]);
    await until(() => appender.calls.length === 2);
    expect(appender.calls.map(({ entries }) => entries[0]?.id)).toEqual([
      appender.calls[0]?.entries[0]?.fields[1],
      appender.calls[0]?.entries[0]?.id,
    ]);
    appender.waiting[0]?.answer([{ entryId: '3-0', isDuplicate: true, isDurable: true, replicas: null }]);
    await turn();
    expect(fate.receipt).toMatchObject({ entryId: '3-0', status: 'duplicate' });
    expect(Object.keys(fate.receipt ?? {})).not.toContain('replicas');
  });

  test('says unknown when the last answer is that it may not be done, and an earlier one never came', async () => {
    const { publisher, appender } = publishing({ idempotent: true });
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    appender.waiting[0]?.answer([failure('unknown')]);
    await until(() => appender.calls.length === 2);
    appender.waiting[0]?.answer([failure('denied')]);
    await turn();
    expect(wordsFor(fate)).toBe('unknown EVENTS_PERMISSION');
  });

  test('tells of a window that is cut short', () => {
    const { publisher, appender } = publishing({ idempotent: { maxEntries: 10 } });
    const shortened: unknown[] = [];
    publisher.on('idempotencyShortened', (state) => shortened.push(state));
    appender.options.idempotency?.onShortened('orders', 1_234);
    expect(shortened).toEqual([{ stream: 'orders', effectiveWindowMs: 1_234 }]);
  });
});
