import type { Client } from '../transports.js';

/** What a process that does everything at once is to do. Travels as JSON on its command line. */
export interface JanitorOrders {
  readonly client: Client;
  readonly url: string;
  /** Where it publishes, and consumes as a member of each of the groups. */
  readonly busy: string;
  /** Where it consumes, and nobody publishes. */
  readonly quiet: string;
  readonly groups: readonly string[];
  /** The number of its first event. */
  readonly from: number;
  readonly perSecond: number;
  readonly bound: number;
  readonly unusedMs: number;
}

/** What it is told: to publish no more, or to stop. */
export type JanitorRequest = 'publish no more' | 'stop';

/** What it says. A `published` was confirmed. */
export type JanitorNotice =
  | { readonly kind: 'ready' }
  | { readonly kind: 'quiet' }
  | { readonly kind: 'published'; readonly number: number }
  | { readonly kind: 'handled'; readonly group: string; readonly number: number }
  | { readonly kind: 'trimmed'; readonly removed: number; readonly lost: number }
  | { readonly kind: 'removed'; readonly name: string; readonly stream: string; readonly group: string }
  | { readonly kind: 'error'; readonly message: string };
