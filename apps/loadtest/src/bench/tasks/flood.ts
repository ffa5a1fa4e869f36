import { EventPublisher, EventsError } from '@events/core';
import { makeOrders, type Order, orderType, sourceName } from '../orders.js';
import { openTransport } from '../sides/library.js';
import { streamName } from '../sides/side.js';
import type { Control } from '../worker/control.js';
import type { FloodJob } from '../worker/job.js';
import { UsageClock } from '../worker/usage-clock.js';
import { PeakMemory } from './peak-memory.js';
import { poolSize } from './pool-size.js';

/** How many calls are made in one turn, before timers and sockets have theirs. */
const callsPerTurn = 1_000;

export async function flood(job: FloodJob, control: Control): Promise<void> {
  const transport = await openTransport(job.client, job.url);
  const publisher = new EventPublisher({
    transport,
    source: sourceName,
    defaultStream: streamName,
    trimStrategy: { enabled: false },
  });
  const orders = makeOrders(job.size, poolSize(job.size));
  const publish = (index: number) => publisher.publish(orderType, orders[index % orders.length] as Order);
  await publish(0);
  control.ready();
  await control.go();
  const clock = new UsageClock();
  const memory = new PeakMemory();
  const counts = { stored: 0, notStored: 0, unknown: 0 };
  await new Promise<void>((resolve, reject) => {
    let open = job.count;
    const settle = (outcome: keyof typeof counts) => {
      counts[outcome] += 1;
      open -= 1;
      if (open === 0) resolve();
    };
    const onFailure = (error: unknown) => {
      if (!(error instanceof EventsError) || error.outcome === undefined) reject(error);
      else settle(error.outcome === 'unknown' ? 'unknown' : 'notStored');
    };
    let called = 0;
    const turn = () => {
      for (const end = Math.min(job.count, called + callsPerTurn); called < end; called += 1) {
        publish(called).then(() => settle('stored'), onFailure);
      }
      if (called < job.count) setImmediate(turn);
    };
    turn();
  });
  control.measured({ ...clock.stop(), ...memory.stop(), ...counts });
  await control.finish();
  await publish(0);
  await publisher.close();
  await transport.close();
}
