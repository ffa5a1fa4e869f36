import {
  addressOf,
  type Command,
  type Connector,
  type Link,
  LinkFailure,
  type ReplyEncoding,
  type Role,
} from './connector.js';
import {
  codesThatEndConnections,
  failureOf,
  offline,
  type RedisFailure,
  replyCodeOf,
  unknownOutcome,
} from './failures.js';
import type { Shard } from './shard.js';

/** Commands that wait to be sent, or for their answers. */
export interface Exchange {
  readonly commands: readonly Command[];
  readonly encoding: ReplyEncoding;
  readonly withinMs: number;
  readonly resolve: (replies: readonly unknown[]) => void;
  readonly reject: (failure: RedisFailure) => void;
  timer: NodeJS.Timeout | undefined;
}

/** Where a session leads, and what for. */
export interface SessionOptions {
  readonly connector: Connector;
  readonly role: Role;
  readonly shard: Shard;
  readonly mastersOnly: boolean;
}

/** One life of a connection: from the attempt to open it to its end. */
export class Session {
  readonly #options: SessionOptions;
  readonly #onEnd: (failure: RedisFailure) => void;
  readonly #underWay = new Set<Exchange>();
  #address: string | undefined;
  #link: Link | undefined;
  #clientId: number | undefined;
  #openedAt: number | undefined;
  #ending: RedisFailure | undefined;

  /** `onEnd` is called when it has ended after it was open, unless by `end`. */
  constructor(options: SessionOptions, onEnd: (failure: RedisFailure) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
  }

  /** `host:port` of the server, once it is known. */
  get address(): string | undefined {
    return this.#address;
  }

  /** The server's number for this connection. */
  get clientId(): number | undefined {
    return this.#clientId;
  }

  /** For how long it has been open. */
  get ageMs(): number {
    return this.#openedAt === undefined ? 0 : performance.now() - this.#openedAt;
  }

  /**
   * Opens the connection, and resolves when commands may be sent. A name in CLIENT LIST and the number for CLIENT UNBLOCK are conveniences: they
   * may be denied. Missing or wrong credentials may not.
   */
  async open(): Promise<void> {
    const { connector, role, shard, mastersOnly } = this.#options;
    let place = shard.locate();
    if (place instanceof Promise) {
      place = await place;
      if (this.#ending !== undefined) throw offline(this.#ending.message);
    }
    const address = addressOf(place);
    this.#address = address;
    let link: Link;
    try {
      link = connector.open(place, 'server', () =>
        this.#fail(unknownOutcome(`The connection to Redis at ${address} ended`)),
      );
      this.#link = link;
      await link.ready;
    } catch (error) {
      throw failureOf(error, address, false);
    }
    const greeting: Command[] = [
      ['CLIENT', 'SETNAME', connector.connectionName ?? `events:${role}`],
      ['CLIENT', 'ID'],
    ];
    if (mastersOnly) greeting.push(['ROLE']);
    const replies = await link.send(greeting, 'text');
    const failures = replies
      .filter((reply) => reply instanceof LinkFailure)
      .map((reply) => failureOf(reply, address, false));
    const serious = failures.find((failure) => isLost(failure) || isRefusal(failure));
    if (serious !== undefined) throw serious;
    if (this.#ending !== undefined) throw failures[0] ?? offline(this.#ending.message);
    // where the role may not be asked, the first READONLY tells
    if (isReplica(replies[2])) throw offline(`Redis at ${address} is a replica, and its master is not known yet`);
    this.#clientId = typeof replies[1] === 'number' ? replies[1] : undefined;
    this.#openedAt = performance.now();
  }

  /** Sends what `exchange` holds, now. Its `resolve` is called exactly once. */
  send(exchange: Exchange): void {
    this.#underWay.add(exchange);
    void this.#link?.send(exchange.commands, exchange.encoding).then((replies) => this.#settle(exchange, replies));
  }

  /** Whether `exchange` was sent here and is not answered yet. */
  awaits(exchange: Exchange): boolean {
    return this.#underWay.has(exchange);
  }

  /** Ends the connection, because of `failure`. What is under way keeps the answers that came; the rest is unknown. */
  end(failure: RedisFailure): void {
    this.#ending ??= failure;
    this.#link?.destroy();
  }

  #fail(failure: RedisFailure): void {
    if (this.#ending !== undefined) return;
    this.end(failure);
    // before it is open, `open` rejects, and knows better why
    if (this.#openedAt !== undefined) this.#onEnd(failure);
  }

  #settle(exchange: Exchange, replies: unknown[]): void {
    this.#underWay.delete(exchange);
    clearTimeout(exchange.timer);
    let condemned: RedisFailure | undefined;
    for (let index = 0; index < replies.length; index += 1) {
      const reply = replies[index];
      if (!(reply instanceof LinkFailure)) continue;
      const failure = this.#describe(reply);
      if (codesThatEndConnections.has(replyCodeOf(failure) ?? '')) condemned = failure;
      replies[index] = failure;
    }
    exchange.resolve(replies);
    if (condemned !== undefined) this.#fail(condemned);
  }

  #describe(failure: LinkFailure): RedisFailure {
    if (failure.description.type === 'lost' && this.#ending !== undefined) return unknownOutcome(this.#ending.message);
    return failureOf(failure, this.#address ?? '', true);
  }
}

function isReplica(role: unknown): boolean {
  return Array.isArray(role) && role[0] !== 'master';
}

function isRefusal(failure: RedisFailure): boolean {
  return failure.kind === 'denied' && replyCodeOf(failure) !== 'NOPERM';
}

function isLost(failure: RedisFailure): boolean {
  return failure.kind === 'offline' && replyCodeOf(failure) === undefined;
}
