import { setTimeout as delay } from 'node:timers/promises';
import { makeOrders, type Order } from '../orders.js';
import { openPublisher } from '../sides/open-side.js';
import type { PublishingSide } from '../sides/side.js';
import type { Control } from '../worker/control.js';
import type { PacedPublishJob } from '../worker/job.js';
import { nowUs, UsageClock } from '../worker/usage-clock.js';
import { poolSize } from './pool-size.js';

export async function pacedPublish(job: PacedPublishJob, control: Control): Promise<void> {
  const side = await openPublisher(job);
  const pacer = new Pacer(side, makeOrders(job.size, poolSize(job.size)), job.perSecond);
  await pacer.publish(0, job.warmup);
  control.ready();
  await control.go();
  const clock = new UsageClock();
  await pacer.publish(job.warmup, job.count);
  control.measured(clock.stop());
  await control.finish();
  await side.close();
}

/** An open loop: what is due is published at every millisecond, whatever became of what came before. */
class Pacer {
  readonly #side: PublishingSide;
  readonly #orders: readonly Order[];
  readonly #perSecond: number;

  constructor(side: PublishingSide, orders: readonly Order[], perSecond: number) {
    this.#side = side;
    this.#orders = orders;
    this.#perSecond = perSecond;
  }

  async publish(first: number, count: number): Promise<void> {
    const started = performance.now();
    let sent = 0;
    let stored = 0;
    let failure: unknown;
    const onStored = () => {
      stored += 1;
    };
    const onFailure = (error: unknown) => {
      failure ??= error;
    };
    while (sent < count) {
      const due = Math.min(count, Math.floor(((performance.now() - started) * this.#perSecond) / 1_000));
      for (; sent < due; sent += 1) this.#next(first + sent).then(onStored, onFailure);
      await delay(1);
    }
    while (stored < count && failure === undefined) await delay(1);
    if (failure !== undefined) throw failure;
  }

  #next(sequence: number): Promise<unknown> {
    const order = this.#orders[sequence % this.#orders.length] as Order;
    order.sequence = sequence;
    order.sentAtUs = nowUs();
    return this.#side.publish(order);
  }
}
