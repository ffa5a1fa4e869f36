import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import {
  type ConsumerOptions,
  type ConsumerValidationOptions,
  defineEvents,
  EventConsumer,
  EventPublisher,
  type EventsError,
  type PublisherOptions,
  type Transport,
} from '@events/core';
import { until } from '../patience.js';
import type { ValidatorHarness } from './harness.js';
import { orders, secret } from './orders.js';
import type { ValidatorScenario } from './scenario.js';

const type = 'order.placed';
const stream = 'orders';
const silent = { warn: () => {}, error: () => {} };

export const publishingAndConsumingScenarios: readonly ValidatorScenario[] = [
  {
    name: 'publish and subscribe: what matches arrives as it was published',
    run: (harness) =>
      on(harness, async ({ publisher, consumer }) => {
        const { handled } = await consumer();
        const contracted = publisher();
        for (const data of [orders.valid, orders.withNote, orders.empty]) await contracted.publish(type, data);
        await until('all of them are handled', () => handled.length === 3);
        assert.deepEqual(sorted(handled), sorted([orders.valid, orders.withNote, orders.empty]));
      }),
  },
  {
    name: 'publish: what does not match is refused before anything is sent, and never quoted',
    run: (harness) =>
      on(harness, async ({ publisher, transport }) => {
        const contracted = publisher();
        const failures: unknown[] = [];
        contracted.on('validationFailed', (failure) => void failures.push(failure));
        for (const { data } of orders.invalid) {
          const error = await contracted.publish(type, data).then(
            () => assert.fail('it was published'),
            (reason: EventsError) => reason,
          );
          assert.equal(error.code, 'EVENTS_VALIDATION');
          assert.equal(error.outcome, 'not-stored');
          assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(secret));
        }
        assert.equal(failures.length, orders.invalid.length);
        assert.deepEqual(await transport.inspector().describe(stream), undefined);
      }),
  },
  {
    name: 'publish: the calls of a key are stored in their order',
    run: (harness) =>
      on(harness, async ({ publisher, consumer }) => {
        const { handled } = await consumer({ ordering: 'key' });
        const contracted = publisher();
        const numbers = Array.from({ length: 50 }, (_, index) => ({ ...orders.valid, note: String(index) }));
        await Promise.all(numbers.map((data) => contracted.publish(type, data, { key: 'k' })));
        await until('all of them are handled', () => handled.length === numbers.length);
        assert.deepEqual(handled, numbers);
      }),
  },
  {
    name: 'consume: what does not match goes to the dead letters at once, with its issues, and never to a handler',
    run: (harness) =>
      on(harness, async ({ unchecked, consumer, deadLetters }) => {
        const { handled, failed } = await consumer();
        const free = unchecked();
        for (const { data } of orders.invalid) await free.publish(type, data);
        await free.publish(type, orders.valid);
        await until('all of them are moved', async () => {
          return (await deadLetters()).length === orders.invalid.length && handled.length === 1;
        });
        const letters = await deadLetters();
        assert.deepEqual(handled, [orders.valid]);
        assert.equal(failed.length, orders.invalid.length);
        for (const { reason, attempts, issues } of letters) {
          assert.deepEqual([reason, attempts], ['validation', 0]);
          assert.ok(issues.length > 0);
          assert.ok(!JSON.stringify(issues).includes(secret));
        }
      }),
  },
  {
    name: "consume: onInvalid 'deliver' gives it to the handler as it is stored",
    run: (harness) =>
      on(harness, async ({ unchecked, consumer, deadLetters }) => {
        const { handled, failed } = await consumer({}, { onInvalid: 'deliver' });
        await unchecked().publish(type, orders.invalid[0].data);
        await until('it is handled', () => handled.length === 1);
        assert.deepEqual(handled, [orders.invalid[0].data]);
        assert.equal(failed.length, 1);
        assert.deepEqual(await deadLetters(), []);
      }),
  },
  {
    name: "consume: onInvalid 'stop' ends the consumer, and another one gets the entry",
    run: (harness) =>
      on(harness, async ({ unchecked, consumer }) => {
        const first = await consumer({}, { onInvalid: 'stop' });
        await unchecked().publish(type, orders.invalid[0].data);
        await until('it has failed', () => first.consumer.state === 'failed');
        await first.consumer.stop();
        assert.deepEqual(first.handled, []);
        const second = await consumer({}, { onInvalid: 'deliver' });
        await until('it is handled', () => second.handled.length === 1);
      }),
  },
  {
    name: 'validation that is off looks at nothing, on either side',
    run: (harness) =>
      on(harness, async ({ publisher, consumer }) => {
        const { handled, failed } = await consumer({}, { enabled: false });
        await publisher({ validation: { enabled: false } }).publish(type, orders.invalid[0].data);
        await until('it is handled', () => handled.length === 1);
        assert.deepEqual([handled, failed], [[orders.invalid[0].data], []]);
      }),
  },
  {
    name: 'validation.schema checks the data of every event',
    run: (harness) =>
      on(harness, async ({ transport, consumer }) => {
        const { handled } = await consumer({ events: undefined }, { schema: harness.order });
        const publisher = new EventPublisher({
          ...publisherOptions(transport),
          validation: { schema: harness.order },
        });
        await assert.rejects(publisher.publish('anything', orders.invalid[0].data), { code: 'EVENTS_VALIDATION' });
        await publisher.publish('anything', orders.valid);
        await until('it is handled', () => handled.length === 1);
        await publisher.close();
      }),
  },
];

