import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConsumerOptions, changePartitions, type EventConsumer, partitionStream } from '@events/core';
import { patienceMs, until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { consumerOf, deadLetters, publisherTo, publishNumbers } from './actors.js';
import { slowTransport } from './slow-transport.js';

/** The shortest that may be asked for. */
const partitionLeaseMs = 1_000;
const settledWithinMs = 3 * partitionLeaseMs;

/** Several consumers of one partitioned stream, and what their handlers did. */
class Crew {
  readonly consumers = new Map<string, EventConsumer>();
  readonly #stage: Stage;
  readonly #stream: string;
  readonly #count: number;
  readonly #completed = new Set<string>();
  readonly #highest = new Map<string, number>();
  readonly violations: string[] = [];
  /** How long a handler takes. */
  handlerMs = 3;
  starts = 0;

  constructor(stage: Stage, stream: string, count: number) {
    this.#stage = stage;
    this.#stream = stream;
    this.#count = count;
  }

  async add(name: string, options: Partial<ConsumerOptions> = {}): Promise<EventConsumer> {
    const consumer = await consumerOf(this.#stage, this.#stream, {
      consumer: name,
      partitions: this.#count,
      ordering: 'key',
      partitionLeaseMs,
      concurrency: 8,
      ...options,
      transport: options.transport ?? (await this.#stage.open()),
    });
    consumer.subscribe('*', async (event, { signal }) => {
      const key = event.key ?? '';
      const { number } = event.data as { readonly number: number };
      // what is fenced already may be anywhere
      if (signal.aborted) return;
      this.starts += 1;
      for (let before = 0; before < number; before += 1) {
        if (!this.#completed.has(`${key} ${before}`))
          this.violations.push(`${name} began ${key} ${number} before ${before} was handled`);
      }
      if (number < (this.#highest.get(key) ?? 0) && !event.redelivered)
        this.violations.push(`${name} went back to ${key} ${number}`);
      this.#highest.set(key, Math.max(number, this.#highest.get(key) ?? 0));
      await delay(this.handlerMs);
      this.#completed.add(`${key} ${number}`);
    });
    await consumer.start();
    this.consumers.set(name, consumer);
    return consumer;
  }

  /** How many events were handled to the end, each counted once. */
  get completed(): number {
    return this.#completed.size;
  }

  /** Waits until these consumers own all partitions, each its share. */
  async untilSettled(...names: readonly string[]): Promise<void> {
    const startedAt = Date.now();
    const share = this.#count / names.length;
    await until(`the partitions are shared by ${names}`, () => {
      const shares = names.map((name) => this.consumers.get(name)?.partitions.length ?? 0);
      const total = shares.reduce((sum, each) => sum + each, 0);
      return total === this.#count && shares.every((each) => Math.abs(each - share) < 1);
    });
    const tookMs = Date.now() - startedAt;
    assert.ok(tookMs < settledWithinMs, `it took ${tookMs} ms`);
  }
}

/** Publishes events of many keys, numbered within each key, until told to stop. */
async function traffic(stage: Stage, stream: string, partitions: number, keys: number) {
  const publisher = await publisherTo(stage, stream, { partitions });
  const published = { count: 0 };
  let isOver = false;
  const run = async () => {
    for (let number = 0; !isOver; number += 1) {
      const sent = Array.from({ length: keys }, (_, key) =>
        publisher.publish('number.drawn', { number }, { key: `key-${key}` }),
      );
      await Promise.all(sent);
      published.count += keys;
      await delay(15);
    }
  };
  const running = Promise.allSettled([run()]);
  return {
    published,
    publisher,
    async end() {
      isOver = true;
      const [outcome] = await running;
      if (outcome.status === 'rejected') throw outcome.reason;
    },
  };
}

async function assertDrained(stage: Stage, stream: string, count: number): Promise<void> {
  for (let partition = 0; partition < count; partition += 1) {
    const { groups, lastGeneratedId } = await stage.describe(partitionStream(stream, partition));
    assert.deepEqual(
      groups.map(({ pending, lastDeliveredId }) => [pending, lastDeliveredId]),
      [[0, lastGeneratedId]],
    );
  }
}

export const partitionScenarios: readonly Scenario[] = [
  {
    name: 'partitions: keep the order of every key while consumers come, stop, die and freeze, and lose nothing',
    async run(stage) {
      const stream = stage.stream();
      const crew = new Crew(stage, stream, 8);
      const flow = await traffic(stage, stream, 8, 12);
      const doomed = await stage.open();
      const slow = slowTransport(await stage.open());
      await crew.add('a');
      await crew.add('b', { transport: doomed });
      await crew.add('c', { transport: slow.transport });
      await crew.add('d');
      await crew.untilSettled('a', 'b', 'c', 'd');
      await doomed.close();
      await crew.untilSettled('a', 'c', 'd');
      await crew.add('e');
      await crew.untilSettled('a', 'c', 'd', 'e');
      slow.freeze();
      await crew.untilSettled('a', 'd', 'e');
      slow.thaw();
      await crew.untilSettled('a', 'c', 'd', 'e');
      await crew.consumers.get('d')?.stop();
      await crew.untilSettled('a', 'c', 'e');
      await flow.end();
      await until('everything was handled', () => crew.completed === flow.published.count);
      assert.deepEqual(crew.violations, []);
      await until('everything is acknowledged', () =>
        assertDrained(stage, stream, 8).then(
          () => true,
          () => false,
        ),
      );
    },
  },
  {
    name: 'partitions: a stop hands them over within about a second, and nothing is handled twice',
    async run(stage) {
      const stream = stage.stream();
      const crew = new Crew(stage, stream, 4);
      crew.handlerMs = 20;
      const options = { partitionLeaseMs: 10_000 };
      const first = await crew.add('first', options);
      const publisher = await publisherTo(stage, stream, { partitions: 4 });
      const numbers = Array.from({ length: 20 }, (_, number) => number);
      const sent = numbers.flatMap((number) =>
        ['v', 'w', 'x', 'y', 'z'].map((key) => publisher.publish('number.drawn', { number }, { key })),
      );
      await Promise.all(sent);
      const second = await crew.add('second', options);
      await until('some were handled', () => crew.completed > 10);
      await first.stop();
      const stoppedAt = Date.now();
      await until('the other one has all', () => second.partitions.length === 4);
      assert.ok(Date.now() - stoppedAt < 2_000, `it took ${Date.now() - stoppedAt} ms`);
      await until('everything was handled', () => crew.completed === 100);
      assert.deepEqual([crew.violations, crew.starts], [[], 100]);
    },
  },
  {
    name: 'partitions: without an order to keep, all consumers read all of them',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream, { partitions: 3 });
      const receipts = await publishNumbers(publisher, 60);
      assert.equal(new Set(receipts.map((receipt) => receipt.stream)).size, 3);
      const seen: number[] = [];
      const consumers = [1, 2].map(async () => {
        const consumer = await consumerOf(stage, stream, { partitions: 3, transport: await stage.open(), prefetch: 6 });
        consumer.subscribe('*', async ({ data }) => {
          await delay(2);
          seen.push((data as { readonly number: number }).number);
        });
        await consumer.start();
        return consumer;
      });
      const [one] = await Promise.all(consumers);
      assert.equal(one?.partitions.length, 3);
      await until('everything was handled', () => new Set(seen).size === 60);
      assert.equal(seen.length, 60);
    },
  },
  {
    name: 'partitions: a number that differs from the recorded one is refused, by publishers and consumers',
    async run(stage) {
      const stream = stage.stream();
      await (await publisherTo(stage, stream, { partitions: 4 })).publish('number.drawn', { number: 0 });
      const other = await publisherTo(stage, stream, { partitions: 8 });
      const refusal = { code: 'EVENTS_PARTITIONS', outcome: 'not-stored' };
      await assert.rejects(other.publish('number.drawn', { number: 1 }), refusal);
      for (const ordering of ['key', 'none'] as const) {
        const consumer = await consumerOf(stage, stream, { partitions: 8, ordering });
        consumer.subscribe('*', () => undefined);
        await assert.rejects(consumer.start(), { code: 'EVENTS_PARTITIONS' });
      }
    },
  },
  {
    name: 'partitions: their number changes once everything is handled, and running consumers stop',
    async run(stage) {
      const stream = stage.stream();
      const transport = await stage.transport();
      const publisher = await publisherTo(stage, stream, { partitions: 2 });
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => publisher.publish('number.drawn', { number: 0 }, { key })));
      const crew = new Crew(stage, stream, 2);
      const change = () => changePartitions({ transport, stream, from: 2, to: 4 });
      const paused = await consumerOf(stage, stream, { partitions: 2, ordering: 'key', partitionLeaseMs });
      paused.subscribe('*', () => undefined);
      paused.pause();
      await paused.start();
      await assert.rejects(change(), { code: 'EVENTS_PARTITIONS' });
      await paused.stop();
      const consumer = await crew.add('a');
      await until('everything is acknowledged', () =>
        change().then(
          () => true,
          () => false,
        ),
      );
      await until('the consumer has stopped', () => consumer.state === 'failed');
      const refusal = { code: 'EVENTS_PARTITIONS' };
      await assert.rejects(
        changePartitions({ transport, stream, from: 2, to: 3 }),
        refusal,
        'from is not what is recorded',
      );
      const grown = await publisherTo(stage, stream, { partitions: 4 });
      const keys = Array.from({ length: 20 }, (_, key) => `key-${key}`);
      await Promise.all(keys.map((key) => grown.publish('number.drawn', { number: 0 }, { key })));
      const successor = new Crew(stage, stream, 4);
      await successor.add('b', { startFrom: 'latest' });
      await until('everything was handled', () => successor.completed === 20, patienceMs);
      assert.deepEqual(successor.violations, []);
    },
  },
  {
    name: 'partitions: an event that fails for good goes to the dead letters of its partition, its retries survive its owner',
    async run(stage) {
      const stream = stage.stream();
      const publisher = await publisherTo(stage, stream, { partitions: 2 });
      const { stream: partition } = await publisher.publish('number.drawn', { number: 0 }, { key: 'k' });
      await publisher.publish('number.drawn', { number: 1 }, { key: 'k' });
      const handled: string[] = [];
      const start = async (recoveryMs: number) => {
        const consumer = await consumerOf(stage, stream, {
          partitions: 2,
          ordering: 'key',
          partitionLeaseMs,
          maxRetries: 1,
          recoveryStrategy: () => recoveryMs,
          transport: await stage.open(),
        });
        consumer.subscribe('*', (event) => {
          const { number } = event.data as { readonly number: number };
          handled.push(`${number}.${event.attempt}`);
          if (number === 0) throw new Error('always');
        });
        await consumer.start();
        return consumer;
      };
      const first = await start(700);
      await until('the first attempt failed', () => handled.length === 1);
      await first.stop();
      await start(10);
      await until('the second event was handled', () => handled.includes('1.1'));
      assert.deepEqual(handled, ['0.1', '0.2', '1.1']);
      await until('there is a dead letter', async () => (await deadLetters(stage, partition)).length === 1);
    },
  },
];
