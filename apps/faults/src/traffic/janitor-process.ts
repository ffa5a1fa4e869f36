import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { JanitorNotice, JanitorOrders, JanitorRequest } from './janitor-orders.js';

const program = fileURLToPath(new URL('./janitor-program.js', import.meta.url));

/** A process that publishes, trims, consumes, claims and cleans up, as seen from outside. */
export class JanitorProcess {
  readonly #child: ChildProcess;
  readonly #heard: (kind: JanitorNotice['kind']) => Promise<void>;

  private constructor(orders: JanitorOrders, onNotice: (notice: JanitorNotice) => void) {
    this.#child = fork(program, [JSON.stringify(orders)], { execArgv: [] });
    const waiting = new Map<string, () => void>();
    this.#heard = (kind) => new Promise((resolve) => void waiting.set(kind, resolve));
    this.#child.on('message', (notice: JanitorNotice) => {
      waiting.get(notice.kind)?.();
      onNotice(notice);
    });
  }

  /** Resolves when it consumes. */
  static async start(orders: JanitorOrders, onNotice: (notice: JanitorNotice) => void): Promise<JanitorProcess> {
    const process = new JanitorProcess(orders, onNotice);
    const failed = once(process.#child, 'exit').then(() => {
      throw new Error('A process ended before it was ready');
    });
    await Promise.race([process.#heard('ready'), failed]);
    failed.catch(() => {
      // it was ready, and ends when its time has come
    });
    return process;
  }

  /** Publishes no more. Resolves when all it has published is settled. */
  async beQuiet(): Promise<void> {
    const quiet = this.#heard('quiet');
    this.#child.send('publish no more' satisfies JanitorRequest);
    await quiet;
  }

  /** Stops in good order. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.send('stop' satisfies JanitorRequest);
    await ended;
  }

  /** Ends at once (SIGKILL). */
  async kill(): Promise<void> {
    if (!this.#isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}
