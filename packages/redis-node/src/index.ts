import {
  checkOptions,
  type RedisTransportOptions as Options,
  RedisStreamsTransport,
  refuseConflicts,
  serverSettings,
} from '@events/redis-streams';
import type { RedisClientOptions } from 'redis';
import { type BorrowedClient, optionsOf } from './borrowed-client.js';
import { NodeRedisConnector, neededSettings, neededSocketSettings } from './connector.js';

export type { RedisTransportEvents } from '@events/redis-streams';
export type { BorrowedClient };

/** Options of a `RedisTransport`. */
export type RedisTransportOptions = Options<BorrowedClient, RedisClientOptions>;

/** Events over Redis Streams, with node-redis 5 or 6. */
export class RedisTransport extends RedisStreamsTransport {
  constructor(options: RedisTransportOptions = {}) {
    checkOptions(options);
    super(options, connectorFor(options));
  }
}

const ownOptions = ['url', 'username', 'password', 'database'];
const ownSocketOptions = ['host', 'port', 'tls'];

function connectorFor(options: RedisTransportOptions): NodeRedisConnector {
  if (options.client !== undefined) return new NodeRedisConnector(optionsOf(options.client), undefined);
  const { clientOptions = {} } = options;
  refuseConflicts('clientOptions', clientOptions, neededSettings, ownOptions);
  refuseConflicts('clientOptions.socket', clientOptions.socket ?? {}, neededSocketSettings, ownSocketOptions);
  const { host, port, username, password, db, tls } = serverSettings(options);
  const socket = { ...clientOptions.socket, ...tls, host, port, tls: tls !== undefined } as NonNullable<
    RedisClientOptions['socket']
  >;
  const server: RedisClientOptions = { socket, database: db };
  if (username !== undefined) server.username = username;
  if (password !== undefined) server.password = password;
  return new NodeRedisConnector({ ...clientOptions, ...server }, clientOptions.name);
}
