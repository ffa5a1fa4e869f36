import { EventConsumer, EventPublisher } from '@events/core';
import { contracts, streams } from './contracts.js';
import { consuming, type Service, type ServiceOptions } from './service.js';

export interface Warehouse {
  /** Rejects when nobody is there to pack. */
  pack(orderId: string): Promise<void>;
  /** Resolves with the tracking number of the parcel. */
  handOver(orderId: string): Promise<string>;
  /** Resolves once the parcel has arrived. */
  arrival(trackingNumber: string): Promise<void>;
  /** Puts back what was set aside for an order. */
  restock(orderId: string): Promise<void>;
}

/** Sends what is paid for, and tells how far the parcel is. */
export function shippingService(options: ServiceOptions & { readonly warehouse: Warehouse }): Service {
  const { warehouse, journal, ...connection } = options;
  const publisher = new EventPublisher({
    trimStrategy: { maxLength: 100_000 },
    ...connection,
    source: 'shipping-service',
    defaultStream: streams.shipments,
    events: contracts,
  });
  const consumer = new EventConsumer({
    ...connection,
    ...consuming,
    group: 'shipping-service',
    stream: streams.payments,
  });

  // When a later step fails, the handler begins anew and says again what it has said. The ids follow from the order, so
  // that nobody acts on it twice.
  consumer.subscribe('payment.captured', async (event) => {
    const { orderId } = event.data;
    const identity = (step: string) => ({ key: orderId, id: `${orderId}:${step}` });
    await warehouse.pack(orderId);
    await publisher.publish('order.packed', { orderId, sequence: 1 }, identity('packed'));
    const trackingNumber = await warehouse.handOver(orderId);
    await publisher.publish('order.shipped', { orderId, sequence: 2, trackingNumber }, identity('shipped'));
    await warehouse.arrival(trackingNumber);
    await publisher.publish('order.delivered', { orderId, sequence: 3 }, identity('delivered'));
    journal.record(event);
  });

  consumer.subscribe('payment.declined', async (event) => {
    await warehouse.restock(event.data.orderId);
    journal.record(event);
  });

  return { publisher, consumer };
}
