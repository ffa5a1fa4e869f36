import {
  checkKeys,
  checkLogger,
  EventsError,
  IsolatingEmitter,
  type Logger,
  OptionsError,
  safeLogger,
  wholeNumber,
} from '@events/core';
import { EventAdmin } from './event-admin.js';
import type { MemoryReport } from './reports.js';

export interface MemoryMonitorOptions {
  /** Whose environment is watched. */
  readonly admin: EventAdmin;
  /** How often, in milliseconds. Each look asks for every key of the server. Default: 60,000. */
  readonly intervalMs?: number | undefined;
  /** How much one stream may take with all that belongs to it, in bytes. Default: nobody is told. */
  readonly streamBytes?: number | undefined;
  /** How much all streams may take, in bytes. Default: nobody is told. */
  readonly totalBytes?: number | undefined;
  /** Where failures go that nobody listens for. Default: process warnings. */
  readonly logger?: Logger | undefined;
}

/** What is, or was, above its threshold. */
export interface MemoryThreshold {
  readonly reason: 'stream' | 'total';
  /** The stream's name, with `:p<number>` for a partition; `undefined` for all of them together. */
  readonly stream: string | undefined;
  readonly bytes: number;
  readonly limit: number;
}

type MonitorEvents = {
  /** What was measured. */
  sample: [report: MemoryReport];
  /** A threshold was passed. Once an episode. */
  threshold: [state: MemoryThreshold];
  /** An episode is over: at 0.8 of the threshold or less. */
  recovered: [state: MemoryThreshold];
  /** It could not be measured. Told once until it can again. */
  error: [error: Error];
};

const recoveredAt = 0.8;
const total = ' total';

/** Measures from time to time how much memory the streams of an environment take. */
export class MemoryMonitor extends IsolatingEmitter<MonitorEvents> {
  readonly #admin: EventAdmin;
  readonly #intervalMs: number;
  readonly #limits: { readonly stream: number; readonly total: number };
  readonly #above = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #measuring: Promise<void> | undefined;
  #isRunning = false;
  #hasFailed = false;

  /** @throws OptionsError for options that cannot work */
  constructor(options: MemoryMonitorOptions) {
    checkKeys('MemoryMonitor', options, ['admin', 'intervalMs', 'streamBytes', 'totalBytes', 'logger']);
    checkLogger(options.logger);
    super(safeLogger(options.logger));
    if (!(options.admin instanceof EventAdmin)) throw new OptionsError("MemoryMonitor needs 'admin': an EventAdmin");
    this.#admin = options.admin;
    this.#intervalMs = wholeNumber('intervalMs', options.intervalMs, 60_000, { min: 10, max: 2_147_483_647 });
    const unlimited = Number.MAX_SAFE_INTEGER;
    this.#limits = {
      stream: wholeNumber('streamBytes', options.streamBytes, unlimited, { min: 1 }),
      total: wholeNumber('totalBytes', options.totalBytes, unlimited, { min: 1 }),
    };
  }

  /** Measures now, and again after each interval. Does not keep the process alive. */
  start(): this {
    if (this.#isRunning) return this;
    this.#isRunning = true;
    this.#measure();
    return this;
  }

  /** Ends it, once the measurement under way is over. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    await this.#measuring;
  }

  readonly #measure = (): void => {
    this.#measuring = this.#look().finally(() => {
      if (!this.#isRunning) return;
      this.#timer = setTimeout(this.#measure, this.#intervalMs);
      this.#timer.unref();
    });
  };

  async #look(): Promise<void> {
    try {
      const report = await this.#admin.memory();
      this.#hasFailed = false;
      if (!this.#isRunning) return;
      this.emit('sample', report);
      this.#judge(report);
    } catch (error) {
      if (!this.#hasFailed)
        this.emit('error', error instanceof Error ? error : new EventsError('EVENTS_TRANSPORT', String(error)));
      this.#hasFailed = true;
    }
  }

  #judge({ totalBytes, streams }: MemoryReport): void {
    this.#compare(total, { reason: 'total', stream: undefined, bytes: totalBytes, limit: this.#limits.total });
    const seen = new Set([total]);
    for (const { name, partition, totalBytes: bytes } of streams) {
      const stream = partition === undefined ? name : `${name}:p${partition}`;
      seen.add(stream);
      this.#compare(stream, { reason: 'stream', stream, bytes, limit: this.#limits.stream });
    }
    // a stream that is gone takes nothing
    for (const stream of [...this.#above].filter((name) => !seen.has(name))) {
      this.#compare(stream, { reason: 'stream', stream, bytes: 0, limit: this.#limits.stream });
    }
  }

  #compare(id: string, state: MemoryThreshold): void {
    const isAbove = this.#above.has(id);
    if (isAbove ? state.bytes > state.limit * recoveredAt : state.bytes <= state.limit) return;
    if (isAbove) this.#above.delete(id);
    else this.#above.add(id);
    this.emit(isAbove ? 'recovered' : 'threshold', state);
  }
}
