export type { AppendMode } from './append-mode.js';
export {
  type Command,
  type Connector,
  errnoOf,
  type Link,
  LinkFailure,
  type LinkFailureDescription,
  type ReplyEncoding,
  type Role,
} from './connector.js';
export {
  checkOptions,
  type RedisTransportOptions,
  refuseClient,
  refuseConflicts,
  type ServerSettings,
  serverSettings,
} from './options.js';
export { ReplyBatch } from './reply-batch.js';
export { RedisStreamsTransport, type RedisTransportEvents } from './transport.js';
