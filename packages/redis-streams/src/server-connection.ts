import { Backoff } from './backoff.js';
import type { Connection } from './connection.js';
import { addressOf, type Command, type Connector, type Endpoint, type ReplyEncoding, type Role } from './connector.js';
import { closedFailure, offline, RedisFailure, unknownOutcome } from './failures.js';
import { type Exchange, Session } from './session.js';
import type { Shard, ShardListener } from './shard.js';

/** How long an attempt to open a connection may take, everything included. */
const openWithinMs = 2_000;

/** What happens to a connection. */
export interface ConnectionEvents {
  connected(connection: ServerConnection, address: string): void;
  disconnected(cause: Error, address: string): void;
  reconnecting(delayMs: number): void;
  /** An attempt to open a connection failed, and it is the first one since there was none, or since the last one. */
  failed(failure: RedisFailure): void;
}

/** What a `ServerConnection` needs to know. */
export interface ServerConnectionOptions {
  readonly connector: Connector;
  readonly role: Role;
  readonly shard: Shard;
  /** Whether the server must say that it is a master before anything is sent to it. */
  readonly mastersOnly: boolean;
  readonly events: ConnectionEvents;
  /** Whether who waits for a connection is told of the first failed attempt, instead of waiting for its time. */
  readonly failFast: boolean;
}

/** Who waits for the connection, but not with commands. */
interface Opener {
  attempts: number;
  readonly resolve: () => void;
  readonly reject: (failure: RedisFailure) => void;
}

/**
 * A connection to a shard that is kept open: opened by the first exchange, opened again when it ends, wherever the shard
 * is then, closed for good by `close`. Nothing is ever sent twice. Every exchange has a deadline; one that passes
 * unanswered condemns the physical connection, because its late answer would be taken for that of a later state.
 */