interface Ground {
  readonly transport: Transport;
  publisher(options?: Partial<PublisherOptions>): EventPublisher;
  /** A publisher that checks nothing, as one of another team, or of before. */
  unchecked(): EventPublisher;
  consumer(
    options?: Partial<ConsumerOptions>,
    validation?: ConsumerValidationOptions,
  ): Promise<{ readonly consumer: EventConsumer; readonly handled: unknown[]; readonly failed: unknown[] }>;
  deadLetters(): Promise<readonly DeadLetter[]>;
}

interface DeadLetter {
  readonly reason: string;
  readonly attempts: number;
  readonly issues: readonly unknown[];
}

function publisherOptions(transport: Transport): PublisherOptions {
  return { transport, source: 'tests', defaultStream: stream, trimStrategy: { enabled: false } };
}

async function on({ order, openTransport }: ValidatorHarness, play: (ground: Ground) => Promise<void>): Promise<void> {
  const transport = openTransport();
  const events = defineEvents({ [type]: order });
  const ends: (() => Promise<unknown>)[] = [];
  const open = (options: Partial<PublisherOptions>) => {
    const publisher = new EventPublisher({ ...publisherOptions(transport), ...options });
    ends.push(() => publisher.close());
    return publisher;
  };
  const ground: Ground = {
    transport,
    publisher: (options = {}) => open({ events, ...options }),
    unchecked: () => open({}),
    async consumer(options = {}, validation = undefined) {
      const consumer: EventConsumer = new EventConsumer({
        transport,
        stream,
        group: 'billing',
        events,
        validation,
        logger: silent,
        ...options,
      });
      const [handled, failed]: [unknown[], unknown[]] = [[], []];
      consumer.on('validationFailed', (failure) => void failed.push(failure));
      consumer.on('error', () => {
        // asked for where a consumer is to stop
      });
      await consumer.subscribe('*', ({ data }) => void handled.push(data)).start();
      ends.push(() => consumer.stop({ timeoutMs: 0 }));
      return { consumer, handled, failed };
    },
    async deadLetters() {
      const entries = await transport.inspector().range(`{${stream}}:dlq`, '-', '+', 100);
      return entries.map(({ fields }) => JSON.parse(String(fields?.at(-1))) as DeadLetter);
    },
  };
  try {
    await play(ground);
  } finally {
    for (const end of ends) await end();
    await transport.close();
  }
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort();
}
