import { describe, expect, test } from '@jest/globals';
import type { FailureKind } from '../src/index.js';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure, StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('a refused event', () => {
  test('is sent again, with growing waits, as often as maxRetries says', async () => {
    const { publisher, appender } = publishing({}, { maxRetries: 3 });
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    const fate = fateOf(publisher.publish('a', 1));
    await until(() => fate.error !== undefined);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    expect(fate.error).toMatchObject({ retryable: true, cause: expect.any(StubFailure) });
    const waits = appender.calls.slice(1).map(({ atMs }, index) => atMs - (appender.calls[index]?.atMs ?? 0));
    expect(waits).toHaveLength(3);
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(50 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(100 * 2 ** index);
    }
  });

  test('is stored under the same event id when the server takes it at last', async () => {
    const { publisher, appender } = publishing();
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    appender.waiting[0]?.answer([failure('refused')]);
    appender.respond = appender.store;
    await until(() => fate.receipt !== undefined);
    const ids = appender.calls.map(({ entries }) => entries[0]?.fields[1]);
    expect(ids).toEqual([fate.receipt?.id, fate.receipt?.id]);
  });

  test('is rejected at once when the transport fails fast', async () => {
    const { publisher, appender } = publishing({}, { strategy: 'failfast' });
    for (const kind of ['refused', 'offline'] as const) {
      appender.respond = (call) => call.answerEach(() => failure(kind));
      const fate = fateOf(publisher.publish('a', 1));
      await turn();
      expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    }
    expect(appender.calls).toHaveLength(2);
  });

  test('is not sent again with maxRetries 0', async () => {
    const { publisher, appender } = publishing({}, { maxRetries: 0 });
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
  });
});

describe('while there is no server that could take it', () => {
  test('an event is tried until its time is over, soon at first and then now and again', async () => {
    const { publisher, appender } = publishing({}, { maxRetries: 0 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    await until(() => fate.error !== undefined);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    const times = appender.calls.map(({ atMs }) => atMs);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(10);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(4_000);
    expect(times.length).toBeGreaterThan(20);
    expect(times.length).toBeLessThan(70);
  });
});

describe('what the server will never do is not tried again', () => {
  test.each<[FailureKind, string]>([
    ['invalid', 'not-stored EVENTS_TRANSPORT'],
    ['denied', 'not-stored EVENTS_PERMISSION'],
    ['closed', 'not-stored EVENTS_CLOSED'],
    ['group-lost', 'not-stored EVENTS_GROUP_NOT_FOUND'],
    ['unknown', 'unknown EVENTS_TRANSPORT'],
  ])('%s → %s', async (kind, words) => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.answerEach(() => failure(kind));
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe(words);
    expect(fate.error?.retryable).toBe(false);
    await elapse(10_000);
    expect(appender.calls).toHaveLength(1);
  });
});

describe('being offline', () => {
  test('is no attempt: the event waits until there is a connection', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 5_000 }, { maxRetries: 1 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    await elapse(3_000);
    expect(wordsFor(fate)).toBe('open');
    expect(appender.calls.length).toBeGreaterThan(5);
    appender.respond = appender.store;
    await until(() => fate.receipt !== undefined);
  });

  test('leaves the attempts of what is refused afterwards untouched', async () => {
    const { publisher, appender } = publishing({}, { maxRetries: 1 });
    let calls = 0;
    appender.respond = (call) => {
      calls += 1;
      if (calls <= 5) call.answer([failure('offline')]);
      else if (calls === 6) call.answer([failure('refused')]);
      else appender.store(call);
    };
    const fate = fateOf(publisher.publish('a', 1));
    await until(() => wordsFor(fate) !== 'open');
    expect([wordsFor(fate), calls]).toEqual(['stored', 7]);
  });

  test('ends with the deadline, not stored', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    const before = performance.now();
    await until(() => fate.error !== undefined);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    expect(performance.now() - before).toBeLessThanOrEqual(1_100);
  });
});

describe('an unanswered event', () => {
  test('is sent again only where retryUnknown asks for it', async () => {
    const { publisher, appender } = publishing({ retryUnknown: true });
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    appender.waiting[0]?.answer([failure('unknown')]);
    appender.respond = appender.store;
    await until(() => fate.receipt !== undefined);
    expect(appender.sent).toEqual([['a'], ['a']]);
  });

  test('is sent again no more often than maxRetries says', async () => {
    const { publisher, appender } = publishing({ retryUnknown: true }, { maxRetries: 2 });
    appender.respond = (call) => call.answerEach(() => failure('unknown'));
    const fate = fateOf(publisher.publish('a', 1));
    await until(() => fate.error !== undefined);
    expect(wordsFor(fate)).toBe('unknown EVENTS_TRANSPORT');
    expect(appender.calls).toHaveLength(3);
  });

  test.each<FailureKind>(['refused', 'offline', 'invalid', 'denied', 'closed'])(
    'stays of unknown outcome when a later try is %s',
    async (kind) => {
      const { publisher, appender } = publishing({ retryUnknown: true, timeoutMs: 1_000 });
      const fate = fateOf(publisher.publish('a', 1));
      await turn();
      appender.waiting[0]?.answer([failure('unknown')]);
      appender.respond = (call) => call.answerEach(() => failure(kind));
      await until(() => fate.error !== undefined);
      expect(fate.error?.outcome).toBe('unknown');
    },
  );

  test('stays of unknown outcome when it is overtaken after a later try was refused', async () => {
    const { publisher, appender } = publishing({ retryUnknown: true });
    const fate = fateOf(publisher.publish('a', 1, { key: 'k' }));
    await turn();
    appender.waiting[0]?.answer([failure('unknown')]);
    const later = fateOf(publisher.publish('b', 1, { key: 'k' }));
    await until(() => appender.waiting.length > 0);
    appender.waiting[0]?.answerEach((type) => (type === 'a' ? failure('refused') : '2-0'));
    await until(() => fate.error !== undefined);
    expect(fate.error?.outcome).toBe('unknown');
    expect(wordsFor(later)).toBe('stored');
  });
});
