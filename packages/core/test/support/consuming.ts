import { afterEach } from '@jest/globals';
import { type ConsumerOptions, EventConsumer, type EventContracts, type Fields } from '../../src/index.js';
import type { StubGroup, StubStream } from './stub-server.js';
import type { StubSubscription } from './stub-subscription.js';
import { StubTransport } from './stub-transport.js';
import { turn, until } from './virtual-time.js';

const eventNames = [
  'groupCreated',
  'groupLost',
  'retry',
  'deadLettered',
  'stalled',
  'validationFailed',
  'skipped',
  'claimed',
  'leaseLost',
  'partitionsAssigned',
  'partitionsRevoked',
  'lostByTrim',
  'deduplicationShortened',
  'backpressure',
  'recovered',
  'slowConsumer',
  'circuitOpened',
  'circuitClosed',
  'error',
] as const;

const started: ConsumingStage[] = [];

// a reader counts in the share of the heap that each has until it ends
afterEach(async () => {
  for (const { consumer } of started.splice(0)) {
    consumer.stop({ timeoutMs: 0 }).catch(() => {
      // the test is over
    });
  }
  // while the clock is still the test's
  await turn();
});

type EventName = (typeof eventNames)[number];

/** A consumer on a stub of one stream, `orders`, with everything it emitted and logged. */
export class ConsumingStage<Contracts extends EventContracts = EventContracts> {
  readonly consumer: EventConsumer<Contracts>;
  readonly stream: StubStream;
  readonly emitted: { readonly name: EventName; readonly value: never }[] = [];
  readonly logged: string[] = [];

  constructor(
    options: Partial<ConsumerOptions<Contracts>> = {},
    readonly transport = new StubTransport(),
  ) {
    const log = (message: string) => void this.logged.push(message);
    const stream = options.streams === undefined ? { stream: 'orders' } : {};
    this.consumer = new EventConsumer<Contracts>({
      transport,
      ...stream,
      group: 'billing',
      consumer: undefined,
      logger: { warn: log, error: log },
      ...options,
    });
    this.stream = transport.server.stream('orders');
    started.push(this as unknown as ConsumingStage);
    for (const name of eventNames)
      this.consumer.on(name, (value) => void this.emitted.push({ name, value: value as never }));
  }

  get subscription(): StubSubscription {
    return this.transport.subscriptions[0] as StubSubscription;
  }

  get group(): StubGroup {
    return this.stream.group;
  }

  /** The occurrences of one event, as it was emitted. */
  occurrences<Occurrence = Record<string, unknown>>(name: EventName): Occurrence[] {
    return this.emitted.filter((event) => event.name === name).map(({ value }) => value as Occurrence);
  }

  /** Stops the consumer, whatever it does: where several live in one test, each must make room for the next. */
  async end(): Promise<void> {
    void this.consumer.stop({ timeoutMs: 0 });
    await until(() => this.consumer.state === 'stopped');
  }

  count(name: EventName): number {
    return this.occurrences(name).length;
  }
}

let lastId = 0;

/** The fields of an entry as a publisher stores them. */
export function fieldsOf(
  type: string,
  data: unknown = null,
  { key, id }: { readonly key?: string | undefined; readonly id?: string | undefined } = {},
): Fields {
  lastId += 1;
  const meta = { source: 'tests', time: '2026-01-02T03:04:05.678Z', key };
  return ['id', id ?? `event-${lastId}`, 'type', type, 'meta', JSON.stringify(meta), 'data', JSON.stringify(data)];
}

/** A promise that the test settles. */
export interface Gate<Value = void> {
  readonly promise: Promise<Value>;
  readonly open: (value: Value) => void;
  readonly fail: (error: unknown) => void;
}

export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}
