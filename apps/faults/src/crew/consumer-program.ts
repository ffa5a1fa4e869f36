// One consumer process. Started by `ConsumerProcess`, with its orders as JSON; ends when asked, or with its parent.
import { setTimeout as delay } from 'node:timers/promises';
import { EventConsumer, EventsError } from '@events/core';
import { isOneIn } from '../audit/event-name.js';
import { JournalFile } from '../audit/journal-file.js';
import { placeOf } from '../audit/place.js';
import { openTransport } from '../transports.js';
import { type ConsumerNotice, type ConsumerOrders, type ConsumerRequest, poisonExitCode } from './consumer-orders.js';
import { observe } from './observed-transport.js';

const orders = JSON.parse(process.argv[2] ?? '') as ConsumerOrders;
const journal = new JournalFile(orders.journal);
const poison = new Set(orders.poison);

const transport = observe(openTransport(orders.client, orders.address), {
  released: (entries, at) => journal.write({ kind: 'released', at, entries }),
  taken: (entries) => journal.write({ kind: 'taken', at: Date.now(), entries }),
});

const consumer = new EventConsumer({
  transport,
  stream: orders.stream,
  group: orders.group,
  consumer: orders.consumer,
  ordering: 'key',
  concurrency: orders.concurrency,
  prefetch: orders.prefetch,
  claimIdleMs: orders.claimIdleMs,
  maxRetries: orders.maxRetries,
  onGroupLost: orders.onGroupLost,
  deduplicate: orders.deduplicate,
  ...(orders.partitions === undefined
    ? {}
    : { partitions: orders.partitions, partitionLeaseMs: orders.partitionLeaseMs }),
});

consumer.subscribe('*', async (event) => {
  const { id, attempt, redelivered } = event;
  const entry = placeOf(event.stream, event.entryId);
  journal.write({ kind: 'started', at: Date.now(), entry, event: id, attempt, redelivered });
  if (poison.has(id)) process.exit(poisonExitCode);
  if (orders.workMs > 0) await delay(Math.random() * orders.workMs);
  const failed = attempt === 1 && isOneIn(orders.failOneIn, id);
  journal.write({ kind: 'ended', at: Date.now(), entry, event: id, failed });
  if (failed) throw new Error('This attempt was meant to fail');
});

const occurred = (name: string, detail: unknown) =>
  journal.write({ kind: 'occurred', at: Date.now(), name, detail: describe(detail) });
const letGo = (name: string, { stream, entryId }: { readonly stream: string; readonly entryId: string }) => {
  const entry = placeOf(stream, entryId);
  occurred(name, entry);
  journal.write({ kind: 'letGo', at: Date.now(), entry });
};
consumer.on('error', (error) => occurred('error', error));
consumer.on('groupLost', (loss) => occurred('groupLost', loss));
consumer.on('groupCreated', (group) => occurred('groupCreated', group));
consumer.on('claimed', (claim) => occurred('claimed', claim));
consumer.on('skipped', ({ stream, entryId, event, reason }) => {
  if (reason !== 'duplicate' || event === undefined) return;
  journal.write({ kind: 'skipped', at: Date.now(), entry: placeOf(stream, entryId), event: event.id });
});
consumer.on('lostByTrim', ({ stream, entryId, count }) => {
  if (entryId === null) occurred('lostByTrim', { stream, count });
  else letGo('lostByTrim', { stream, entryId });
});
consumer.on('leaseLost', (lost) => letGo('leaseLost', lost));
consumer.on('deadLettered', (dead) => letGo('deadLettered', dead));

process.on('message', (request: ConsumerRequest) => void end(request.timeoutMs));
// whoever started this process is gone: nobody would ever stop it
process.on('disconnect', () => process.exit());

await consumer.start();
journal.write({ kind: 'ready', at: Date.now(), consumer: consumer.name });
tell({ kind: 'ready', consumer: consumer.name });

async function end(timeoutMs: number): Promise<void> {
  const report = await consumer.stop({ timeoutMs });
  journal.write({ kind: 'stopped', at: Date.now(), ...report });
  await transport.close();
  tell({ kind: 'stopped', report });
  // from here on nothing may hold the process: that it ends by itself is part of the test
  process.removeAllListeners('disconnect');
  process.disconnect();
}

function tell(notice: ConsumerNotice): void {
  process.send?.(notice);
}

function describe(detail: unknown): string {
  if (detail instanceof EventsError) return `${detail.code}: ${detail.message}`;
  return typeof detail === 'string' ? detail : JSON.stringify(detail);
}
