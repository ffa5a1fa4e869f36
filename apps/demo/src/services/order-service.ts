import { EventConsumer, EventPublisher, type PublishReceipt } from '@events/core';
import { contracts, streams } from './contracts.js';
import { consuming, type Service, type ServiceOptions } from './service.js';

export interface Mail {
  /** Rejects when the mail cannot be sent now. */
  send(orderId: string, text: string): Promise<void>;
}

export interface Order {
  readonly orderId: string;
  readonly customer: string;
  /** In cents. */
  readonly total: number;
}

export interface OrderService extends Service {
  /** Resolves once the order is stored. */
  placeOrder(order: Order): Promise<PublishReceipt>;
}

/** Takes orders, writes to the customers how far they are, and closes them. */
export function orderService(options: ServiceOptions & { readonly mail: Mail }): OrderService {
  const { mail, journal, ...connection } = options;
  const publisher = new EventPublisher({
    trimStrategy: { maxLength: 100_000 },
    ...connection,
    source: 'order-service',
    defaultStream: streams.orders,
    events: contracts,
  });
  const consumer = new EventConsumer({
    ...connection,
    ...consuming,
    group: 'order-service',
    streams: [streams.payments, streams.shipments],
  });

  const closeOrder = (orderId: string, outcome: 'delivered' | 'declined') =>
    publisher.publish('order.closed', { orderId, sequence: 2, outcome }, { key: orderId, id: `${orderId}:closed` });

  consumer.subscribe('payment.captured', async (event) => {
    await mail.send(event.data.orderId, 'Thank you, we have received your payment.');
    journal.record(event);
  });

  consumer.subscribe('payment.declined', async (event) => {
    const { orderId, reason } = event.data;
    await mail.send(orderId, `Your payment was declined: ${reason}.`);
    await closeOrder(orderId, 'declined');
    journal.record(event);
  });

  consumer.subscribe('order.packed', async (event) => {
    await mail.send(event.data.orderId, 'Your parcel is packed.');
    journal.record(event);
  });

  consumer.subscribe('order.shipped', async (event) => {
    const { orderId, trackingNumber } = event.data;
    await mail.send(orderId, `Your parcel ${trackingNumber} is on its way.`);
    journal.record(event);
  });

  consumer.subscribe('order.delivered', async (event) => {
    const { orderId } = event.data;
    await mail.send(orderId, 'Your parcel has arrived.');
    await closeOrder(orderId, 'delivered');
    journal.record(event);
  });

  return {
    publisher,
    consumer,
    placeOrder: (order) =>
      publisher.publish(
        'order.placed',
        { ...order, sequence: 1 },
        { key: order.orderId, id: `${order.orderId}:placed` },
      ),
  };
}
