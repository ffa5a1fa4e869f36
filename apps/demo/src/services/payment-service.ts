import { EventConsumer, EventPublisher } from '@events/core';
import { contracts, streams } from './contracts.js';
import { consuming, type Service, type ServiceOptions } from './service.js';

export interface Bank {
  /** Rejects when the bank cannot be asked now. Asking twice about one order charges it once. */
  charge(orderId: string, amount: number): Promise<'captured' | 'declined'>;
  /** Pays out what was captured for an order, or lets go of what was not. */
  settle(orderId: string): Promise<void>;
}

/** Charges the orders that are placed, and settles those that are closed. */
export function paymentService(options: ServiceOptions & { readonly bank: Bank }): Service {
  const { bank, journal, ...connection } = options;
  const publisher = new EventPublisher({
    trimStrategy: { maxLength: 100_000 },
    ...connection,
    source: 'payment-service',
    defaultStream: streams.payments,
    events: contracts,
  });
  const consumer = new EventConsumer({
    ...connection,
    ...consuming,
    group: 'payment-service',
    stream: streams.orders,
  });

  consumer.subscribe('order.placed', async (event) => {
    const { orderId, total } = event.data;
    const answer = await bank.charge(orderId, total);
    // The id follows from the order: if this handler runs again, whoever reads the copy recognises it.
    const identity = { key: orderId, id: `${orderId}:payment` };
    if (answer === 'captured') {
      await publisher.publish('payment.captured', { orderId, sequence: 1, amount: total }, identity);
    } else {
      await publisher.publish('payment.declined', { orderId, sequence: 1, reason: 'not enough money' }, identity);
    }
    journal.record(event);
  });

  consumer.subscribe('order.closed', async (event) => {
    await bank.settle(event.data.orderId);
    journal.record(event);
  });

  return { publisher, consumer };
}
