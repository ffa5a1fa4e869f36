import assert from 'node:assert/strict';
import {
  type ConsumedEvent,
  type ConsumerOptions,
  companionKey,
  EventConsumer,
  type EventHandler,
  EventPublisher,
  type FieldValue,
  type GroupDescription,
  type PublisherOptions,
  type PublishReceipt,
} from '@events/core';
import { until } from '../patience.js';
import type { Stage } from '../stage.js';

/** A consumer, and what it was given, in the order in which its handlers began. */
export interface Witness {
  readonly consumer: EventConsumer;
  readonly events: readonly ConsumedEvent[];
  readonly errors: readonly Error[];
}

/** What a dead letter says of its origin. */
export interface Provenance {
  readonly reason: string;
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string };
  readonly attempts: number;
  readonly stream: string;
  readonly entryId: string;
  readonly group: string;
  readonly consumer: string;
  readonly firstFailureTime: string;
  readonly lastFailureTime: string;
}

const quiet = { warn() {}, error() {} };

/** A publisher to `stream`, closed at the end of the scenario. */
export async function publisherTo(
  stage: Stage,
  stream: string,
  options: Partial<PublisherOptions> = {},
): Promise<EventPublisher> {
  const transport = options.transport ?? (await stage.transport());
  const publisher = new EventPublisher({
    source: 'suite',
    defaultStream: stream,
    logger: quiet,
    ...options,
    transport,
  });
  stage.atEnd(() => publisher.close());
  return publisher;
}

/** Publishes `{ number }` for each number below `count`, all at once. */
export function publishNumbers(publisher: EventPublisher, count: number, key?: string): Promise<PublishReceipt[]> {
  const publications = Array.from({ length: count }, (_, number) =>
    publisher.publish('number.drawn', { number }, key === undefined ? {} : { key }),
  );
  return Promise.all(publications);
}

/** A consumer of `stream` that is not started yet, stopped at the end of the scenario. */
export async function consumerOf(
  stage: Stage,
  stream: string,
  options: Partial<ConsumerOptions> = {},
): Promise<EventConsumer> {
  const transport = options.transport ?? (await stage.transport());
  const consumer = new EventConsumer({ stream, group: 'group', logger: quiet, ...options, transport });
  stage.atEnd(() => consumer.stop({ timeoutMs: 0 }));
  return consumer;
}

/** A running consumer of everything in `stream`. */
export async function witness(
  stage: Stage,
  stream: string,
  options: Partial<ConsumerOptions> = {},
  handler: EventHandler = () => undefined,
): Promise<Witness> {
  const consumer = await consumerOf(stage, stream, options);
  const events: ConsumedEvent[] = [];
  const errors: Error[] = [];
  consumer.on('error', (error) => errors.push(error));
  consumer.subscribe('*', (event, context) => {
    events.push(event);
    return handler(event, context);
  });
  await consumer.start();
  return { consumer, events, errors };
}

/** The number in an event of `publishNumbers`. */
export function numberOf(event: ConsumedEvent): number {
  return (event.data as { readonly number: number }).number;
}

/** The numbers below `count`. */
export function numbersBelow(count: number): readonly number[] {
  return Array.from({ length: count }, (_, number) => number);
}

/** Waits until handlers were given as many events. */
export async function untilGiven(given: readonly ConsumedEvent[], count: number): Promise<void> {
  await until(`${count} events were given to a handler`, () => given.length >= count);
}

/** Waits until the group was given everything and has acknowledged it. */
export async function untilSettled(stage: Stage, stream: string, group = 'group'): Promise<void> {
  await until('the group has nothing pending and nothing unread', async () => {
    const { lastGeneratedId } = await stage.describe(stream);
    const { pending, lastDeliveredId } = await groupOf(stage, stream, group);
    return pending === 0 && lastDeliveredId === lastGeneratedId;
  });
}

/** The group as it is now. */
export async function groupOf(stage: Stage, stream: string, group = 'group'): Promise<GroupDescription> {
  const found = (await stage.describe(stream)).groups.find(({ name }) => name === group);
  assert.ok(found !== undefined, `there is a group ${group}`);
  return found;
}

/** What is in the dead letters of `stream`: stored fields by name, the last of a name, and the provenance. */
export async function deadLetters(stage: Stage, stream: string, deadLetterStream = companionKey(stream, 'dlq')) {
  const entries = await (await stage.transport()).inspector().range(deadLetterStream, '-', '+', 1_000);
  return entries.map(({ fields }) => {
    const named = new Map<FieldValue, FieldValue>();
    for (let index = 0; index + 1 < (fields?.length ?? 0); index += 2) {
      named.set(fields?.[index] ?? '', fields?.[index + 1] ?? '');
    }
    return { fields: fields ?? [], provenance: JSON.parse(String(named.get('deadLetter'))) as Provenance };
  });
}
