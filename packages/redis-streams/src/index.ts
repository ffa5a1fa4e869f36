export type { AppendMode } from './append-mode.js';
export type { RedisCapabilities } from './capabilities.js';
export {
  addressOf,
  type Command,
  type Connector,
  type Endpoint,
  errnoOf,
  type Link,
  LinkFailure,
  type LinkFailureDescription,
  type NodeAddressMap,
  nodeAddressMapOf,
  type Origin,
  type ReplyEncoding,
  type Role,
} from './connector.js';
export {
  checkOptions,
  type NodeAddress,
  type RedisTransportOptions,
  refuseClient,
  refuseConflicts,
  type ServerSettings,
  serverSettings,
} from './options.js';
export type { RedisSettings } from './redis-settings.js';
export { ReplyBatch } from './reply-batch.js';
export { RedisStreamsTransport, type RedisTransportEvents } from './transport.js';
