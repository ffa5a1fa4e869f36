import type { Logger, StopReport, Transport } from '@events/core';
import { type OrderService, orderService } from '../services/order-service.js';
import { paymentService } from '../services/payment-service.js';
import type { Service, ServiceOptions } from '../services/service.js';
import { shippingService } from '../services/shipping-service.js';
import { type Counters, noCounters } from './counters.js';
import { placeOrders } from './customers.js';
import { FileJournal } from './journal.js';
import { OrderWatch } from './order-watch.js';
import { simulatedBank, simulatedMail, simulatedWarehouse } from './partners.js';
import type { Plan } from './plan.js';
import type { Role } from './roster.js';

/** Which service to run, and on what. */
export interface Assignment {
  readonly role: Role;
  readonly plan: Plan;
  readonly streamPrefix: string;
  readonly journalPath: string;
}

/** A running service as the shop sees it, in this process or in another. */
export interface RunningService {
  /** As far as is known now. */
  readonly counters: Readonly<Counters>;
  /** Lets the customers in. Resolves once they have placed their orders, or were stopped. */
  placeOrders(): Promise<void>;
  /** Stops gracefully: customers, consumer, publisher. */
  stop(): Promise<StopReport>;
}

/** Told of what a viewer should know. */
export type Note = (text: string) => void;

/** Runs a service in this process, and watches it. The service itself knows nothing of that. */
export class HostedService implements RunningService {
  readonly counters: Counters = noCounters();
  readonly #service: Service | OrderService;
  readonly #assignment: Assignment;
  readonly #journal: FileJournal;
  readonly #orderWatch = new OrderWatch();
  readonly #note: Note;
  readonly #closing = new AbortController();
  readonly #troubles = new Set<string>();
  #placing: Promise<void> = Promise.resolve();

  /** Resolves once the service consumes. */
  static async start(assignment: Assignment, transport: Transport, note: Note): Promise<HostedService> {
    const hosted = new HostedService(assignment, transport, note);
    await hosted.#service.consumer.start();
    return hosted;
  }

  private constructor(assignment: Assignment, transport: Transport, note: Note) {
    this.#assignment = assignment;
    this.#note = note;
    this.#journal = new FileJournal(assignment.journalPath, (record) => {
      this.counters.handled += 1;
      if (this.#orderWatch.judge(record) === 'broken') this.counters.outOfOrder += 1;
    });
    const logger: Logger = { warn: note, error: note };
    const { streamPrefix, plan, role } = assignment;
    this.#service = create(role, { transport, streamPrefix, logger, journal: this.#journal }, plan);
    this.#watch();
  }

  placeOrders(): Promise<void> {
    const { plan } = this.#assignment;
    const service = this.#service;
    if (!('placeOrder' in service)) throw new Error(`${this.#assignment.role} takes no orders`);
    const placeOrder = (order: Parameters<typeof service.placeOrder>[0]) =>
      service.placeOrder(order).catch((error: Error) => this.#tellOnce(`an order was refused: ${error.message}`));
    this.#placing = placeOrders(plan, placeOrder, this.#closing.signal);
    return this.#placing;
  }

  async stop(): Promise<StopReport> {
    this.#closing.abort();
    await this.#placing;
    const report = await this.#service.consumer.stop({ timeoutMs: 5_000 });
    await this.#service.publisher.close();
    this.#journal.close();
    return report;
  }

  #watch(): void {
    const { publisher, consumer } = this.#service;
    const { counters } = this;
    const { role } = this.#assignment;
    publisher.on('published', (receipt) => {
      this.#journal.published(receipt);
      counters.published += 1;
      if (receipt.type === 'order.placed') counters.placed += 1;
      if (receipt.type === 'order.closed') counters.closed += 1;
    });
    consumer.on('retry', () => {
      counters.retries += 1;
    });
    consumer.on('deadLettered', ({ event, attempts, error }) => {
      counters.deadLettered += 1;
      const subject = event === undefined ? 'an unreadable entry' : `${event.type} of ${event.key}`;
      this.#note(`${role} gave up on ${subject} after ${attempts} attempts: ${messageOf(error)}`);
    });
    consumer.on('claimed', ({ count, stream }) => {
      this.#journal.tookOver(stream);
      this.#orderWatch.takeOver();
      this.#note(`${role} took over ${count} events that were left behind`);
    });
    consumer.on('groupLost', ({ stream }) => this.#note(`${role} lost its group of ${stream}`));
    consumer.on('error', (error) => this.#tellOnce(error.message));
  }

  /** The same trouble comes a thousand times. */
  #tellOnce(trouble: string): void {
    if (this.#troubles.has(trouble) || this.#troubles.size >= 100) return;
    this.#troubles.add(trouble);
    this.#note(`${this.#assignment.role}: ${trouble}`);
  }
}

function create(role: Role, options: ServiceOptions, { seed, poisonOrderId }: Plan): Service | OrderService {
  switch (role) {
    case 'order-service':
      return orderService({ ...options, mail: simulatedMail(seed) });
    case 'payment-service':
      return paymentService({ ...options, bank: simulatedBank(seed, poisonOrderId) });
    case 'shipping-service':
      return shippingService({ ...options, warehouse: simulatedWarehouse(seed) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
