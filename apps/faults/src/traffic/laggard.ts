import type { Trial } from '../trial.js';
import type { Traffic } from './traffic.js';
import type { TrafficConsumer } from './traffic-consumer.js';

/** For how long a group stood still, and how many events were published meanwhile. */
export interface Standstill {
  readonly ms: number;
  readonly events: number;
}

/** A group that stands still for a while. Publishing does not wait for it. */
export class Laggard {
  readonly consumers: TrafficConsumer[];
  readonly #trial: Trial;
  readonly #traffic: Traffic;
  #from = 0;
  #beginAt = 0;
  #stopping: Promise<unknown> | undefined;
  #returning: Promise<Standstill> | undefined;

  constructor(trial: Trial, traffic: Traffic, first: TrafficConsumer) {
    this.#trial = trial;
    this.#traffic = traffic;
    this.consumers = [first];
  }

  /** For how long it stands still. */
  get stoppedMs(): number {
    return this.#beginAt === 0 ? 0 : Date.now() - this.#beginAt;
  }

  stop(published: number): void {
    if (this.#beginAt > 0) return;
    this.#from = published;
    this.#beginAt = Date.now();
    this.#stopping = this.consumers[0]?.stop();
    this.#trial.say('stopped: stands still');
  }

  goOn(published: number): void {
    this.#returning ??= this.#start(published - this.#from);
  }

  /** Waits until it consumes again. Throws where it was not told to. */
  async isBack(): Promise<Standstill> {
    if (this.#returning === undefined) throw new Error('The stopped group was not told to go on');
    return this.#returning;
  }

  async #start(events: number): Promise<Standstill> {
    await this.#stopping;
    this.consumers.push(await this.#traffic.start('stopped'));
    const ms = this.stoppedMs;
    this.#trial.say(`stopped: goes on after ${ms} ms and ${events} events`);
    return { ms, events };
  }
}
