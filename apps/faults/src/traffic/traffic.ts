import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Trial } from '../trial.js';
import { Tally } from './tally.js';
import { TrafficConsumer } from './traffic-consumer.js';
import type { TrafficSender } from './traffic-sender.js';

const tickMs = 2;
const atOnce = 500;
const standsStillMs = 15_000;

export interface TrafficPlan {
  readonly events: number;
  readonly perSecond: number;
  /** How many events may be published that `leader` has not handled. */
  readonly ahead: number;
  readonly leader: TrafficConsumer;
  /** Is told how many events have been published, before more are. */
  readonly reached: (published: number) => Promise<void>;
}

/** Numbered events through one stream, and the processes that count them. */
export class Traffic {
  readonly #trial: Trial;
  readonly #events: number;
  readonly #isPlain: boolean;
  readonly #consumers: TrafficConsumer[] = [];
  #started = 0;

  constructor(trial: Trial, events: number, isPlain: boolean) {
    this.#trial = trial;
    this.#events = events;
    this.#isPlain = isPlain;
  }

  get where() {
    const { options, server, stream } = this.#trial;
    return { client: options.client, url: server.url, stream };
  }

  /** `handlerMs` = how long its handlers take, until it is told to be quick. */
  async start(group: string, handlerMs = 0): Promise<TrafficConsumer> {
    this.#started += 1;
    const tally = join(this.#trial.directory, `tally-${this.#started}`);
    const orders = { ...this.where, isPlain: this.#isPlain, group, events: this.#events, handlerMs, tally };
    const consumer = await TrafficConsumer.start(orders);
    this.#consumers.push(consumer);
    return consumer;
  }

  /** Publishes everything, as fast as `leader` follows. Resolves with how long that took, in milliseconds. */
  async publish(sender: TrafficSender, { events, perSecond, ahead, leader, reached }: TrafficPlan): Promise<number> {
    const begin = performance.now();
    let movedAt = begin;
    for (let next = 0; next < events; ) {
      await reached(next);
      const now = performance.now();
      const due = Math.min(events, ((now - begin) / 1_000) * perSecond, leader.handled + ahead);
      const count = Math.min(atOnce, Math.floor(due) - next);
      if (count > 0) {
        const from = next;
        await Promise.all(Array.from({ length: count }, (_, index) => sender.send(from + index)));
        next += count;
        movedAt = performance.now();
      } else {
        if (now - movedAt > this.#trial.options.patience * standsStillMs) {
          throw new Error(`The group that must keep up has handled ${leader.handled} of ${next} events, and no more`);
        }
        await delay(tickMs);
      }
    }
    return performance.now() - begin;
  }

  /** Stops processes in good order. Resolves with what they handled together. */
  async tallyOf(consumers: readonly TrafficConsumer[]): Promise<Tally> {
    const all = new Tally(this.#events);
    for (const tally of await Promise.all(consumers.map((consumer) => consumer.stop()))) all.add(tally);
    return all;
  }

  async close(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.kill()));
  }
}
