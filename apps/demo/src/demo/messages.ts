import type { StopReport } from '@events/core';
import type { Counters } from './counters.js';
import type { Assignment } from './hosted-service.js';
import type { Client } from './options.js';

/** Which Redis, through which client. */
export interface RedisAddress {
  readonly url: string;
  readonly client: Client;
}

/** What the shop says to the process of a service. */
export type Instruction =
  | { readonly kind: 'start'; readonly assignment: Assignment; readonly redis: RedisAddress }
  | { readonly kind: 'placeOrders' }
  | { readonly kind: 'stop' };

/** What the process of a service says to the shop. */
export type Tidings =
  | { readonly kind: 'started' }
  | { readonly kind: 'counters'; readonly counters: Counters }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'ordersPlaced' }
  | { readonly kind: 'stopped'; readonly counters: Counters; readonly report: StopReport }
  | { readonly kind: 'failed'; readonly message: string };
