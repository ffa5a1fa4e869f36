import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Tally } from './tally.js';
import type { TrafficNotice, TrafficOrders } from './traffic-orders.js';

const program = fileURLToPath(new URL('./traffic-program.js', import.meta.url));

/** A process that consumes numbered events, and counts them. */
export class TrafficConsumer {
  readonly #orders: TrafficOrders;
  readonly #child: ChildProcess;
  #handled = 0;

  private constructor(orders: TrafficOrders) {
    this.#orders = orders;
    this.#child = fork(program, [JSON.stringify(orders)], { execArgv: [] });
  }

  /** Resolves when it reads. */
  static async start(orders: TrafficOrders): Promise<TrafficConsumer> {
    const consumer = new TrafficConsumer(orders);
    const child = consumer.#child;
    await new Promise<void>((resolve, reject) => {
      child.on('message', (notice: TrafficNotice) => {
        if (notice.kind === 'ready') resolve();
        else consumer.#handled = notice.count;
      });
      child.once('exit', () => reject(new Error(`A consumer of '${orders.group}' ended before it was ready`)));
    });
    return consumer;
  }

  /** How many events it has handled, as of a moment ago. */
  get handled(): number {
    return this.#handled;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stops it in good order. Resolves with what it has handled. */
  async stop(): Promise<Tally> {
    if (this.isRunning) {
      const ended = once(this.#child, 'exit');
      this.#child.send('stop');
      await ended;
    }
    if (!existsSync(this.#orders.tally)) throw new Error(`A consumer of '${this.#orders.group}' failed`);
    return Tally.read(this.#orders.tally);
  }

  /** Ends it at once (SIGKILL): what it has counted is not known. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
