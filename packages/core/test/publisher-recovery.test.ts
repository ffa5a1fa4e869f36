import { describe, expect, test } from '@jest/globals';
import type { FailoverRecovered, PublisherOptions } from '../src/index.js';
import { type Fate, fateOf, publishing, wordsFor } from './support/publishing.js';
import type { AppendCall } from './support/stub-appender.js';
import { failure, StubFailure } from './support/stub-failure.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function stage(options: Partial<PublisherOptions> = {}) {
  const publishingStage = publishing({ failoverRecovery: { republishWindowMs: 5_000 }, ...options });
  const { publisher, appender, transport } = publishingStage;
  const recovered: FailoverRecovered[] = [];
  const errors: Error[] = [];
  publisher.on('failover', (recovery) => recovered.push(recovery));
  publisher.on('error', (error) => errors.push(error));
  /** Stores in the stub's streams what is appended, as a server does. */
  const serve = (call: AppendCall) => {
    call.answer(call.entries.map(({ stream, fields }) => String(transport.server.stream(stream).add(fields)[0])));
  };
  appender.respond = serve;
  /** What the stream holds, by the types of its events. */
  const types = (stream = 'orders') => transport.server.stream(stream).entries.map(({ fields }) => fields?.[3]);
  /** Makes the stream that of a server which had not heard of its last entries. */
  const forget = (count: number, stream = 'orders') => {
    const { entries, byId } = transport.server.stream(stream);
    for (const { id } of entries.splice(entries.length - count)) byId.delete(id);
    transport.server.stream(stream).lastGeneratedId = entries.at(-1)?.id ?? '0-0';
  };
  const publish = (type: string, settings = {}): Fate => fateOf(publisher.publish(type, null, settings));
  return { ...publishingStage, recovered, errors, serve, types, forget, publish };
}

