import {
  type Command,
  type Connector,
  type Endpoint,
  errnoOf,
  type Link,
  LinkFailure,
  type LinkFailureDescription,
  type Origin,
  ReplyBatch,
  type ReplyEncoding,
} from '@events/redis-streams';
import { createClient, ErrorReply, RESP_TYPES, type RedisClientOptions } from 'redis';

/**
 * Settings that the guarantees depend on: nothing waits in a queue that is not ours, nothing is timed out or reconnected
 * behind our back, and replies have one shape.
 */
export const neededSettings = {
  clientSideCache: undefined,
  commandOptions: undefined,
  commandsQueueMaxLength: undefined,
  disableOfflineQueue: true,
  emitInvalidate: undefined,
  keyPrefix: undefined,
  maintNotifications: 'disabled',
  pingInterval: undefined,
  readonly: undefined,
} as const;

/** The same, of the option `socket`. */
export const neededSocketSettings = { reconnectStrategy: false, socketTimeout: undefined } as const;

/** Maps as flat arrays: objects would lose a stream called `__proto__`. No timeout: it costs more than the command. */
const commandOptions = { timeout: undefined, typeMapping: { [RESP_TYPES.MAP]: Array } };
const asBytes = { typeMapping: { [RESP_TYPES.MAP]: Array, [RESP_TYPES.BLOB_STRING]: Buffer } };

/** What the connector uses of a client. */
interface Client {
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): void;
  duplicate(overrides: object): Client;
  on(event: string, listener: (...details: unknown[]) => void): unknown;
  sendCommand(command: Command, options?: object): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** Opens connections with node-redis. */
export class NodeRedisConnector implements Connector {
  readonly origin: Origin;
  readonly connectionName: string | undefined;
  readonly #options: ConnectorOptions;

  constructor(origin: Origin, options: ConnectorOptions) {
    this.origin = origin;
    this.connectionName = options.connectionName;
    this.#options = options;
  }

  open(endpoint: Endpoint, as: 'server' | 'sentinel', onClose: () => void): Link {
    // `url` has been read already, and would be read again; a name that may not be set would end the connection
    const { url: _, name: __, ...options } = this.#options[as];
    const { host: ___, port: ____, path: _____, ...given } = (options.socket ?? {}) as PlaceOfSocket;
    const end = new AbortController();
    // a copy of `socket` for each client: node-redis writes to it
    const socket: object = { ...given, ...endpoint, ...neededSocketSettings, signal: end.signal };
    // the types of node-redis do not allow `undefined` for what it takes as absent
    const needed = { ...(neededSettings as object), commandOptions: commandOptions as object, socket };
    return new NodeRedisLink(clientWith({ ...options, ...needed }), end, onClose);
  }
}

let pattern: Client | undefined;

// `createClient` builds a class with all commands anew, which stops the process for a tenth of a second, whenever the options
// are not those of the time before: for each connection, where there are two servers. A duplicate shares the class.
function clientWith(options: object): Client {
  pattern ??= createClient({ maintNotifications: 'disabled' }) as unknown as Client;
  return pattern.duplicate(options);
}

/** Settings of the client: how it reaches servers, and how it reaches sentinels. */
export interface ConnectorOptions {
  readonly server: RedisClientOptions;
  readonly sentinel: RedisClientOptions;
  readonly connectionName: string | undefined;
}

/** Where a socket of node-redis leads. */
export interface PlaceOfSocket {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
}

class NodeRedisLink implements Link {
  readonly ready: Promise<void>;
  readonly #client: Client;
  readonly #batches = new Set<ReplyBatch>();
  readonly #end: AbortController;
  readonly #onClose: () => void;
  #firstError: unknown;
  #ended = false;

  constructor(client: Client, end: AbortController, onClose: () => void) {
    this.#client = client;
    this.#end = end;
    this.#onClose = onClose;
    // any error ends the connection: node-redis would go on after a reply that it could not parse
    client.on('error', (error) => {
      this.#firstError ??= error;
      this.destroy();
    });
    client.on('end', () => this.destroy());
    this.ready = client.connect().then(
      () => undefined,
      (error: unknown) => {
        throw new LinkFailure(this.#describe(this.#firstError ?? error));
      },
    );
  }

  send(commands: readonly Command[], encoding: ReplyEncoding): Promise<unknown[]> {
    const batch = new ReplyBatch(commands.length, this.#batches);
    const open = this.#client.isReady;
    const options = encoding === 'bytes' ? asBytes : undefined;
    // not `execAsPipeline`: the first error reply would hide every other answer
    for (let index = 0; index < commands.length; index += 1) {
      if (open) this.#send(commands[index] as Command, options, index, batch);
      else batch.fail(index, { type: 'unsent' });
    }
    return batch.promise;
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    try {
      await this.#client.subscribe(channel, listener);
    } catch (error) {
      throw new LinkFailure(this.#describe(error));
    }
  }

  #send(command: Command, options: object | undefined, index: number, batch: ReplyBatch): void {
    this.#client.sendCommand(command, options).then(
      (reply) => batch.set(index, reply),
      (error: unknown) => batch.fail(index, this.#describe(error)),
    );
  }

  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#client.destroy();
    } catch {
      // version 5 throws when the client is closed already
    }
    // `destroy` alone forgets a socket that is not connected yet, which then stays
    this.#end.abort();
    for (const batch of this.#batches) batch.end({ type: 'lost', code: errnoOf(this.#firstError) });
    this.#onClose();
  }

  #describe(error: unknown): LinkFailureDescription {
    if (error instanceof ErrorReply) return { type: 'reply', text: error.message };
    return { type: 'lost', code: errnoOf(error) ?? errnoOf(this.#firstError) };
  }
}
