import {
  checkOptions,
  type RedisTransportOptions as Options,
  RedisStreamsTransport,
  refuseConflicts,
  type ServerSettings,
  serverSettings,
} from '@events/redis-streams';
import type { RedisClientOptions } from 'redis';
import { type BorrowedClient, connectorOf } from './borrowed-client.js';
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
  if (options.client !== undefined) return connectorOf(options.client);
  const { clientOptions = {} } = options;
  refuseConflicts('clientOptions', clientOptions, neededSettings, ownOptions);
  refuseConflicts('clientOptions.socket', clientOptions.socket ?? {}, neededSocketSettings, ownSocketOptions);
  const { origin, sentinel, username, password, db, tls } = serverSettings(options);
  return new NodeRedisConnector(origin, {
    server: { ...clientOptions, ...login(clientOptions, { username, password, tls }), database: db },
    sentinel: { ...clientOptions, ...login(clientOptions, sentinel) },
    connectionName: clientOptions.name,
  });
}

function login(given: RedisClientOptions, { username, password, tls }: ServerSettings['sentinel']): RedisClientOptions {
  const socket = { ...given.socket, ...tls, tls: tls !== undefined } as NonNullable<RedisClientOptions['socket']>;
  const options: RedisClientOptions = { socket };
  if (username !== undefined) options.username = username;
  if (password !== undefined) options.password = password;
  return options;
}
