import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventConsumer } from '@events/core';
import type { RedisStreamsTransport, RedisTransportOptions } from '@events/redis-streams';

// Consumes in a process of its own. argv: where the adapter is, options, what to do, how many events end it.
const [, , entry = '', options = '', what = '', expected = '0'] = process.argv;
const { RedisTransport } = (await import(entry)) as {
  RedisTransport: new (options: RedisTransportOptions) => RedisStreamsTransport;
};
const transport = new RedisTransport(JSON.parse(options) as RedisTransportOptions);
const logger = { warn() {}, error() {} };

/** Even a process that is about to stand still gets it out. */
function tell(line: object): void {
  writeSync(1, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
}

async function count(): Promise<void> {
  const consumer = new EventConsumer({ transport, stream: 'orders', group: 'group', logger });
  const distinct = new Set<string>();
  let handled = 0;
  let peakRss = 0;
  let peakHeap = 0;
  consumer.on('error', (error) => tell({ error: error.message }));
  consumer.subscribe('*', ({ id }) => {
    handled += 1;
    distinct.add(id);
    if (handled % 20 !== 0 && distinct.size < Number(expected)) return;
    const { rss, heapUsed } = process.memoryUsage();
    peakRss = Math.max(peakRss, rss);
    peakHeap = Math.max(peakHeap, heapUsed);
    if (distinct.size === Number(expected)) setImmediate(end);
  });
  const end = () => {
    void consumer.stop().then(async () => {
      tell({ handled, distinct: distinct.size, peakRss, peakHeap });
      await transport.close();
    });
  };
  await consumer.start();
}

/** Two consumers, each of which is given an event that is waited for and one that blocks the loop for all. */
async function block(): Promise<void> {
  let begun = 0;
  const handler = async (stream: string, number: number, blocks: boolean, signal: AbortSignal) => {
    tell({ begun: number, stream });
    if (!blocks) return;
    begun += 1;
    if (begun === 2) {
      tell({ blocking: true });
      for (const until = Date.now() + Number(expected); Date.now() < until; );
      tell({ awake: true });
    } else {
      while (begun < 2) await sleep(5);
    }
    // long enough to be asked after
    for (const until = Date.now() + 3_000; Date.now() < until && !signal.aborted; ) await sleep(20);
    tell({ ended: number, stream });
  };
  const common = { transport, group: 'group', consumer: 'sleeper', claimIdleMs: 2_000, logger };
  const consumers = [
    new EventConsumer({ ...common, stream: 'plain' }),
    new EventConsumer({ ...common, stream: 'parted', partitions: 1, ordering: 'key', partitionLeaseMs: 3_000 }),
  ];
  for (const [index, consumer] of consumers.entries()) {
    const stream = index === 0 ? 'plain' : 'parted';
    consumer.on('leaseLost', ({ entryId }) => tell({ leaseLost: entryId, stream }));
    consumer.on('partitionsRevoked', ({ reason }) => tell({ revoked: reason, stream }));
    consumer.on('partitionsAssigned', () => tell({ assigned: true, stream }));
    consumer.subscribe('*', (event, { signal }) => {
      const { number, blocks } = event.data as { number: number; blocks: boolean };
      return handler(stream, number, blocks, signal);
    });
    await consumer.start();
  }
}

await (what === 'count' ? count() : block());
