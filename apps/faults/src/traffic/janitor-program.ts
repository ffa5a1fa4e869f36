// A process that publishes, trims, consumes, claims and cleans up. Started by the trial `janitors`; ends when told, or with its parent.
import { EventConsumer, EventPublisher, keepUnread, maxLength } from '@events/core';
import { openTransport } from '../transports.js';
import type { JanitorNotice, JanitorOrders, JanitorRequest } from './janitor-orders.js';

const orders = JSON.parse(process.argv[2] ?? '') as JanitorOrders;
const { client, url, busy, quiet, groups, unusedMs } = orders;
const tickMs = 20;
const transport = openTransport(client, { url });
const publisher = new EventPublisher({
  transport,
  source: 'janitors',
  defaultStream: busy,
  trimStrategy: keepUnread(maxLength(orders.bound)),
});
publisher.on('trimmed', ({ removed, lost }) => {
  tell({ kind: 'trimmed', removed, lost: lost.reduce((sum, { unread, pending }) => sum + unread + pending, 0) });
});
publisher.on('error', ({ message }) => tell({ kind: 'error', message }));
const consumers = groups.map((group) => {
  const consumer = new EventConsumer({
    ...{ transport, streams: [busy, quiet], group },
    ...{ claimIdleMs: 1_000, cleanupUnusedGroups: { idleMs: unusedMs } },
  });
  consumer.on('error', ({ message }) => tell({ kind: 'error', message }));
  for (const name of ['groupRemoved', 'consumerRemoved', 'groupLost'] as const) {
    consumer.on(name, (gone) => tell({ kind: 'removed', name, stream: gone.stream, group: gone.group }));
  }
  return consumer.subscribe('*', ({ data }) => {
    tell({ kind: 'handled', group, number: (data as { readonly number: number }).number });
  });
});
await Promise.all(consumers.map((consumer) => consumer.start()));
const begin = performance.now();
let sent = 0;
const sending = setInterval(() => {
  const due = ((performance.now() - begin) / 1_000) * orders.perSecond;
  for (; sent < due; sent += 1) send(orders.from + sent);
}, tickMs);
process.on('message', (request: JanitorRequest) => void (request === 'stop' ? stop() : beQuiet()));
process.on('disconnect', () => process.exit());
tell({ kind: 'ready' });

function send(number: number): void {
  publisher.publish('traffic.passed', { number }).then(
    () => tell({ kind: 'published', number }),
    ({ message }: Error) => tell({ kind: 'error', message }),
  );
}

async function beQuiet(): Promise<void> {
  clearInterval(sending);
  await publisher.flush();
  tell({ kind: 'quiet' });
}

async function stop(): Promise<void> {
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  await publisher.close();
  await transport.close();
  process.removeAllListeners('disconnect');
  process.disconnect();
}

function tell(notice: JanitorNotice): void {
  process.send?.(notice);
}
