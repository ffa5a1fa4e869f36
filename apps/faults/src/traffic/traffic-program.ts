// A process that consumes numbered events and counts each of them. Started by `TrafficConsumer`; ends when told, or with its parent.
import { EventConsumer } from '@events/core';
import { openPlainClient } from '../plain/plain-client.js';
import { openTransport } from '../transports.js';
import { Tally } from './tally.js';
import type { TrafficNotice, TrafficOrders, TrafficRequest } from './traffic-orders.js';

const orders = JSON.parse(process.argv[2] ?? '') as TrafficOrders;
const { client: library, url, stream, group } = orders;
const tally = new Tally(orders.events);
const tellEveryMs = 20;
const sampleEveryMs = 500;
const prefetch = 1_000;
let count = 0;
let { handlerMs = 0 } = orders;

const stop = orders.isPlain ? await consumePlainly() : await consume();
process.on('message', (request: TrafficRequest) => {
  if (request === 'stop') void end();
  else handlerMs = 0;
});
process.on('disconnect', () => process.exit());
tell({ kind: 'ready' });
const telling = setInterval(() => tell({ kind: 'handled', count }), tellEveryMs);
const sampling = setInterval(() => tell({ kind: 'heap', usedBytes: process.memoryUsage().heapUsed }), sampleEveryMs);

function note(event: number): void {
  tally.note(event);
  count += 1;
}

function handle(event: number): void | Promise<void> {
  if (handlerMs === 0) return note(event);
  return new Promise((resolve) => setTimeout(resolve, handlerMs)).then(() => note(event));
}

async function end(): Promise<void> {
  await stop();
  tally.write(orders.tally);
  clearInterval(telling);
  clearInterval(sampling);
  process.removeAllListeners('disconnect');
  process.disconnect();
}

function tell(notice: TrafficNotice): void {
  process.send?.(notice);
}

/** Both resolve with what ends it, once what it has in hand is done. */
async function consume(): Promise<() => Promise<void>> {
  const transport = openTransport(library, { url });
  const consumer = new EventConsumer({ transport, stream, group, prefetch });
  // an error ends the process, and so the trial
  consumer.on('error', (error) =>
    setImmediate(() => {
      throw error;
    }),
  );
  consumer.on('slowConsumer', () => tell({ kind: 'told', name: 'slowConsumer', reason: 'lag' }));
  consumer.on('backpressure', ({ reason }) => tell({ kind: 'told', name: 'backpressure', reason }));
  consumer.on('recovered', ({ reason }) => tell({ kind: 'told', name: 'recovered', reason }));
  await consumer.subscribe('*', ({ data }) => handle((data as { readonly number: number }).number)).start();
  return async () => {
    await consumer.stop();
    await transport.close();
  };
}

async function consumePlainly(): Promise<() => Promise<void>> {
  const client = await openPlainClient(library, { url });
  let isEnding = false;
  await client.createGroup(stream, group).catch((error: Error) => {
    if (!error.message.startsWith('BUSYGROUP')) throw error;
  });
  const loop = async () => {
    while (!isEnding) {
      const entries = await client.read(stream, group, 'plain');
      for (const { event } of entries) note(Number(event));
      const ids = entries.map(({ id }) => id);
      if (ids.length > 0) await client.acknowledge(stream, group, ids);
    }
  };
  const over = loop();
  return async () => {
    isEnding = true;
    await over;
    await client.drop();
  };
}
