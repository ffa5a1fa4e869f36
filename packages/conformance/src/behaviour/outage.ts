import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConsumedEvent, decodeFields, type EventPublisher, EventsError } from '@events/core';
import { until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';
import { consumerOf, numberOf, publisherTo, publishNumbers, untilSettled, witness } from './actors.js';

/** In the middle of traffic. Whatever happens: what was resolved is there, and reaches a handler. */
export const outageScenarios: readonly Scenario[] = [
  {
    name: 'outage: connections that break again and again lose nothing that was resolved, and repeat no event',
    async run(stage) {
      const events = await survive(stage, 60_000, async () => {
        for (let round = 0; round < 5; round += 1) {
          await stage.faults.killConnections();
          await delay(80);
        }
      });
      assertNoneTwice(events);
    },
  },
  {
    name: 'outage: a restart loses nothing that was resolved, and repeats no event',
    async run(stage) {
      assertNoneTwice(await survive(stage, 60_000, async () => stage.faults.restart()));
    },
  },
  {
    name: 'outage: a frozen server loses nothing that was resolved',
    async run(stage) {
      await survive(stage, 600, async () => {
        await stage.faults.freeze();
        await delay(1_000).finally(() => stage.faults.thaw());
      });
    },
  },
  {
    name: 'outage: a consumer finds by itself what it owns and never saw, once it has lost a connection',
    run: findUnseen,
  },
];

/** Entries that a consumer owns and never saw, as when the answer to its read got lost. */
async function findUnseen(stage: Stage): Promise<void> {
  const stream = stage.stream();
  const consumer = await consumerOf(stage, stream, { claimIdleMs: 60_000 });
  const seen: number[] = [];
  consumer.subscribe('*', (event) => void seen.push(numberOf(event)));
  const ghost = await stage.join(stream, { consumer: consumer.name, transport: await stage.open() });
  const publisher = await publisherTo(stage, stream);
  await publishNumbers(publisher, 5);
  assert.equal((await ghost.read(5, 0)).length, 5);
  await consumer.start();
  await publishNumbers(publisher, 1);
  await until('the consumer reads', () => seen.length === 1);
  await stage.faults.killConnections();
  await until('the unseen entries are handled', () => seen.length === 6, 5_000);
  await stage.persist(() => untilSettled(stage, stream));
}

/**
 * Publishes and consumes all the while, two consumers to a group, and looks afterwards whether anything is missing.
 * Resolves with the events that handlers were given.
 */
async function survive(
  stage: Stage,
  claimIdleMs: number,
  outage: () => Promise<void>,
): Promise<readonly ConsumedEvent[]> {
  const stream = stage.stream();
  const publisher = await publisherTo(stage, stream, { timeoutMs: 1_500, transport: await stage.open() });
  const settings = { claimIdleMs, prefetch: 20 };
  const members = [
    await witness(stage, stream, { ...settings, transport: await stage.open() }),
    await witness(stage, stream, { ...settings, transport: await stage.open() }),
  ];
  const given = () => members.flatMap(({ events }) => events);
  const outcomes = new Map<number, string>();
  const publish = async (number: number) => outcomes.set(number, await outcomeOf(publisher, number));
  const publications: Promise<unknown>[] = [];
  const traffic = setInterval(() => publications.push(publish(publications.length)), 2);
  try {
    await until('there is traffic', () => given().length >= 20);
    await outage();
    await until('publishing works again', async () => (await outcomeOf(publisher, -1)) === 'stored');
  } finally {
    clearInterval(traffic);
  }
  await Promise.all(publications);
  await audit(stage, stream, outcomes);
  await until('every event that resolved was given to a handler', () => {
    const handled = new Set(given().map(numberOf));
    return [...outcomes].every(([number, outcome]) => outcome !== 'stored' || handled.has(number));
  });
  await stage.persist(() => untilSettled(stage, stream));
  return given();
}

/** What was resolved is stored, what was refused is not, and nothing is stored twice. */
async function audit(stage: Stage, stream: string, outcomes: ReadonlyMap<number, string>): Promise<void> {
  const inspector = (await stage.transport()).inspector();
  const entries = await stage.persist(() => inspector.range(stream, '-', '+', 100_000));
  const stored = entries.map(({ id, fields }) => (decodeFields(id, fields ?? []).data as { number: number }).number);
  const counted = stored.filter((number) => number >= 0);
  const distinct = new Set(counted);
  assert.equal(distinct.size, counted.length, 'nothing is stored twice');
  for (const [number, outcome] of outcomes) {
    if (outcome === 'stored') assert.ok(distinct.has(number), `${number} was resolved and is missing`);
    if (outcome === 'not-stored') assert.ok(!distinct.has(number), `${number} was refused and is stored`);
  }
}

function assertNoneTwice(events: readonly ConsumedEvent[]): void {
  const twice = events.filter(({ entryId }, index) => events.findIndex((other) => other.entryId === entryId) < index);
  const accounts = twice.map(
    (event) => `${numberOf(event)}: attempt ${event.attempt}, redelivered ${event.redelivered}`,
  );
  assert.deepEqual(accounts, [], 'these were given to a handler twice');
}

async function outcomeOf(publisher: EventPublisher, number: number): Promise<string> {
  return publisher.publish('number.drawn', { number }).then(
    () => 'stored',
    (error: unknown) => (error instanceof EventsError ? (error.outcome ?? 'none') : 'none'),
  );
}
