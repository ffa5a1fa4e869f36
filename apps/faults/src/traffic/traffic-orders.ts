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
  /** Where it leaves its tally when it is asked to stop. */
  readonly tally: string;
}

/** What such a process says. Whatever it is told asks it to stop. */
export type TrafficNotice = { readonly kind: 'ready' } | { readonly kind: 'handled'; readonly count: number };
