import {
  type ConsumedEvent,
  type EventConsumer,
  type EventPublisher,
  exponentialBackoff,
  type Logger,
  type Transport,
} from '@events/core';
import { type Contracts, contracts } from './contracts.js';

/** Where a service writes down what it has done. Elsewhere this is its database. */
export interface Journal {
  record(event: ConsumedEvent<{ readonly orderId: string; readonly sequence: number }>): void;
}

/** What every service of the shop is given. */
export interface ServiceOptions {
  readonly transport: Transport;
  readonly streamPrefix: string;
  readonly logger: Logger;
  readonly journal: Journal;
}

/** A service that is ready to be started. */
export interface Service {
  readonly publisher: EventPublisher<Contracts>;
  readonly consumer: EventConsumer<Contracts>;
}

/** How every service of the shop consumes. */
export const consuming = {
  events: contracts,
  // The events of one order are handled one after another, in order, however often one of them is tried again.
  ordering: 'key',
  // A handler may run again after a crash and publish again what it had published: the copy is skipped.
  deduplicate: true,
  // Handlers end within milliseconds, so what is left alone for three seconds belongs to a service that is gone.
  claimIdleMs: 3_000,
  recoveryStrategy: exponentialBackoff({ initialMs: 100, maxMs: 2_000 }),
} as const;
