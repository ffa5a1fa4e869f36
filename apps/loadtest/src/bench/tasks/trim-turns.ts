import { EventPublisher, type TrimOrder, type TrimStrategy } from '@events/core';
import { makeOrders, type Order, orderType, sourceName } from '../orders.js';
import { openTransport } from '../sides/library.js';
import { streamName } from '../sides/side.js';
import type { Control } from '../worker/control.js';
import type { TrimTurnsJob, TrimTurnsResult, Turn } from '../worker/job.js';
import { UsageClock } from '../worker/usage-clock.js';
import { poolSize } from './pool-size.js';

/** Published before each turn, and not counted: connections and memory find their pace. */
const mostRunUp = 5_000;

/** Where nothing is trimmed while it is measured. */
const growingStream = `${streamName}-growing`;
const everything: TrimOrder = {
  bound: { maxLength: 0, minId: undefined },
  limit: null,
  isExact: true,
  keepUnread: null,
};

/**
 * One process in which a publisher that trims its stream takes turns with one that does not: what two processes differ by
 * (the compiler's guesses, where memory lies) falls away.
 */
export async function trimTurns(job: TrimTurnsJob, control: Control): Promise<void> {
  const transport = await openTransport(job.client, job.url);
  const orders = makeOrders(job.size, poolSize(job.size));
  const open = (stream: string, trimStrategy: TrimStrategy) =>
    new EventPublisher({ transport, source: sourceName, defaultStream: stream, trimStrategy });
  const trimming = open(streamName, { maxLength: job.maxLength });
  const growing = open(growingStream, { enabled: false });
  const turn = async (publisher: EventPublisher): Promise<Turn> => {
    await publishAll(publisher, orders, Math.min(mostRunUp, job.count), job.inFlight);
    const clock = new UsageClock();
    await publishAll(publisher, orders, job.count, job.inFlight);
    const { startUs, endUs, cpuUs } = clock.stop();
    return { perSecond: job.count / ((endUs - startUs) / 1_000_000), cpuUs: cpuUs / job.count };
  };
  await turn(trimming);
  await turn(growing);
  const janitor = transport.janitor();
  control.ready();
  await control.go();
  const all = new UsageClock();
  const pairs: TrimTurnsResult['pairs'][number][] = [];
  for (let pair = 0; pair < job.pairs; pair += 1) {
    await janitor.trim(growingStream, everything);
    if (pair % 2 === 0) {
      const grown = await turn(growing);
      pairs.push({ grown, trimmed: await turn(trimming) });
    } else {
      const trimmed = await turn(trimming);
      pairs.push({ trimmed, grown: await turn(growing) });
    }
  }
  control.measured<TrimTurnsResult>({ ...all.stop(), pairs });
  await control.finish();
  await janitor.close();
  await trimming.close();
  await growing.close();
  await transport.close();
}

async function publishAll(publisher: EventPublisher, orders: readonly Order[], count: number, inFlight: number) {
  let next = 0;
  const caller = async () => {
    while (next < count) {
      next += 1;
      await publisher.publish(orderType, orders[next % orders.length] as Order);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}
