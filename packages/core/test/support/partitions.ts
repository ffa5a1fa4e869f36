import { type ConsumedEvent, type ConsumerOptions, EventConsumer, partitionOf } from '../../src/index.js';
import { fieldsOf } from './consuming.js';
import type { StubSubscription } from './stub-subscription.js';
import { StubTransport } from './stub-transport.js';

/** One handler's run. */
export interface Run {
  readonly consumer: string;
  readonly event: ConsumedEvent;
  readonly number: number;
  readonly signal: AbortSignal;
}

/** Several consumers of one partitioned stream `orders` on one stub, and everything their handlers were given. */
export class PartitionedStage {
  readonly transport = new StubTransport();
  readonly runs: Run[] = [];
  readonly emitted: { readonly consumer: string; readonly name: string; readonly value: unknown }[] = [];
  readonly consumers: EventConsumer[] = [];
  /** What handlers do. */
  handle: (run: Run) => unknown = () => undefined;
  #published = 0;
  readonly #cutOff = new Map<string, Promise<void>>();

  constructor(readonly count: number) {
    const tableOf = this.transport.partitionTable.bind(this.transport);
    this.transport.partitionTable = (stream) => {
      const table = tableOf(stream);
      const announce = table.announce.bind(table);
      table.announce = async (group, consumer, forMs) => {
        await this.#cutOff.get(consumer);
        return announce(group, consumer, forMs);
      };
      return table;
    };
  }

  consumer(name: string, options: Partial<ConsumerOptions> = {}): EventConsumer {
    const log = () => {};
    const consumer = new EventConsumer({
      transport: this.transport,
      stream: 'orders',
      group: 'billing',
      consumer: name,
      partitions: this.count,
      ordering: 'key',
      partitionLeaseMs: 3_000,
      logger: { warn: log, error: log },
      ...options,
    });
    for (const event of ['partitionsAssigned', 'partitionsRevoked', 'error', 'claimed', 'retry'] as const) {
      consumer.on(event, (value) => void this.emitted.push({ consumer: name, name: event, value }));
    }
    consumer.subscribe('*', (event, { signal }) => {
      const run = { consumer: name, event, number: event.data as number, signal };
      this.runs.push(run);
      return this.handle(run);
    });
    this.consumers.push(consumer);
    return consumer;
  }

  async start(name: string, options: Partial<ConsumerOptions> = {}): Promise<EventConsumer> {
    const consumer = this.consumer(name, options);
    await consumer.start();
    return consumer;
  }

  /** Stores an event of a key where a publisher would. Returns its number. */
  publish(key: string): number {
    this.#published += 1;
    this.stream(partitionOf(key, this.count)).add(fieldsOf('a', this.#published, { key }));
    return this.#published;
  }

  stream(partition: number) {
    return this.transport.server.stream(`orders:p${partition}`);
  }

  /** The handle with which a consumer owns a partition. */
  ownerOf(partition: number) {
    const { owner } = this.stream(partition).leaseOf('billing');
    return this.transport.subscriptions.find((subscription) => subscription === owner);
  }

  /** Who owns each partition now, by its own account. */
  owned(): string[] {
    return this.consumers.map((consumer) => consumer.partitions.map(({ partition }) => partition).join(','));
  }

  numbers(): number[] {
    return this.runs.map(({ number }) => number);
  }

  of(name: string): unknown[] {
    return this.emitted.filter((each) => each.name === name).map(({ consumer, value }) => ({ consumer, value }));
  }

  /** Makes every verb of a consumer hang, as in a process that is cut off or frozen. Returns how to end that. */
  isolate(name: string): () => void {
    let open: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      open = resolve;
    });
    const wait = async (next: () => Promise<unknown>) => {
      await closed;
      return next();
    };
    const isolateOne = (handle: StubSubscription) => {
      if (handle.options.consumer !== name) return;
      for (const verb of Object.keys(handle.calls)) Object.assign(handle.intercept, { [verb]: wait });
    };
    for (const handle of this.transport.subscriptions) isolateOne(handle);
    this.transport.prepare = isolateOne;
    this.#cutOff.set(name, closed);
    return () => {
      this.transport.prepare = undefined;
      open();
    };
  }
}
