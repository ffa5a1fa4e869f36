import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Tally } from './tally.js';
import type { TrafficNotice, TrafficOrders, TrafficRequest } from './traffic-orders.js';

const program = fileURLToPath(new URL('./traffic-program.js', import.meta.url));

/** A process that consumes numbered events, and counts them. */
export class TrafficConsumer {
  readonly #orders: TrafficOrders;
  readonly #child: ChildProcess;
  #handled = 0;
  readonly #told: { readonly name: string; readonly reason: string }[] = [];
  readonly #heap: number[] = [];

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
        else consumer.#note(notice);
      });
      child.once('exit', () => reject(new Error(`A consumer of '${orders.group}' ended before it was ready`)));
    });
    return consumer;
  }

  /** How many events it has handled, as of a moment ago. */
  get handled(): number {
    return this.#handled;
  }

  /** What its consumer has emitted of episodes, in order. */
  get told(): readonly { readonly name: string; readonly reason: string }[] {
    return this.#told;
  }

  /** How much of its heap was in use, in bytes, twice a second. */
  get heap(): readonly number[] {
    return this.#heap;
  }

  /** Lets its handlers take no time any more. */
  beQuick(): void {
    this.#child.send('be quick' satisfies TrafficRequest);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  #note(notice: TrafficNotice): void {
    if (notice.kind === 'handled') this.#handled = notice.count;
    else if (notice.kind === 'heap') this.#heap.push(notice.usedBytes);
    else if (notice.kind === 'told') this.#told.push({ name: notice.name, reason: notice.reason });
  }

  /** Stops it in good order. Resolves with what it has handled. */
  async stop(): Promise<Tally> {
    if (this.isRunning) {
      const ended = once(this.#child, 'exit');
      this.#child.send('stop' satisfies TrafficRequest);
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
