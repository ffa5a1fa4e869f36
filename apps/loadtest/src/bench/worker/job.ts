import type { Client, Side } from '../cases.js';

interface Common {
  readonly side: Side;
  readonly client: Client;
  readonly url: string;
  readonly size: number;
  readonly validated: boolean;
}

/** Publishes `warmup` events, says `ready`, and at `go` publishes `count` more, `inFlight` at a time. */
export interface PublishJob extends Common {
  readonly task: 'publish';
  readonly inFlight: number;
  readonly warmup: number;
  readonly count: number;
  /** The bound of the stream. Default: none. */
  readonly maxLength?: number;
}

/** As `PublishJob`, but so many a second, without waiting for answers. */
export interface PacedPublishJob extends Common {
  readonly task: 'paced-publish';
  readonly perSecond: number;
  readonly warmup: number;
  readonly count: number;
}

/** Handles `warmup` events, says `ready`, and reports once it has handled `count` more. */
export interface ConsumeJob extends Common {
  readonly task: 'consume';
  readonly warmup: number;
  readonly count: number;
  /** Whether to note how long each event was under way. */
  readonly latency: boolean;
  /** How often to collect garbage and note what is left, evenly over the run. Needs --expose-gc. */
  readonly heapSamples: number;
}

/** Starts consumers of so many streams, says `ready`, and reports the time between `go` and `durationMs` later. */
export interface IdleJob extends Common {
  readonly task: 'idle';
  readonly subscriptions: number;
  readonly durationMs: number;
}

/** Publishes one event, says `ready`, and at `go` publishes `count` without awaiting any. */
export interface FloodJob extends Common {
  readonly task: 'flood';
  readonly count: number;
}

/** Consumes with handlers that never settle, or that always fail, for `durationMs` after `go`. */
export interface TroubledConsumeJob extends Common {
  readonly task: 'troubled-consume';
  readonly handler: 'works' | 'hangs' | 'fails';
  readonly durationMs: number;
  readonly claimIdleMs: number;
  readonly handlerTimeoutMs: number;
}

/** Says `ready`, and at `go` lets a publisher that trims take turns with one that does not, `count` events a turn. */
export interface TrimTurnsJob extends Common {
  readonly task: 'trim-turns';
  readonly inFlight: number;
  readonly count: number;
  readonly pairs: number;
  readonly maxLength: number;
}

export type Job = TrimTurnsJob | PublishJob | PacedPublishJob | ConsumeJob | IdleJob | FloodJob | TroubledConsumeJob;

/** What every task measures of its own process between `go` (or the end of the warm-up) and the end. */
export interface Usage {
  /** On the clock that all processes of a machine share. */
  readonly startUs: number;
  readonly endUs: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
}

export interface ConsumeResult extends Usage {
  readonly handled: number;
  /** Of the sequence numbers of everything handled, warm-up included. */
  readonly checksum: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number } | undefined;
  readonly heapBytes: readonly number[];
  /** At each heap sample, before garbage was collected. */
  readonly rssSamples: readonly number[];
}

export interface FloodResult extends Usage {
  readonly stored: number;
  readonly notStored: number;
  readonly unknown: number;
  readonly baseRssBytes: number;
  readonly peakRssBytes: number;
  readonly peakHeapBytes: number;
}

export interface TroubledConsumeResult extends Usage {
  readonly started: number;
  readonly baseRssBytes: number;
  readonly peakRssBytes: number;
}

/** What a publisher did in one turn; the CPU is that of an event. */
export interface Turn {
  readonly perSecond: number;
  readonly cpuUs: number;
}

export interface TrimTurnsResult extends Usage {
  readonly pairs: readonly { readonly trimmed: Turn; readonly grown: Turn }[];
}

/** What a task tells the process that started it. */
export type WorkerMessage =
  | { readonly name: 'ready' }
  | { readonly name: 'measured'; readonly result: Usage }
  | { readonly name: 'failed'; readonly message: string };

export type WorkerOrder =
  | { readonly name: 'job'; readonly job: Job }
  | { readonly name: 'go' }
  | { readonly name: 'finish' };
