import {
  checkOptions,
  type RedisTransportOptions as Options,
  RedisStreamsTransport,
  refuseConflicts,
  serverSettings,
} from '@events/redis-streams';
import type { RedisOptions } from 'ioredis';
import { type BorrowedClient, optionsOf } from './borrowed-client.js';
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

const ownOptions = ['host', 'port', 'username', 'password', 'db', 'tls', 'sentinels'];

function connectorFor(options: RedisTransportOptions): IoredisConnector {
  if (options.client !== undefined) return new IoredisConnector(optionsOf(options.client), undefined);
  const { clientOptions = {} } = options;
  refuseConflicts('clientOptions', clientOptions, neededSettings, ownOptions);
  const { host, port, username, password, db, tls } = serverSettings(options);
  const server: RedisOptions = { host, port, db };
  if (username !== undefined) server.username = username;
  if (password !== undefined) server.password = password;
  if (tls !== undefined) server.tls = tls;
  return new IoredisConnector({ ...clientOptions, ...server }, clientOptions.connectionName);
}