describe('after a failover', () => {
  test('what the promoted server lacks is stored again, under the same ids and in order', async () => {
    const { publish, forget, transport, types, recovered } = stage();
    const fates = ['a', 'b', 'c', 'd'].map((type) => publish(type, { key: 'k', id: `id-${type}` }));
    await turn();
    forget(2);
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a', 'b', 'c', 'd']);
    const { entries } = transport.server.stream('orders');
    expect(entries.map(({ fields }) => fields?.[1])).toEqual(['id-a', 'id-b', 'id-c', 'id-d']);
    expect(fates.map(wordsFor)).toEqual(['stored', 'stored', 'stored', 'stored']);
    expect(recovered).toEqual([
      {
        stream: 'orders',
        from: 'first:6379',
        to: 'second:6379',
        windowMs: 5_000,
        checked: 4,
        present: 2,
        trimmed: 0,
        missing: 2,
        republished: 2,
        inDoubt: 0,
        outOfOrder: 0,
        failed: 0,
      },
    ]);
  });

  test('an entry id that the promoted server gave to another event does not count as ours', async () => {
    const { publish, forget, transport, types, recovered } = stage();
    publish('a');
    await turn();
    const [lost] = transport.server.stream('orders').entries;
    forget(1);
    const other = ['id', 'another', 'type', 'other', 'meta', '{}', 'data', 'null'];
    transport.server.stream('orders').entries.push({ id: String(lost?.id), fields: other });
    transport.server.stream('orders').byId.set(String(lost?.id), { id: String(lost?.id), fields: other });
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['other', 'a']);
    expect(recovered[0]).toMatchObject({ missing: 1, republished: 1 });
  });

  test('everything is stored again when the stream is gone', async () => {
    const { publish, forget, transport, types, recovered } = stage();
    publish('a');
    publish('b');
    await turn();
    forget(2);
    transport.server.describe = () => undefined;
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a', 'b']);
  });

  test.each([2, null])('what was trimmed is not stored again (%p entries are known to be removed)', async (removed) => {
    const { publish, transport, recovered } = stage();
    for (const type of ['a', 'b', 'c']) {
      publish(type);
      await elapse(10);
    }
    const { entries, byId } = transport.server.stream('orders');
    for (const { id } of entries.splice(0, 2)) byId.delete(id);
    transport.server.stream('orders').removed = removed;
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(recovered[0]).toMatchObject({ checked: 3, present: 1, trimmed: 2, missing: 0, republished: 0 });
  });

  test('an empty stream that gave out later ids was trimmed', async () => {
    const { publish, transport, types, recovered } = stage();
    publish('a');
    await turn();
    transport.server.stream('orders').entries.length = 0;
    transport.server.stream('orders').byId.clear();
    transport.server.stream('orders').removed = 1;
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(recovered[0]).toMatchObject({ trimmed: 1, missing: 0 });
    expect(types()).toEqual([]);
  });

  test('nothing was trimmed where nothing was ever removed: what comes first may be what others stored since', async () => {
    const { publish, forget, transport, types, recovered } = stage();
    publish('a');
    publish('b');
    await elapse(10);
    forget(2);
    transport.server.stream('orders').add(['id', 'x', 'type', 'neighbour', 'meta', '{}', 'data', 'null']);
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['neighbour', 'a', 'b']);
    expect(recovered[0]).toMatchObject({ trimmed: 0, missing: 2, republished: 2 });
  });

  test('what the lost server confirms in its last answer is looked for too', async () => {
    const { publish, appender, serve, transport, types, recovered, forget } = stage();
    appender.respond = undefined;
    const fate = publish('a');
    await turn();
    transport.failOver(['orders']);
    appender.respond = serve;
    serve(appender.waiting[0] as AppendCall);
    forget(1);
    await until(() => recovered.length === 1);
    expect(wordsFor(fate)).toBe('stored');
    expect(types()).toEqual(['a']);
  });

  test('nothing is told of a stream of which nothing was confirmed', async () => {
    const { publish, appender, serve, transport, types, recovered } = stage();
    appender.respond = undefined;
    const fate = publish('a');
    await turn();
    transport.failOver(['orders']);
    appender.respond = serve;
    appender.waiting[0]?.answer([failure('offline')]);
    await until(() => fate.receipt !== undefined);
    expect(types()).toEqual(['a']);
    expect(recovered).toEqual([]);
  });

  test('what waited and ran out of time is not sent', async () => {
    const { publisher, publish, forget, transport, appender } = stage({ maxInFlight: 10, timeoutMs: 1_000 });
    publish('a');
    await turn();
    forget(1);
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    transport.failOver(['orders']);
    for (let round = 0; round < 5; round += 1) {
      for (let number = 0; number < 10; number += 1) {
        fateOf(publisher.publish('b', number));
      }
      await elapse(1_300);
    }
    appender.respond = undefined;
    expect(appender.calls.at(-1)?.types).toEqual(['a']);
    appender.storeAll();
    await elapse(5_000);
    expect(appender.calls.flatMap(({ types }) => types).filter((type) => type === 'b')).toEqual([]);
  });

  test('later events of the stream wait until it is whole, those of other streams do not', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    publish('a');
    await turn();
    forget(1);
    const held: AppendCall[] = [];
    appender.respond = (call) => (call.types.includes('a') ? void held.push(call) : serve(call));
    transport.failOver(['orders']);
    const later = publish('b');
    const elsewhere = publish('c', { stream: 'payments' });
    await elapse(300);
    expect([wordsFor(later), wordsFor(elsewhere)]).toEqual(['open', 'stored']);
    serve(held[0] as AppendCall);
    await until(() => later.receipt !== undefined);
    expect(types()).toEqual(['a', 'b']);
    expect(recovered).toHaveLength(1);
  });

  test('what was under way to the lost server is answered first, and comes after what was confirmed', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    publish('a', { key: 'k' });
    await turn();
    appender.respond = undefined;
    const waiting = publish('b', { key: 'k' });
    await turn();
    forget(1);
    transport.failOver(['orders']);
    await elapse(50);
    expect(transport.fetches).toEqual([]);
    appender.respond = serve;
    appender.waiting[0]?.answer([failure('offline')]);
    await until(() => waiting.receipt !== undefined);
    expect(types()).toEqual(['a', 'b']);
    expect(recovered).toHaveLength(1);
  });

  test('a stream that waits for another try is made whole before that', async () => {
    const { publish, appender, serve, forget, transport, types } = stage();
    publish('a', { key: 'k' });
    await turn();
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    const refused = publish('b', { key: 'k' });
    await turn();
    forget(1);
    appender.respond = serve;
    transport.failOver(['orders']);
    await until(() => refused.receipt !== undefined);
    expect(types()).toEqual(['a', 'b']);
  });

  test('streams that did not change hands are left alone', async () => {
    const { publish, transport, recovered } = stage();
    publish('a');
    publish('b', { stream: 'payments' });
    await turn();
    transport.failOver(['payments']);
    await until(() => recovered.length === 1);
    expect(recovered[0]?.stream).toBe('payments');
    expect(transport.fetches).toHaveLength(1);
  });

  test('a server that does not answer yet is asked until it does', async () => {
    const { publish, forget, transport, types, recovered } = stage();
    publish('a');
    await turn();
    forget(1);
    transport.inspectorFailure = new StubFailure('offline');
    transport.failOver(['orders']);
    await elapse(5_000);
    expect(recovered).toEqual([]);
    transport.inspectorFailure = undefined;
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a']);
  });

  test('storing again is tried again, and doubt is counted', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    publish('a');
    await turn();
    forget(1);
    const answers = [failure('refused'), failure('offline'), failure('unknown')];
    appender.respond = (call) => {
      const next = answers.shift();
      if (next === undefined) serve(call);
      else call.answerEach(() => next);
    };
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a']);
    expect(recovered[0]).toMatchObject({ missing: 1, republished: 1, inDoubt: 1 });
  });

  test('an event that the server took after a later one of its key is counted', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    publish('a', { key: 'k' });
    publish('b', { key: 'k' });
    await turn();
    forget(2);
    appender.respond = (call) => {
      appender.respond = serve;
      const [, second] = call.entries;
      const id = transport.server.stream('orders').add(second?.fields ?? [])[0];
      call.answer([failure('refused'), String(id)]);
    };
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['b', 'a']);
    expect(recovered[0]).toMatchObject({ republished: 2, outOfOrder: 1 });
  });

  test('another failover meanwhile makes it look again', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    publish('a');
    publish('b');
    await turn();
    forget(1);
    appender.respond = (call) => {
      appender.respond = serve;
      serve(call);
      forget(2);
      transport.failOver(['orders'], 'third:6379');
    };
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a', 'b']);
    expect(recovered[0]).toMatchObject({ from: 'first:6379', to: 'third:6379', missing: 3, republished: 3 });
  });

  test('another failover between two pages keeps the order of what both of them lost', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    const expected = Array.from({ length: 200 }, (_, number) => `t${number}`);
    for (const type of expected) publish(type, { key: 'k' });
    await turn();
    forget(200);
    appender.respond = (call) => {
      appender.respond = serve;
      serve(call);
      forget(128);
      transport.failOver(['orders'], 'third:6379');
    };
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(expected);
    expect(recovered[0]).toMatchObject({ missing: 328, republished: 328, outOfOrder: 0, failed: 0 });
  });

  test('so does one that comes while the counts are told', async () => {
    const { publisher, publish, forget, transport, types, recovered } = stage();
    publish('a');
    await turn();
    forget(1);
    publisher.once('failover', () => {
      forget(1);
      transport.failOver(['orders'], 'third:6379');
    });
    transport.failOver(['orders']);
    await until(() => recovered.length === 2);
    expect(types()).toEqual(['a']);
    expect(recovered.map(({ to, republished }) => [to, republished])).toEqual([
      ['second:6379', 1],
      ['third:6379', 1],
    ]);
  });

  test('the order of the calls holds although their answers came in another one', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage();
    appender.respond = undefined;
    publish('a', { key: 'k' });
    await turn();
    publish('b', { key: 'k' });
    await turn();
    const [first, second] = appender.waiting;
    appender.respond = serve;
    serve(second as AppendCall);
    await turn();
    serve(first as AppendCall);
    await turn();
    forget(2);
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(types()).toEqual(['a', 'b']);
  });

  test('and another one much later finds what was stored again', async () => {
    const { publish, forget, transport, recovered } = stage();
    publish('a');
    await turn();
    forget(1);
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    transport.failOver(['orders']);
    await until(() => recovered.length === 2);
    expect(recovered[1]).toMatchObject({ checked: 1, present: 1, missing: 0 });
  });
});

