import type { StopReport } from '@events/core';
import type { Address } from '../ground.js';
import type { Client } from '../transports.js';

/** What a consumer process is to do. Travels as JSON on its command line. */
export interface ConsumerOrders {
  readonly client: Client;
  /** Whether a hand-written loop consumes, instead of the library. */
  readonly isPlain: boolean;
  readonly address: Address;
  readonly stream: string;
  readonly group: string;
  /** The consumer's name in the group; without one it gets a name that nobody else has. */
  readonly consumer?: string;
  /** Path of its journal. */
  readonly journal: string;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly claimIdleMs: number;
  readonly maxRetries: number;
  readonly onGroupLost: 'beginning' | 'resume' | 'fail';
  readonly deduplicate: boolean;
  /** Over how many streams the stream is spread; without it, it is one. */
  readonly partitions?: number;
  readonly partitionLeaseMs?: number;
  /** The longest time that a handler takes. */
  readonly workMs: number;
  /** Of so many events one fails at its first attempt; 0 = none. */
  readonly failOneIn: number;
  /** Ids of events that end the process of their handler. */
  readonly poison: readonly string[];
}

/** What the starting process says to a consumer process. */
export type ConsumerRequest = { readonly kind: 'stop'; readonly timeoutMs: number };

/** What a consumer process says to the one that started it. */
export type ConsumerNotice =
  | { readonly kind: 'ready'; readonly consumer: string }
  | { readonly kind: 'stopped'; readonly report: StopReport };

/** The exit code of a process that handled a poisonous event. */
export const poisonExitCode = 86;
