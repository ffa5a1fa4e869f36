import { describe, expect, jest, test } from '@jest/globals';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('every call is settled by timeoutMs', () => {
  test('as unknown when it was sent and not answered, and as not stored when its turn never came', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    appender.respond = (call) => setTimeout(() => call.answerEach(() => failure('unknown')), call.withinMs);
    const fates = Array.from({ length: 700 }, () => fateOf(publisher.publish('a', 1)));
    const before = performance.now();
    await until(() => fates.every((fate) => wordsFor(fate) !== 'open'));
    expect(performance.now() - before).toBeLessThanOrEqual(1_100);
    // two calls of 128 at a time, each half of timeoutMs long
    expect(fates.slice(0, 512).every((fate) => wordsFor(fate) === 'unknown EVENTS_TRANSPORT')).toBe(true);
    expect(fates.slice(512).every((fate) => wordsFor(fate) === 'not-stored EVENTS_TIMEOUT')).toBe(true);
    expect(fates.at(-1)?.error?.retryable).toBe(true);
    expect(appender.sent.flat()).toHaveLength(512);
  });

  test('not stored, when it was refused again and again', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 }, { maxRetries: 1_000 });
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    const fate = fateOf(publisher.publish('a', 1));
    await until(() => fate.error !== undefined);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
    expect(fate.error?.message).toContain('within 1000 ms');
    expect(fate.error?.message).toContain('a stubbed failure: refused');
  });

  test('not stored, when it was held back behind one that is tried again', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const first = fateOf(publisher.publish('a', 1, { key: 'k' }));
    await elapse(500);
    const second = fateOf(publisher.publish('b', 1, { key: 'k' }));
    await elapse(1_400);
    expect([first, second].map(wordsFor)).toEqual([
      'not-stored EVENTS_TRANSPORT',
      expect.stringMatching(/^not-stored/),
    ]);
  });

  test('the oldest of a call sets its deadline, whatever order the retries came back in', async () => {
    const jitter = jest.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.99);
    const { publisher, appender } = publishing({ timeoutMs: 4_000 });
    const start = performance.now();
    const old = fateOf(publisher.publish('old', 1, { stream: 'old' }));
    await elapse(1_400);
    const young = fateOf(publisher.publish('young', 1, { stream: 'young' }));
    await elapse(100);
    for (const call of appender.waiting) call.answer([failure('refused')]);
    await turn();
    for (const stream of ['x', 'y']) {
      fateOf(publisher.publish('filler', 1, { stream }));
      await turn();
    }
    // both are due again, the older one first, while others take both places
    await elapse(1_900);
    expect(appender.sent).toEqual([['old'], ['young'], ['filler'], ['filler']]);
    for (const call of appender.waiting) call.answer(['1-0']);
    await turn();
    const call = appender.waiting.find(({ types }) => types.includes('old'));
    expect((call?.atMs ?? Infinity) + (call?.withinMs ?? Infinity)).toBeLessThanOrEqual(start + 4_000);
    expect([old, young].map(wordsFor)).toEqual(['open', 'open']);
    jitter.mockRestore();
  });

  test('even if the transport never answers', async () => {
    const { publisher } = publishing({ timeoutMs: 1_000 });
    const fate = fateOf(publisher.publish('a', 1));
    const before = performance.now();
    await elapse(3_000);
    expect(wordsFor(fate)).toMatch(/^unknown EVENTS_(TIMEOUT|TRANSPORT)$/);
    expect((fate.atMs ?? Infinity) - before).toBeLessThanOrEqual(1_500);
    await publisher.close();
  });

  test('even if a schema never answers', async () => {
    const never = {
      '~standard': { version: 1, vendor: 'tests', validate: () => new Promise<never>(() => {}) },
    } as const;
    const { publisher, appender } = publishing({ timeoutMs: 1_000, events: { a: never } });
    const fate = fateOf(publisher.publish('a', 1));
    await elapse(1_300);
    expect(wordsFor(fate)).toMatch(/^not-stored EVENTS_/);
    await publisher.close();
    expect(appender.calls).toEqual([]);
  });

  test('the time that a schema takes included', async () => {
    const slow = {
      '~standard': {
        version: 1,
        vendor: 'tests',
        validate: (value: unknown) =>
          new Promise<{ value: unknown }>((resolve) => setTimeout(() => resolve({ value }), 800)),
      },
    } as const;
    const { publisher, appender } = publishing({ timeoutMs: 1_000, events: { a: slow } });
    appender.respond = (call) => call.answerEach(() => failure('offline'));
    const fate = fateOf(publisher.publish('a', 1));
    await elapse(1_150);
    expect(wordsFor(fate)).toBe('not-stored EVENTS_TRANSPORT');
  });

  test('an event is not sent when so little time is left that its answer could not be waited for', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 1, timeoutMs: 1_000 });
    const first = fateOf(publisher.publish('a', 1));
    const second = fateOf(publisher.publish('b', 1));
    await elapse(950);
    appender.waiting[0]?.answer(['1-0']);
    await turn();
    expect([first, second].map(wordsFor)).toEqual([expect.any(String), 'not-stored EVENTS_TIMEOUT']);
    expect(appender.sent).toEqual([['a']]);
  });
});
