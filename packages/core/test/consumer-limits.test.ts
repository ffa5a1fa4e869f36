import { describe, expect, test } from '@jest/globals';
import { ConsumingStage, fieldsOf, type Gate, gate } from './support/consuming.js';
import { elapse, turn, until, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

/** Counts handlers that run, and lets the test end them one by one. */
class Workshop {
  readonly running: Gate[] = [];
  started = 0;
  ended = 0;
  most = 0;

  readonly handler = async (): Promise<void> => {
    const job = gate();
    this.running.push(job);
    this.started += 1;
    this.most = Math.max(this.most, this.running.length);
    await job.promise;
  };

  end(count = 1): void {
    for (const job of this.running.splice(0, count)) {
      this.ended += 1;
      job.open();
    }
  }
}

function many(count: number, size = 0) {
  return Array.from({ length: count }, () => fieldsOf('a', 'x'.repeat(size)));
}

describe('concurrency', () => {
  test.each([1, 3, 16])('lets %d handlers run at once, never more', async (concurrency) => {
    const stage = new ConsumingStage({ concurrency });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    stage.stream.add(...many(50));
    await turn();
    expect(workshop.running).toHaveLength(concurrency);
    while (workshop.ended < 50) {
      workshop.end(2);
      await turn();
      expect(workshop.running.length).toBeLessThanOrEqual(concurrency);
    }
    expect([workshop.started, workshop.most]).toEqual([50, concurrency]);
  });

  test('is shared by all streams of a consumer', async () => {
    const stage = new ConsumingStage({ concurrency: 4, streams: ['orders', 'payments'] });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    for (const key of ['orders', 'payments']) stage.transport.server.stream(key).add(...many(20));
    await turn();
    expect(workshop.running).toHaveLength(4);
    while (workshop.ended < 40) {
      workshop.end();
      await turn();
    }
    expect(workshop.most).toBe(4);
  });

  test('is not used up by handlers that return without a promise', async () => {
    const stage = new ConsumingStage({ concurrency: 1 });
    const handled: number[] = [];
    await stage.consumer.subscribe('*', () => void handled.push(1)).start();
    stage.stream.add(...many(500));
    await until(() => handled.length === 500);
  });
});

describe('prefetch', () => {
  test.each([1, 10, 256])('of %d: never is more held than that', async (prefetch) => {
    const stage = new ConsumingStage({ prefetch, concurrency: 4 });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    stage.stream.add(...many(400));
    while (workshop.ended < 400) {
      await turn();
      expect(stage.group.position - workshop.ended).toBeLessThanOrEqual(prefetch);
      expect(workshop.running.length).toBeGreaterThan(0);
      workshop.end(3);
    }
  });

  test('is shared by all streams of a consumer', async () => {
    const streams = ['orders', 'payments', 'refunds'];
    const stage = new ConsumingStage({ prefetch: 30, concurrency: 4, streams });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    for (const key of streams) stage.transport.server.stream(key).add(...many(100));
    while (workshop.ended < 300) {
      await turn();
      const read = streams.reduce((sum, key) => sum + stage.transport.server.stream(key).group.position, 0);
      expect(read - workshop.ended).toBeLessThanOrEqual(30);
      workshop.end(3);
      await elapse(5);
    }
  });

  test('is shared by all streams even when they wait for room together', async () => {
    const streams = ['orders', 'payments'];
    const stage = new ConsumingStage({ prefetch: 20, concurrency: 20, streams });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    const [orders, payments] = streams.map((key) => stage.transport.server.stream(key));
    orders?.add(...many(40));
    await turn();
    payments?.add(...many(40));
    for (let round = 0; round < 20; round += 1) {
      await turn();
      const read = (orders?.group.position ?? 0) + (payments?.group.position ?? 0);
      expect(read - workshop.ended).toBeLessThanOrEqual(20);
      workshop.end(13);
      await elapse(1_000);
    }
  });

  test('of one for each stream starves none of them, and less is refused', async () => {
    const streams = ['orders', 'payments', 'refunds'];
    expect(() => new ConsumingStage({ prefetch: 2, streams })).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining('prefetch') }),
    );
    const stage = new ConsumingStage({ prefetch: 3, streams });
    const handled: string[] = [];
    await stage.consumer.subscribe('*', ({ stream }) => void handled.push(stream)).start();
    for (const key of [...streams].reverse()) {
      await elapse(1_000);
      stage.transport.server.stream(key).add(...many(3));
      await until(() => handled.filter((stream) => stream === key).length === 3, 10_000);
    }
  });

  test('used up by long handlers of one stream leaves the others what is left', async () => {
    const stage = new ConsumingStage({ prefetch: 4, concurrency: 16, streams: ['orders', 'payments'] });
    const workshop = new Workshop();
    const handled: string[] = [];
    const handler = ({ stream }: { readonly stream: string }) =>
      stream === 'orders' ? workshop.handler() : void handled.push(stream);
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...many(2));
    await elapse(3_000);
    stage.transport.server.stream('payments').add(...many(5));
    await until(() => handled.length === 5, 30_000);
  });

  test('bounds retries that fall due together, too', async () => {
    const stage = new ConsumingStage({ prefetch: 10, concurrency: 2, recoveryStrategy: () => 5_000 });
    const workshop = new Workshop();
    let failed = 0;
    const handler = ({ attempt }: { readonly attempt: number }) => {
      if (attempt > 1) return workshop.handler();
      failed += 1;
      throw new Error('first time');
    };
    await stage.consumer.subscribe('*', handler).start();
    stage.stream.add(...many(300));
    await until(() => failed === 300);
    await elapse(6_000);
    const fetched = () => stage.subscription.calls.fetch.reduce((sum, [ids]) => sum + ids.length, 0);
    while (workshop.ended < 300) {
      await turn();
      // as many as can run may come on top: nothing that is loaded must starve what is not
      expect(fetched() - workshop.ended).toBeLessThanOrEqual(10 + 2);
      workshop.end(2);
      await elapse(5);
    }
  });
});

describe('maxInFlightBytes', () => {
  test('stops reading before prefetch is used up', async () => {
    const stage = new ConsumingStage({ maxInFlightBytes: 100_000, prefetch: 1_000, concurrency: 1 });
    const workshop = new Workshop();
    await stage.consumer.subscribe('*', workshop.handler).start();
    stage.stream.add(...many(200, 10_000));
    for (let round = 0; round < 5; round += 1) {
      await elapse(1_000);
      workshop.end();
    }
    const heldAfterwards = stage.group.position - workshop.ended;
    // the first read cannot know how large entries are
    expect(heldAfterwards).toBeLessThanOrEqual(100);
    while (workshop.ended < 200) {
      workshop.end();
      await turn();
      if (workshop.ended > 120 && workshop.ended < 190) {
        expect(stage.group.position - workshop.ended).toBeLessThanOrEqual(15);
      }
    }
  });

  test('does not stop an event that alone is larger', async () => {
    const stage = new ConsumingStage({ maxInFlightBytes: 1_000 });
    const handled: number[] = [];
    await stage.consumer.subscribe('*', () => void handled.push(1)).start();
    stage.stream.add(...many(5, 10_000));
    await until(() => handled.length === 5);
  });
});
