// One consumer process with the loop that is written by hand, on a client with default options. Started by `ConsumerProcess`.
import { setTimeout as delay } from 'node:timers/promises';
import { JournalFile } from '../audit/journal-file.js';
import { placeOf } from '../audit/place.js';
import type { ConsumerNotice, ConsumerOrders } from '../crew/consumer-orders.js';
import { openPlainClient } from './plain-client.js';

const orders = JSON.parse(process.argv[2] ?? '') as ConsumerOrders;
const { client: library, address, stream, group } = orders;
const journal = new JournalFile(orders.journal);
const consumer = orders.consumer ?? `plain-${process.pid}`;
const pauseMs = 100;

process.on('message', () => {
  journal.write({ kind: 'stopped', at: Date.now(), finished: 0, released: 0, abandoned: 0 });
  tell({ kind: 'stopped', report: { finished: 0, released: 0, abandoned: 0 } });
  setImmediate(() => process.exit());
});
process.on('disconnect', () => process.exit());

const client = await openPlainClient(library, address);
await client.createGroup(stream, group).catch((error: Error) => {
  if (!error.message.startsWith('BUSYGROUP')) throw error;
});
journal.write({ kind: 'ready', at: Date.now(), consumer });
tell({ kind: 'ready', consumer });

for (;;) {
  try {
    const entries = await client.read(stream, group, consumer);
    for (const { id, event } of entries) await handle(placeOf(stream, id), event);
    if (entries.length > 0)
      await client.acknowledge(
        stream,
        group,
        entries.map(({ id }) => id),
      );
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split(' ', 1)[0] ?? '') : 'not an error';
    journal.write({ kind: 'occurred', at: Date.now(), name: 'error', detail: `${detail}:` });
    await delay(pauseMs);
  }
}

async function handle(entry: string, event: string): Promise<void> {
  journal.write({ kind: 'started', at: Date.now(), entry, event, attempt: 1, redelivered: false });
  if (orders.workMs > 0) await delay(Math.random() * orders.workMs);
  journal.write({ kind: 'ended', at: Date.now(), entry, event, failed: false });
}

function tell(notice: ConsumerNotice): void {
  process.send?.(notice);
}
