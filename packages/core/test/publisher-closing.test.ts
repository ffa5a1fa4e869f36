import { describe, expect, jest, test } from '@jest/globals';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** Whether a promise has settled by now. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const watched = { settled: false };
  const settle = () => {
    watched.settled = true;
  };
  promise.then(settle, settle);
  return watched;
}

describe('flush', () => {
  test('resolves once everything published before it is settled, and waits for nothing after', async () => {
    const { publisher, appender } = publishing();
    const first = fateOf(publisher.publish('a', 1));
    await turn();
    const flushed = watch(publisher.flush());
    await turn();
    const second = fateOf(publisher.publish('b', 1));
    await turn();
    expect(flushed.settled).toBe(false);
    appender.store(appender.waiting[0]!);
    await turn();
    expect([flushed.settled, wordsFor(first), wordsFor(second)]).toEqual([true, 'stored', 'open']);
  });

  test('does not reject when a publish fails', async () => {
    const { publisher, appender } = publishing();
    fateOf(publisher.publish('a', 1));
    const flushed = publisher.flush();
    await turn();
    appender.waiting[0]?.answer([failure('denied')]);
    await expect(flushed).resolves.toBeUndefined();
  });

  test('waits for retries', async () => {
    const { publisher, appender } = publishing();
    fateOf(publisher.publish('a', 1));
    const flushed = watch(publisher.flush());
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    await turn();
    expect(flushed.settled).toBe(false);
    appender.respond = appender.store;
    await until(() => flushed.settled);
  });

  test('of an idle publisher resolves at once', async () => {
    await expect(publishing().publisher.flush()).resolves.toBeUndefined();
  });

  test('ends although calls with slow schemas keep coming', async () => {
    const slow = {
      '~standard': {
        version: 1,
        vendor: 'tests',
        validate: (value: unknown) =>
          new Promise<{ value: unknown }>((resolve) => setTimeout(() => resolve({ value }), 10)),
      },
    } as const;
    const { publisher, appender } = publishing({ events: { a: slow } });
    appender.storeAll();
    const flood = setInterval(() => fateOf(publisher.publish('a', 1)), 5);
    await elapse(20);
    const flushed = watch(publisher.flush());
    await elapse(200);
    clearInterval(flood);
    expect(flushed.settled).toBe(true);
  });
});

describe('close', () => {
  test('refuses new calls, not stored, and settles the old ones', async () => {
    const { publisher, appender } = publishing();
    const old = fateOf(publisher.publish('a', 1));
    const closed = watch(publisher.close());
    const late = fateOf(publisher.publish('b', 1));
    await turn();
    expect([wordsFor(late), late.error?.retryable, closed.settled]).toEqual(['not-stored EVENTS_CLOSED', false, false]);
    appender.store(appender.waiting[0]!);
    await turn();
    expect([wordsFor(old), closed.settled]).toEqual(['stored', true]);
    expect(appender.sent).toEqual([['a']]);
  });

  test('sends what waits', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 1 });
    const fates = ['a', 'b'].map((type) => fateOf(publisher.publish(type, 1)));
    const closed = publisher.close();
    appender.storeAll();
    await closed;
    expect(fates.map(wordsFor)).toEqual(['stored', 'stored']);
  });

  test('ends within timeoutMs, whatever the server does', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    const closed = watch(publisher.close());
    await elapse(1_300);
    expect([closed.settled, wordsFor(fate)]).toEqual([true, 'not-stored EVENTS_TRANSPORT']);
  });

  test('closes the appender once, after everything is settled, and never the transport', async () => {
    const { publisher, appender, transport } = publishing();
    fateOf(publisher.publish('a', 1));
    const closings = [publisher.close(), publisher.close()];
    await turn();
    expect(appender.closings).toBe(0);
    appender.storeAll();
    await Promise.all([...closings, publisher.close()]);
    expect([appender.closings, transport.closings]).toEqual([1, 0]);
  });

  test('leaves no timer behind', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    appender.respond = appender.store;
    await until(() => fate.receipt !== undefined);
    await publisher.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('leaves no timer behind when events expired while they waited for another try', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 }, { maxRetries: 100 });
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    fateOf(publisher.publish('a', 1));
    const closed = watch(publisher.close());
    await until(() => closed.settled);
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('the timers of an idle publisher end by themselves', async () => {
  const { publisher, appender } = publishing();
  appender.storeAll();
  fateOf(publisher.publish('a', 1));
  await elapse(1_000);
  expect(jest.getTimerCount()).toBe(0);
});
