import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, Usage, WorkerMessage, WorkerOrder } from './job.js';

const program = fileURLToPath(new URL('main.js', import.meta.url));
const patienceMs = 180_000;

/** A process of its own for one measured job. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #task: string;
  readonly #messages = new Map<string, Promise<WorkerMessage>>();
  readonly #exit: Promise<number | null>;
  #failed: ((error: Error) => void) | undefined;
  readonly #failure: Promise<never>;

  constructor(job: Job, nodeOptions: readonly string[]) {
    this.#task = `${job.task} (${job.side}, ${job.client})`;
    this.#failure = new Promise((_, reject) => {
      this.#failed = reject;
    });
    this.#failure.catch(() => {
      // whoever waits for a message is told
    });
    // none of the parent's own options, such as a debugger port
    this.#child = fork(program, { execArgv: ['--enable-source-maps', ...nodeOptions] });
    this.#exit = new Promise((resolve) => this.#child.on('exit', resolve));
    for (const name of ['ready', 'measured'] as const) this.#messages.set(name, this.#first(name));
    this.#child.on('message', (message: WorkerMessage) => {
      if (message.name === 'failed') this.#failed?.(new Error(`${this.#task} failed: ${message.message}`));
    });
    this.#child.on('error', (error) => this.#failed?.(error));
    this.#child.on('exit', (code) => this.#failed?.(new Error(`${this.#task} ended early, with exit code ${code}`)));
    this.#tell({ name: 'job', job });
  }

  /** Resolves when the warm-up is over. */
  async ready(): Promise<void> {
    await this.#within(this.#messages.get('ready'), 'warm up');
  }

  /** Lets the measured part begin. */
  go(): void {
    this.#tell({ name: 'go' });
  }

  async measured<Result extends Usage>(): Promise<Result> {
    const message = await this.#within(this.#messages.get('measured'), 'finish its measurement');
    if (message?.name !== 'measured') throw new Error(`${this.#task} sent no result`);
    return message.result as Result;
  }

  /** Lets it close its connections and waits for its end. */
  async finish(): Promise<void> {
    this.#tell({ name: 'finish' });
    const code = await this.#within(this.#exit, 'end', true);
    if (code !== 0) throw new Error(`${this.#task} ended with exit code ${code}`);
  }

  /** Ends it now, if it still runs. */
  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  #tell(order: WorkerOrder): void {
    this.#child.send(order);
  }

  #first(name: WorkerMessage['name']): Promise<WorkerMessage> {
    return new Promise((resolve) => {
      this.#child.on('message', (message: WorkerMessage) => {
        if (message.name === name) resolve(message);
      });
    });
  }

  async #within<Value>(promise: Promise<Value> | undefined, what: string, endsNow = false): Promise<Value | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#task} did not ${what} in time`)), patienceMs);
    });
    try {
      return await Promise.race(endsNow ? [promise, late] : [promise, this.#failure, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
