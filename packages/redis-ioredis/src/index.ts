import {
  checkOptions,
  type RedisTransportOptions as Options,
  RedisStreamsTransport,
  refuseConflicts,
  type ServerSettings,
  serverSettings,
} from '@events/redis-streams';
import type { RedisOptions } from 'ioredis';
import { type BorrowedClient, connectorOf } from './borrowed-client.js';
import { IoredisConnector, neededSettings } from './connector.js';

export type { RedisTransportEvents } from '@events/redis-streams';
export type { BorrowedClient };

/** Options of a `RedisTransport`. */
export type RedisTransportOptions = Options<BorrowedClient, RedisOptions>;

/** Events over Redis Streams, with ioredis 5 or 6. */
export class RedisTransport extends RedisStreamsTransport {
  constructor(options: RedisTransportOptions = {}) {
    checkOptions(options);
    super(options, connectorFor(options));
  }
}

const ownOptions = [
  ...['host', 'port', 'username', 'password', 'db', 'tls', 'sentinels', 'name', 'sentinelUsername'],
  ...['sentinelPassword', 'sentinelTLS', 'enableTLSForSentinelMode', 'natMap'],
];

function connectorFor(options: RedisTransportOptions): IoredisConnector {
  if (options.client !== undefined) return connectorOf(options.client);
  const { clientOptions = {} } = options;
  refuseConflicts('clientOptions', clientOptions, neededSettings, ownOptions);
  const { origin, sentinel, username, password, db, tls } = serverSettings(options);
  return new IoredisConnector(origin, {
    server: { ...clientOptions, ...login({ username, password, tls }), db },
    sentinel: { ...clientOptions, ...login(sentinel) },
    connectionName: clientOptions.connectionName,
  });
}

function login({ username, password, tls }: ServerSettings['sentinel']): RedisOptions {
  const options: RedisOptions = {};
  if (username !== undefined) options.username = username;
  if (password !== undefined) options.password = password;
  if (tls !== undefined) options.tls = tls;
  return options;
}
