import { makeOrders, type Order } from '../orders.js';
import { openPublisher } from '../sides/open-side.js';
import type { PublishingSide } from '../sides/side.js';
import type { Control } from '../worker/control.js';
import type { PublishJob } from '../worker/job.js';
import { UsageClock } from '../worker/usage-clock.js';
import { poolSize } from './pool-size.js';

export async function publish(job: PublishJob, control: Control): Promise<void> {
  const side = await openPublisher(job);
  const orders = makeOrders(job.size, poolSize(job.size));
  await publishAll(side, orders, { from: 0, to: job.warmup, inFlight: job.inFlight });
  control.ready();
  await control.go();
  const clock = new UsageClock();
  await publishAll(side, orders, { from: job.warmup, to: job.warmup + job.count, inFlight: job.inFlight });
  control.measured(clock.stop());
  await control.finish();
  await side.close();
}

/** So many callers at once, each awaiting every publish before its next. */
async function publishAll(
  side: PublishingSide,
  orders: readonly Order[],
  { from, to, inFlight }: { readonly from: number; readonly to: number; readonly inFlight: number },
): Promise<void> {
  let next = from;
  const caller = async () => {
    while (next < to) {
      const order = orders[next % orders.length] as Order;
      order.sequence = next;
      next += 1;
      await side.publish(order);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}
