import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StopReport } from '@events/core';
import { journalSuffix } from '../audit/journal-file.js';
import type { ConsumerNotice, ConsumerOrders, ConsumerRequest } from './consumer-orders.js';

const program = fileURLToPath(new URL('./consumer-program.js', import.meta.url));
const plainProgram = fileURLToPath(new URL('../plain/plain-consumer-program.js', import.meta.url));
const startWithinMs = 30_000;
const farewellMs = 15_000;

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A consumer in a process of its own. */
export class ConsumerProcess {
  readonly orders: ConsumerOrders;
  /** Resolves when the process has ended, however that happened. */
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<string>;
  readonly #stopped: Promise<StopReport>;
  #name = '';

  private constructor(orders: ConsumerOrders) {
    this.orders = orders;
    const log = openSync(`${orders.journal}.log`, 'a');
    const stdio = ['ignore', log, log, 'ipc'] as const;
    this.#child = fork(orders.isPlain ? plainProgram : program, [JSON.stringify(orders)], {
      stdio: [...stdio],
      execArgv: [],
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.#ready = unwatched(this.#notice('ready').then(({ consumer }) => consumer));
    this.#stopped = unwatched(this.#notice('stopped').then(({ report }) => report));
  }

  /** Starts a process. Resolves when its consumer reads. */
  static async start(orders: ConsumerOrders): Promise<ConsumerProcess> {
    const started = new ConsumerProcess(orders);
    started.#name = await within(startWithinMs, `the start of a consumer (${orders.journal}.log)`, started.#ready);
    return started;
  }

  /** The process's name in journals and evidence. */
  get id(): string {
    return basename(this.orders.journal, journalSuffix);
  }

  /** The consumer's name in its group. */
  get name(): string {
    return this.#name;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Holds it up (SIGSTOP) until `proceed`. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  proceed(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it at once (SIGKILL). */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Stops the consumer in good order. Resolves when the process, asked for nothing more, has ended by itself. */
  async stop(timeoutMs: number): Promise<StopReport> {
    const request: ConsumerRequest = { kind: 'stop', timeoutMs };
    this.#child.send(request);
    const report = await within(timeoutMs + farewellMs, `the stop of ${this.name}`, this.#stopped);
    await within(farewellMs, `the end of the stopped process of ${this.name}`, this.ended);
    return report;
  }

  #notice<Kind extends ConsumerNotice['kind']>(kind: Kind): Promise<Extract<ConsumerNotice, { kind: Kind }>> {
    return new Promise<Extract<ConsumerNotice, { kind: Kind }>>((resolve, reject) => {
      this.#child.on('message', (notice: ConsumerNotice) => {
        if (notice.kind === kind) resolve(notice as Extract<ConsumerNotice, { kind: Kind }>);
      });
      void this.ended.then(({ code, signal }) =>
        reject(new Error(`A consumer ended (${code ?? signal}) before it was ${kind}: ${this.orders.journal}.log`)),
      );
    });
  }
}

/** `promise`, which need not be watched: a process that is killed owes its notices to nobody. */
function unwatched<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {
    // whoever waits for it is told
  });
  return promise;
}

async function within<Result>(ms: number, what: string, promise: Promise<Result>): Promise<Result> {
  const alarm = new AbortController();
  const late = delay(ms, undefined, { signal: alarm.signal }).then(() => {
    throw new Error(`Waited ${ms} ms in vain for ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    alarm.abort();
    late.catch(() => {
      // the alarm was turned off, or its error was thrown above
    });
  }
}
