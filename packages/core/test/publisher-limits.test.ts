import { describe, expect, test } from '@jest/globals';
import type { StandardSchema } from '../src/index.js';
import { type Fate, fateOf, publishing, wordsFor } from './support/publishing.js';
import { turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function tally(fates: readonly Fate[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fate of fates) counts[wordsFor(fate)] = (counts[wordsFor(fate)] ?? 0) + 1;
  return counts;
}

describe('beyond maxInFlight', () => {
  test('as many calls again wait, and further ones are refused at once', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 10 });
    const fates = Array.from({ length: 25 }, () => fateOf(publisher.publish('a', 1)));
    await turn();
    expect(tally(fates)).toEqual({ open: 20, 'not-stored EVENTS_OVERLOADED': 5 });
    expect(appender.sent.flat()).toHaveLength(10);
    expect(fates.at(-1)?.error).toMatchObject({ retryable: true, message: expect.stringContaining('20 events') });
    appender.storeAll();
    await turn();
    expect(tally(fates)).toEqual({ stored: 20, 'not-stored EVENTS_OVERLOADED': 5 });
  });

  test('no more than maxInFlight are ever under way', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 10 });
    const fates = Array.from({ length: 20 }, () => fateOf(publisher.publish('a', 1)));
    for (let round = 0; round < 20; round += 1) {
      await turn();
      const underWay = appender.waiting.flatMap(({ entries }) => entries).length;
      expect(underWay).toBeLessThanOrEqual(10);
      for (const call of appender.waiting.slice(0, 1)) appender.store(call);
    }
    expect(tally(fates)).toEqual({ stored: 20 });
  });

  test("calls are refused at once with overflow 'reject'", async () => {
    const { publisher, appender } = publishing({ maxInFlight: 10, overflow: 'reject' });
    const fates = Array.from({ length: 25 }, () => fateOf(publisher.publish('a', 1)));
    await turn();
    expect(tally(fates)).toEqual({ open: 10, 'not-stored EVENTS_OVERLOADED': 15 });
    appender.storeAll();
    await turn();
    expect(wordsFor(fateOf(publisher.publish('a', 1)))).toBe('open');
  });

  test('calls are taken again once there is room', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 1, overflow: 'reject' });
    appender.storeAll();
    for (let round = 0; round < 5; round += 1) {
      const fate = fateOf(publisher.publish('a', 1));
      await turn();
      expect(wordsFor(fate)).toBe('stored');
    }
  });

  test('calls whose schema has not answered yet count too', async () => {
    const slow: StandardSchema = {
      '~standard': { version: 1, vendor: 'tests', validate: () => new Promise<never>(() => {}) },
    };
    const { publisher } = publishing({ maxInFlight: 10, events: { a: slow }, timeoutMs: 1_000 });
    const fates = Array.from({ length: 50 }, () => fateOf(publisher.publish('a', 1)));
    await turn();
    expect(tally(fates).open).toBeLessThanOrEqual(20);
    expect(tally(fates)['not-stored EVENTS_OVERLOADED']).toBeGreaterThanOrEqual(30);
  });
});

describe('beyond maxInFlightBytes', () => {
  const text = 'x'.repeat(1_000);

  test('as many characters again wait, and further ones are refused at once', async () => {
    const { publisher, appender } = publishing({ maxInFlightBytes: 5_500 });
    const fates = Array.from({ length: 12 }, () => fateOf(publisher.publish('a', text)));
    await turn();
    const counts = tally(fates);
    expect(counts.open).toBeGreaterThanOrEqual(9);
    expect(counts.open).toBeLessThanOrEqual(10);
    appender.storeAll();
    await turn();
    expect(tally(fates)).toEqual({ stored: counts.open, 'not-stored EVENTS_OVERLOADED': 12 - (counts.open ?? 0) });
  });

  test("calls are refused at once with overflow 'reject'", async () => {
    const { publisher } = publishing({ maxInFlightBytes: 5_500, overflow: 'reject' });
    const fates = Array.from({ length: 12 }, () => fateOf(publisher.publish('a', text)));
    await turn();
    expect(tally(fates).open).toBeLessThanOrEqual(5);
    expect(tally(fates).open).toBeGreaterThanOrEqual(4);
  });

  test('one event alone is taken however large it is', async () => {
    const { publisher, appender } = publishing({ maxInFlightBytes: 100, overflow: 'reject' });
    appender.storeAll();
    await expect(publisher.publish('a', text)).resolves.toMatchObject({ status: 'stored' });
  });
});

describe('backpressure is emitted', () => {
  test('once an episode, when there are too many events', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 10 });
    const episodes: unknown[] = [];
    publisher.on('backpressure', (state) => void episodes.push(state));
    const publishMany = () => Array.from({ length: 20 }, () => fateOf(publisher.publish('a', 1)));
    publishMany();
    await turn();
    expect(episodes).toEqual([{ reason: 'window', stream: undefined, measured: 10, limit: 10 }]);
    appender.storeAll();
    await turn();
    appender.respond = undefined;
    publishMany();
    await turn();
    expect(episodes).toHaveLength(2);
  });

  test('once an episode, when they are too large', async () => {
    const { publisher, appender } = publishing({ maxInFlightBytes: 500_000 });
    const episodes: unknown[] = [];
    publisher.on('backpressure', (state) => void episodes.push(state));
    // so large that each event is a call of its own
    const text = 'x'.repeat(150_000);
    const fates = Array.from({ length: 4 }, () => fateOf(publisher.publish('a', text)));
    await turn();
    // one leaves, one comes: the limit is passed all the time
    for (let round = 0; round < 5; round += 1) {
      const [call] = appender.waiting;
      call?.answerEach(() => appender.nextEntryId());
      for (let index = 0; index < (call?.entries.length ?? 0); index += 1)
        fates.push(fateOf(publisher.publish('a', text)));
      await turn();
    }
    expect(episodes).toHaveLength(1);
    appender.storeAll();
    await turn();
    expect(tally(fates)).toEqual({ stored: fates.length });
  });

  test('not at all below the limits', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 10 });
    const episodes: unknown[] = [];
    publisher.on('backpressure', (state) => void episodes.push(state));
    for (let index = 0; index < 10; index += 1) fateOf(publisher.publish('a', 1));
    appender.storeAll();
    await turn();
    expect(episodes).toEqual([]);
  });
});