describe('what cannot be made good', () => {
  test('is lost loudly when the server refuses it for good', async () => {
    const { publish, appender, forget, transport, recovered, errors } = stage();
    publish('a');
    await turn();
    forget(1);
    appender.respond = (call) => call.answerEach(() => failure('invalid'));
    transport.failOver(['orders']);
    await until(() => errors.length === 1);
    expect(recovered[0]).toMatchObject({ missing: 1, republished: 0, failed: 1 });
    expect(errors[0]?.message).toContain('1 events that were confirmed are lost');
  });

  test('is said when the promoted server may not be asked, and publishing goes on', async () => {
    const { publish, transport, recovered, errors } = stage();
    publish('a');
    await turn();
    transport.inspectorFailure = new StubFailure('denied');
    transport.failOver(['orders']);
    const later = publish('b');
    await until(() => later.receipt !== undefined);
    expect(errors[0]).toMatchObject({ code: 'EVENTS_PERMISSION' });
    expect(recovered[0]).toMatchObject({ checked: 0, failed: 0 });
  });

  test('does not keep close waiting for longer than a publish', async () => {
    const { publish, publisher, appender, forget, transport, recovered, errors } = stage();
    publish('a');
    await turn();
    forget(1);
    appender.respond = (call) => call.answerEach(() => failure('refused'));
    transport.failOver(['orders']);
    let closed = false;
    void publisher.close().then(() => {
      closed = true;
    });
    await elapse(4_900);
    expect(closed).toBe(false);
    await elapse(200);
    expect(closed).toBe(true);
    expect(recovered[0]).toMatchObject({ missing: 1, republished: 0, failed: 1 });
    expect(errors).toHaveLength(1);
    expect(transport.failoverListeners.size).toBe(0);
  });
});