export class ServerConnection implements Connection, ShardListener {
  readonly #options: ServerConnectionOptions;
  readonly #unwatch: () => void;
  /** In the order of their calls: they are sent in that order, and before anything that comes later. */
  readonly #waiting = new Set<Exchange>();
  readonly #openers = new Set<Opener>();
  readonly #backoff = new Backoff();
  #session: Session | undefined;
  #opening: Session | undefined;
  #openTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #generation = 0;
  #lastFailure: RedisFailure | undefined;
  #closed = false;

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    this.#unwatch = options.shard.watch(this);
  }

  get shard(): Shard {
    return this.#options.shard;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The server's number for the connection that is open now. */
  get clientId(): number | undefined {
    return this.#session?.clientId;
  }

  exchange(
    commands: readonly Command[],
    withinMs: number,
    encoding: ReplyEncoding = 'text',
  ): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedFailure('connection'));
      if (this.#session === undefined && this.#failsAtOnce()) return reject(this.#lastFailure);
      const exchange: Exchange = { commands, encoding, withinMs, resolve, reject, timer: undefined };
      exchange.timer = setTimeout(() => this.#expire(exchange), withinMs);
      if (this.#session !== undefined) return this.#session.send(exchange);
      this.#waiting.add(exchange);
      this.#open();
    });
  }

  async command(command: Command, withinMs: number, encoding?: ReplyEncoding): Promise<unknown> {
    const [reply] = await this.exchange([command], withinMs, encoding);
    if (reply instanceof RedisFailure) throw reply;
    return reply;
  }

  opened(attempts: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedFailure('connection'));
      if (this.#session !== undefined) return resolve();
      this.#openers.add({ attempts, resolve, reject });
      this.#open();
    });
  }

  renew(failure: RedisFailure): void {
    const session = this.#session;
    if (session === undefined) return;
    session.end(failure);
    this.#ended(session, failure);
  }

  suspect(): void {
    this.#options.shard.suspect();
  }

  /**
   * Leaves the server that is no longer in charge, before it may answer. What is under way is `unknown`; what waits goes
   * to the next one, except entries: those are `offline`, so that what the next one lacks can be stored before them.
   */
  moved(from: Endpoint, to: Endpoint): void {
    const change = `Redis at ${addressOf(from)} was replaced by ${addressOf(to)}`;
    if (this.#options.role === 'writer') this.#rejectWaiting(offline(change));
    const opening = this.#opening;
    const session = this.#session;
    // one that is still looking for the server finds the new one
    if (opening?.address !== undefined) {
      clearTimeout(this.#openTimer);
      this.#opening = undefined;
      opening.end(offline(change));
    }
    if (session !== undefined) {
      this.#session = undefined;
      session.end(unknownOutcome(change));
      this.#options.events.disconnected(unknownOutcome(change).cause, session.address ?? addressOf(from));
    }
    this.#backoff.reset();
    if (this.#retryTimer === undefined && session === undefined && opening === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#openLater(0);
  }

  /** Ends the connection for good. What is under way is `unknown`, what waits is `closed`, or whatever `waiting` says. */
  close(waiting: RedisFailure = closedFailure('connection')): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    clearTimeout(this.#openTimer);
    clearTimeout(this.#retryTimer);
    const failure = unknownOutcome('The connection was closed before the answer');
    const session = this.#session;
    this.#session = undefined;
    this.#opening?.end(failure);
    this.#opening = undefined;
    this.#rejectWaiting(waiting);
    for (const opener of this.#openers) opener.reject(waiting);
    this.#openers.clear();
    if (session !== undefined) {
      session.end(failure);
      this.#options.events.disconnected(failure.cause, session.address ?? '');
    }
  }

  #failsAtOnce(): boolean {
    return this.#retryTimer !== undefined && this.#lastFailure !== undefined && this.#waitsInVain(this.#lastFailure);
  }

  // While credentials are refused, and in fail-fast mode while the server is away, waiting would only delay the news.
  #waitsInVain(failure: RedisFailure): boolean {
    return isPermanent(failure) || this.#options.failFast;
  }

  #expire(exchange: Exchange): void {
    if (this.#waiting.delete(exchange)) {
      const reason = this.#lastFailure === undefined ? '' : `: ${this.#lastFailure.message}`;
      exchange.reject(offline(`No connection to Redis${this.#place} within ${exchange.withinMs} ms${reason}`));
      return;
    }
    // After a stall of this process its timers run before the answers that have arrived meanwhile: those are read first.
    setImmediate(() => {
      const session = this.#session;
      if (session === undefined || !session.awaits(exchange)) return;
      this.renew(unknownOutcome(`Redis${this.#place} did not answer within ${exchange.withinMs} ms`));
    });
  }

  #open(): void {
    if (this.#opening !== undefined || this.#session !== undefined || this.#retryTimer !== undefined) return;
    const session = new Session(this.#options, (failure) => this.#ended(session, failure));
    this.#opening = session;
    this.#openTimer = setTimeout(() => {
      this.#attemptFailed(session, offline(`Redis${this.#place} did not answer within ${openWithinMs} ms`));
    }, openWithinMs);
    session.open().then(
      () => this.#opened(session),
      (failure: RedisFailure) => this.#attemptFailed(session, failure),
    );
  }

  #opened(session: Session): void {
    if (this.#opening !== session) return;
    clearTimeout(this.#openTimer);
    this.#opening = undefined;
    this.#session = session;
    this.#generation += 1;
    this.#lastFailure = undefined;
    // in one turn, so that no later call overtakes them
    for (const exchange of this.#waiting) session.send(exchange);
    this.#waiting.clear();
    for (const opener of this.#openers) opener.resolve();
    this.#openers.clear();
    this.#options.events.connected(this, session.address ?? '');
  }

  #attemptFailed(session: Session, failure: RedisFailure): void {
    if (this.#opening !== session) return;
    clearTimeout(this.#openTimer);
    this.#opening = undefined;
    session.end(failure);
    const isNews = this.#lastFailure === undefined;
    this.#lastFailure = failure;
    this.#openLater(this.#backoff.failed(isPermanent(failure)));
    if (this.#waitsInVain(failure)) this.#rejectWaiting(failure);
    for (const opener of this.#openers) {
      opener.attempts -= 1;
      if (opener.attempts > 0 && !isPermanent(failure)) continue;
      this.#openers.delete(opener);
      opener.reject(failure);
    }
    if (isNews) this.#options.events.failed(failure);
    this.#options.shard.suspect();
  }

  #ended(session: Session, failure: RedisFailure): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#openLater(this.#backoff.ended(session.ageMs));
    this.#options.events.disconnected(failure.cause, session.address ?? '');
    this.#options.shard.suspect();
  }

  #openLater(delayMs: number): void {
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#options.events.reconnecting(delayMs);
      this.#open();
    }, delayMs);
  }

  get #place(): string {
    const address = this.#session?.address ?? this.#opening?.address ?? placeOf(this.#options.shard);
    return address === undefined ? '' : ` at ${address}`;
  }

  #rejectWaiting(failure: RedisFailure): void {
    for (const exchange of this.#waiting) {
      clearTimeout(exchange.timer);
      exchange.reject(failure);
    }
    this.#waiting.clear();
  }
}

function placeOf({ endpoint }: Shard): string | undefined {
  return endpoint === undefined ? undefined : addressOf(endpoint);
}

/** Whether only an operator can change it: wrong credentials, or a database that does not exist. */
export function isPermanent(failure: RedisFailure): boolean {
  return failure.kind === 'denied' || failure.kind === 'invalid';
}
