import type { Client } from '../transports.js';

/** What a process that counts events is to do. Travels as JSON on its command line. */
export interface TrafficOrders {
  readonly client: Client;
  /** Whether a hand-written loop consumes, instead of the library. */
  readonly isPlain: boolean;
  readonly url: string;
  readonly stream: string;
  readonly group: string;
  /** How many events there will be. */
  readonly events: number;
  /** How long its handlers take, until it is told to be quick. Default: no time at all. */
  readonly handlerMs?: number | undefined;
  /** Where it leaves its tally when it is asked to stop. */
  readonly tally: string;
}

/** What it is told: its handlers are to take no time any more, or it is to stop. */
export type TrafficRequest = 'be quick' | 'stop';

/** What such a process says. */
export type TrafficNotice =
  | { readonly kind: 'ready' }
  | { readonly kind: 'handled'; readonly count: number }
  | { readonly kind: 'heap'; readonly usedBytes: number }
  | { readonly kind: 'told'; readonly name: string; readonly reason: string };
