import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';
import type { Address } from '../ground.js';
import type { Client } from '../transports.js';

/** An entry as a hand-written loop reads it. */
export interface PlainEntry {
  readonly id: string;
  readonly event: string;
}

/** What a hand-written loop needs of a client, with the client's default options. */
export interface PlainClient {
  /** With `maxLength` the stream is trimmed to about so many entries, read or not. The first field names the event. */
  append(stream: string, fields: Readonly<Record<string, string>>, maxLength?: number): Promise<string>;
  createGroup(stream: string, group: string): Promise<unknown>;
  read(stream: string, group: string, consumer: string): Promise<readonly PlainEntry[]>;
  acknowledge(stream: string, group: string, ids: readonly string[]): Promise<unknown>;
  /** Lets go at once, whatever is under way. */
  drop(): Promise<void>;
}

const count = 100;
const blockMs = 2_000;

export function openPlainClient(client: Client, address: Address): Promise<PlainClient> {
  return client === 'ioredis' ? Promise.resolve(openIoredis(address)) : openNodeRedis(address);
}

function openIoredis(address: Address): PlainClient {
  const client =
    'url' in address
      ? new Redis(address.url)
      : 'cluster' in address
        ? new Cluster([...address.cluster], { natMap: { ...address.nodeAddressMap } })
        : new Redis({
            sentinels: [...address.sentinels],
            name: address.name,
            natMap: { ...address.nodeAddressMap },
          });
  client.on('error', noteError);
  return {
    async append(stream, fields, maxLength) {
      const words = Object.entries(fields).flat();
      const trimming = maxLength === undefined ? [] : ['MAXLEN', '~', maxLength];
      return String(await client.xadd(stream, ...trimming, '*', ...words));
    },
    createGroup: (stream, group) => client.xgroup('CREATE', stream, group, '0', 'MKSTREAM'),
    async read(stream, group, consumer) {
      const words = ['GROUP', group, consumer, 'COUNT', count, 'BLOCK', blockMs, 'STREAMS', stream, '>'] as const;
      const reply = (await client.xreadgroup(...words)) as [string, [string, string[]][]][] | null;
      return (reply ?? []).flatMap(([, entries]) => entries.map(([id, fields]) => ({ id, event: fields[1] ?? '' })));
    },
    acknowledge: (stream, group, ids) => client.xack(stream, group, ...ids),
    drop: async () => client.disconnect(),
  };
}

async function openNodeRedis(address: Address): Promise<PlainClient> {
  const client = createNodeRedis(address);
  client.on('error', noteError);
  await client.connect();
  return {
    append: (stream, fields, maxLength) =>
      client.xAdd(
        stream,
        '*',
        fields,
        maxLength === undefined ? {} : { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: maxLength } },
      ),
    createGroup: (stream, group) => client.xGroupCreate(stream, group, '0', { MKSTREAM: true }),
    async read(stream, group, consumer) {
      const options = { COUNT: count, BLOCK: blockMs };
      const reply = await client.xReadGroup(group, consumer, { key: stream, id: '>' }, options);
      const streams = (reply ?? []) as { messages: { id: string; message: Record<string, string> }[] }[];
      return streams.flatMap(({ messages }) =>
        messages.map(({ id, message }) => ({ id, event: Object.values(message)[0] ?? '' })),
      );
    },
    acknowledge: (stream, group, ids) => client.xAck(stream, group, [...ids]),
    drop: async () => client.destroy(),
  };
}

function createNodeRedis(address: Address) {
  if ('url' in address) return createClient({ url: address.url });
  const nodeAddressMap = { ...address.nodeAddressMap };
  if ('cluster' in address) {
    return createCluster({ rootNodes: address.cluster.map((socket) => ({ socket: { ...socket } })), nodeAddressMap });
  }
  return createSentinel({ name: address.name, sentinelRootNodes: [...address.sentinels], nodeAddressMap });
}

/** A client without such a listener ends its process with the first lost connection. */
function noteError(): void {
  // what matters is what becomes of the calls
}
