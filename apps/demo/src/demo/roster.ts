import { streams } from '../services/contracts.js';

/** The services, each named as its consumer group and its `source` are. */
export const roles = ['order-service', 'payment-service', 'shipping-service'] as const;

export type Role = (typeof roles)[number];

/** Who has to handle every event of a stream. The audit holds the services to it. */
export const readers: Readonly<Record<string, readonly Role[]>> = {
  [streams.orders]: ['payment-service'],
  [streams.payments]: ['shipping-service', 'order-service'],
  [streams.shipments]: ['order-service'],
};

export const streamNames: readonly string[] = Object.keys(readers);