describe('what is kept for a comparison', () => {
  test('is what was confirmed within the window before the last confirmation, however long ago that is', async () => {
    const { publish, transport, recovered } = stage();
    publish('old');
    await elapse(5_001);
    publish('a');
    await elapse(4_000);
    publish('b');
    await elapse(60_000);
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(recovered[0]).toMatchObject({ checked: 2, windowMs: 5_000 });
  });

  test('is also what was rejected as stored and not durable: nobody publishes that again', async () => {
    const { publish, appender, serve, forget, transport, types, recovered } = stage({ durability: { replicas: 1 } });
    appender.respond = (call) => {
      const [{ stream, fields }] = call.entries as [AppendCall['entries'][number]];
      const entryId = String(transport.server.stream(stream).add(fields)[0]);
      call.answer([{ entryId, isDuplicate: false, isDurable: false, replicas: 0 }]);
    };
    const fate = publish('a');
    await turn();
    forget(1);
    appender.respond = serve;
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(wordsFor(fate)).toBe('stored EVENTS_UNDER_REPLICATED');
    expect(types()).toEqual(['a']);
  });

  test('is bounded by maxInFlightBytes, which is told', async () => {
    const { publisher, transport, recovered } = stage({ maxInFlightBytes: 3_000 });
    for (let number = 0; number < 10; number += 1) {
      fateOf(publisher.publish('a', 'x'.repeat(400)));
      await elapse(100);
    }
    transport.failOver(['orders']);
    await until(() => recovered.length === 1);
    expect(recovered[0]?.checked).toBeGreaterThanOrEqual(2);
    expect(recovered[0]?.checked).toBeLessThan(5);
    expect(recovered[0]?.windowMs).toBeLessThanOrEqual(500);
  });

  test('leaves the stream first whose last confirmation is longest ago', async () => {
    const { publish, publisher, transport, recovered } = stage({ maxInFlightBytes: 2_000 });
    publish('idle', { stream: 'idle' });
    await elapse(1);
    for (let number = 0; number < 8; number += 1) {
      fateOf(publisher.publish('a', null));
      await turn();
    }
    transport.failOver(['orders', 'idle']);
    await until(() => recovered.length > 0);
    expect(recovered.map(({ stream }) => stream)).toEqual(['orders']);
  });

  test('keeps a stream that was confirmed again since', async () => {
    const { publish, transport, recovered } = stage({ maxInFlightBytes: 1_500 });
    for (const stream of ['first', 'second', 'first', 'second', 'first', 'third']) {
      publish('a', { stream });
      await elapse(1);
    }
    transport.failOver(['first', 'second', 'third']);
    await until(() => recovered.length === 3);
    expect(recovered.map(({ stream, checked, windowMs }) => [stream, checked, windowMs])).toEqual([
      ['second', 0, 0],
      ['first', 3, 5_000],
      ['third', 1, 5_000],
    ]);
  });

  test('is nothing without failoverRecovery', async () => {
    const { publish, transport } = stage({ failoverRecovery: 'none' });
    publish('a');
    await turn();
    expect(transport.failoverListeners.size).toBe(0);
  });
});
