import type { Order } from '../orders.js';

/** One way to publish. */
export interface PublishingSide {
  /** Resolves when the event is stored. */
  publish(order: Order): Promise<unknown>;
  close(): Promise<void>;
}

/** What handlers need of an event, whoever hands it to them. */
export interface ReceivedEvent {
  readonly id: string;
  readonly type: string | undefined;
  readonly source: string;
  readonly time: unknown;
  readonly data: unknown;
  readonly entryId: string;
}

export type Handler = (event: ReceivedEvent) => unknown;

/** One way to consume. */
export interface ConsumingSide {
  /** Resolves when it reads. */
  start(handler: Handler): Promise<void>;
  close(): Promise<void>;
}

export const streamName = 'orders';
export const groupName = 'billing';
export const consumerName = 'worker-1';
