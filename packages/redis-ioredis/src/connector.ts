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
import { Command as ClientCommand, Redis, type RedisOptions } from 'ioredis';

/**
 * Settings that the guarantees depend on: nothing is sent twice, nothing waits in a queue that is not ours, nothing is
 * timed out or reconnected behind our back, and replies have one shape.
 */
export const neededSettings = {
  autoResendUnfulfilledCommands: false,
  blockingTimeout: undefined,
  commandTimeout: undefined,
  enableAutoPipelining: false,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  keyPrefix: '',
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  monitor: false,
  readOnly: false,
  reconnectOnError: null,
  replyMapping: 'legacy',
  retryStrategy: null,
  socketTimeout: undefined,
  stringNumbers: false,
} as const;

/** Opens connections with ioredis. */
export class IoredisConnector implements Connector {
  readonly origin: Origin;
  readonly connectionName: string | undefined;
  readonly #options: { readonly server: RedisOptions; readonly sentinel: RedisOptions };

  constructor(origin: Origin, options: ConnectorOptions) {
    this.origin = origin;
    this.connectionName = options.connectionName;
    this.#options = options;
  }

  open(endpoint: Endpoint, as: 'server' | 'sentinel', onClose: () => void): Link {
    const {
      connectionName: _,
      sentinels: __,
      name: ___,
      host: ____,
      port: _____,
      path: ______,
      ...rest
    } = this.#options[as];
    return new IoredisLink(new Redis({ ...rest, ...endpoint, ...neededSettings } as PlainOptions), onClose);
  }
}

/** Settings of the client: how it reaches servers, and how it reaches sentinels. */
export interface ConnectorOptions {
  readonly server: RedisOptions;
  readonly sentinel: RedisOptions;
  readonly connectionName: string | undefined;
}

type PlainOptions = RedisOptions & { replyMapping: 'legacy' };

class IoredisLink implements Link {
  readonly ready: Promise<void>;
  readonly #client: Redis;
  readonly #batches = new Set<ReplyBatch>();
  /** Explains the end better than what `connect` rejects with. */
  #firstError: unknown;
  /** Version 5 is ready before its handshake is answered: what was refused in it shows with the first commands. */
  #sends = 0;
  #ended = false;

  constructor(client: Redis, onClose: () => void) {
    this.#client = client;
    client.on('error', (error: unknown) => {
      this.#firstError ??= error;
      // ioredis goes on after a refused SELECT, with the wrong database
      if (isReply(error)) this.destroy();
    });
    client.on('end', () => {
      this.#ended = true;
      this.#endBatches();
      onClose();
    });
    this.ready = client
      .connect()
      .catch((error: unknown) => {
        this.#firstError ??= error;
      })
      .then(() => {
        if (this.#firstError !== undefined) throw new LinkFailure(this.#describe(this.#firstError));
      });
  }

  send(commands: readonly Command[], encoding: ReplyEncoding): Promise<unknown[]> {
    this.#sends += 1;
    const batch = new ReplyBatch(commands.length, this.#batches);
    const { stream, status } = this.#client;
    const open = status === 'ready' && stream.writable;
    if (open) stream.cork();
    for (let index = 0; index < commands.length; index += 1) {
      if (open) this.#send(clientCommand(commands[index] as Command, encoding), index, batch);
      else batch.fail(index, { type: 'unsent' });
    }
    if (open) stream.uncork();
    return batch.promise;
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    this.#client.on('message', (from, message) => {
      if (from === channel) listener(message);
    });
    try {
      await this.#client.subscribe(channel);
    } catch (error) {
      throw new LinkFailure(this.#describe(error));
    }
  }

  destroy(): void {
    if (this.#ended || this.#client.status === 'end') return;
    this.#ended = true;
    const { stream } = this.#client;
    this.#client.disconnect();
    // `disconnect` alone waits for the other side; before the first turn there is no stream yet
    stream?.destroy();
    this.#endBatches();
  }

  // Commands by themselves into a corked socket cost less than half of what they cost in a pipeline object.
  #send(command: ClientCommand, index: number, batch: ReplyBatch): void {
    command.promise.then(
      (reply: unknown) => batch.set(index, reply),
      (error: unknown) => batch.fail(index, this.#describe(error)),
    );
    this.#client.sendCommand(command);
  }

  #describe(error: unknown): LinkFailureDescription {
    if (isReply(error)) return { type: 'reply', text: error.message };
    return { type: 'lost', code: errnoOf(error) ?? errnoOf(this.#firstError) };
  }

  #endBatches(): void {
    const lost = { type: 'lost', code: errnoOf(this.#firstError) } as const;
    const description = this.#sends === 1 ? this.#describe(this.#firstError) : lost;
    for (const batch of this.#batches) batch.end(description);
  }
}

const asText = { replyEncoding: 'utf8' } as const;
const asBytes = {};

function clientCommand(command: Command, encoding: ReplyEncoding): ClientCommand {
  const args = command.slice(1);
  // ioredis flattens the arguments, which are flat: that alone would be a quarter of what a command costs
  args.flat = itself as typeof args.flat;
  return new ClientCommand(command[0] as string, args, encoding === 'text' ? asText : asBytes);
}

function itself(this: unknown[]): unknown[] {
  return this;
}

function isReply(error: unknown): error is Error {
  return (error as Error | undefined)?.name === 'ReplyError';
}
