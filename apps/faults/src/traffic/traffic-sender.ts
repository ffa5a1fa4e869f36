import { randomUUID } from 'node:crypto';
import { EventPublisher, type TrimPolicy } from '@events/core';
import { openPlainClient } from '../plain/plain-client.js';
import { openTransport } from '../transports.js';
import type { TrafficOrders } from './traffic-orders.js';

/** Publishes numbered events. */
export interface TrafficSender {
  send(number: number): Promise<unknown>;
  close(): Promise<void>;
}

type Where = Pick<TrafficOrders, 'client' | 'url' | 'stream'>;

const source = 'traffic';
const type = 'traffic.passed';

/** The library, with `trimStrategy`. What it tells of trimming is told to `tell`. */
export function openSender(
  { client, url, stream }: Where,
  trimStrategy: TrimPolicy,
  listen: (publisher: EventPublisher) => void,
): TrafficSender {
  const transport = openTransport(client, { url });
  const publisher = new EventPublisher({ transport, source, defaultStream: stream, trimStrategy });
  listen(publisher);
  return {
    send: (number) => publisher.publish(type, { number }),
    async close() {
      await publisher.close();
      await transport.close();
    },
  };
}

/** `XADD` with `MAXLEN ~`, and the fields that the library writes. */
export async function openPlainSender({ client, url, stream }: Where, maxLength: number): Promise<TrafficSender> {
  const plain = await openPlainClient(client, { url });
  return {
    send: (number) => {
      const meta = JSON.stringify({ source, time: new Date().toISOString() });
      // what the loop reads comes first
      const fields = { event: String(number), id: randomUUID(), type, meta };
      return plain.append(stream, fields, maxLength);
    },
    close: () => plain.drop(),
  };
}
