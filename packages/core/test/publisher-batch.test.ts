import { describe, expect, test } from '@jest/globals';
import type { BatchEvent, PublishOutcomeOf } from '../src/index.js';
import { publishing } from './support/publishing.js';
import { failure } from './support/stub-failure.js';
import { turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function words(outcomes: readonly PublishOutcomeOf[]): string[] {
  return outcomes.map((outcome) =>
    outcome.status === 'failed'
      ? `${outcome.error.outcome} ${outcome.error.code}`
      : `${outcome.type} ${outcome.entryId}`,
  );
}

describe('publishBatch', () => {
  test('stores its events in order, with one call of the transport', async () => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const outcomes = await publisher.publishBatch([
      { type: 'a', data: 1 },
      { type: 'b', data: 2, stream: 'other', key: 'k', id: 'x', headers: { h: 'v' } },
    ]);
    expect(words(outcomes)).toEqual(['a 1700000000000-1', 'b 1700000000000-2']);
    expect(outcomes[1]).toMatchObject({ id: 'x', stream: 'other', status: 'stored' });
    expect(appender.sent).toEqual([['a', 'b']]);
  });

  test('says at each place what became of that event, bad input included, and lets the others go', async () => {
    const { publisher, appender } = publishing({ maxPayloadBytes: 20 });
    appender.respond = (call) =>
      call.answerEach((type) => (type === 'denied' ? failure('denied') : appender.nextEntryId()));
    const outcomes = await publisher.publishBatch([
      { type: 'a', data: 1 },
      { type: 'a b', data: 1 },
      { type: 'a', data: 1n },
      { type: 'denied', data: 1 },
      { type: 'a', data: 'x'.repeat(30) },
      { type: 'a', data: 1, topic: 'x' } as BatchEvent,
      { type: 'z', data: 1 },
    ]);
    expect(words(outcomes)).toEqual([
      'a 1700000000000-1',
      'not-stored EVENTS_EVENT_TYPE',
      'not-stored EVENTS_SERIALIZATION',
      'not-stored EVENTS_PERMISSION',
      'not-stored EVENTS_PAYLOAD_TOO_LARGE',
      'not-stored EVENTS_OPTIONS',
      'z 1700000000000-2',
    ]);
  });

  test.each([null, undefined, 7, 'a'])('says so of a place that holds %j, and lets the others go', async (hole) => {
    const { publisher, appender } = publishing();
    appender.storeAll();
    const outcomes = await publisher.publishBatch([
      { type: 'a', data: 1 },
      hole as unknown as BatchEvent,
      { type: 'z', data: 1 },
    ]);
    expect(words(outcomes)).toEqual([
      'a 1700000000000-1',
      expect.stringMatching(/^not-stored EVENTS_/),
      'z 1700000000000-2',
    ]);
  });

  test('keeps the order of a key when one of its events is refused and tried again', async () => {
    const { publisher, appender } = publishing();
    const batch = publisher.publishBatch(['a', 'b', 'c'].map((type) => ({ type, data: 1, key: 'k' })));
    let outcomes: PublishOutcomeOf[] = [];
    void batch.then((settled) => {
      outcomes = settled;
    });
    await turn();
    appender.waiting[0]?.answerEach(() => failure('refused'));
    appender.respond = appender.store;
    await until(() => outcomes.length === 3);
    expect(words(outcomes)).toEqual(['a 1700000000000-1', 'b 1700000000000-2', 'c 1700000000000-3']);
  });

  test('of nothing resolves with nothing', async () => {
    const { publisher, appender } = publishing();
    await expect(publisher.publishBatch([])).resolves.toEqual([]);
    expect(appender.calls).toEqual([]);
  });

  test('takes an array, and refuses anything else', async () => {
    const { publisher } = publishing();
    await expect(publisher.publishBatch({ type: 'a', data: 1 } as never)).rejects.toMatchObject({
      code: 'EVENTS_OPTIONS',
    });
  });

  test('of a closed publisher says so at every place', async () => {
    const { publisher } = publishing();
    await publisher.close();
    expect(words(await publisher.publishBatch([{ type: 'a', data: 1 }]))).toEqual(['not-stored EVENTS_CLOSED']);
  });
});
