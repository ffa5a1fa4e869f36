import { Backoff } from './backoff.js';
import type { Command, Connector, ReplyEncoding, Role } from './connector.js';
import { closedFailure, offline, RedisFailure, unknownOutcome } from './failures.js';
import { type Exchange, Session } from './session.js';

/** How long a connection may stay silent: the deadline of everything but appends, and what a blocking read gets beyond its BLOCK. */
export const controlWithinMs = 2_000;
/** How long an attempt to open a connection may take, everything included. */
const openWithinMs = 2_000;

/** What happens to a connection. */
export interface ConnectionEvents {
  connected(): void;
  disconnected(cause: Error): void;
  reconnecting(delayMs: number): void;
  /** An attempt to open a connection failed, and it is the first one since there was none, or since the last one. */
  failed(failure: RedisFailure): void;
  /** It was closed for good. */
  closed(): void;
}

/** What a `Connection` needs to know. */
export interface ConnectionOptions {
  readonly connector: Connector;
  readonly role: Role;
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
 * A connection that is kept open: opened by the first exchange, opened again when it ends, closed for good by `close`.
 * Nothing is ever sent twice. Every exchange has a deadline; one that passes unanswered condemns the physical
 * connection, because its late answer would be taken for that of a later state.
 */
export class Connection {
  readonly #options: ConnectionOptions;
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

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Counts the physical connections there have been. */
  get generation(): number {
    return this.#generation;
  }

  /** The server's number for the connection that is open now. */
  get clientId(): number | undefined {
    return this.#session?.clientId;
  }

  /**
   * Sends `commands` in one write and resolves with a reply or a `RedisFailure` for each. Rejects when nothing was sent
   * (`offline`, `denied`, `closed`). Settles within `withinMs`.
   */
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

  /** As `exchange`, for one command: resolves with its reply, or rejects. */
  async command(command: Command, withinMs: number, encoding?: ReplyEncoding): Promise<unknown> {
    const [reply] = await this.exchange([command], withinMs, encoding);
    if (reply instanceof RedisFailure) throw reply;
    return reply;
  }

  /** Resolves when it is open; rejects after so many failed attempts, or at once when the credentials are refused. */
  opened(attempts: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedFailure('connection'));
      if (this.#session !== undefined) return resolve();
      this.#openers.add({ attempts, resolve, reject });
      this.#open();
    });
  }

  /** Opens the connection anew, because of an answer that was part of a reply. */
  renew(failure: RedisFailure): void {
    const session = this.#session;
    if (session === undefined) return;
    session.end(failure);
    this.#ended(session, failure);
  }

  /** Ends the connection for good. What is under way is `unknown`, what waits is `closed`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#retryTimer);
    const failure = unknownOutcome('The connection was closed before the answer');
    const session = this.#session;
    this.#session = undefined;
    this.#opening?.end(failure);
    this.#opening = undefined;
    this.#rejectWaiting(closedFailure('connection'));
    for (const opener of this.#openers) opener.reject(closedFailure('connection'));
    this.#openers.clear();
    if (session !== undefined) {
      session.end(failure);
      this.#options.events.disconnected(failure.cause);
    }
    this.#options.events.closed();
  }

  #failsAtOnce(): boolean {
    return this.#retryTimer !== undefined && this.#lastFailure !== undefined && this.#waitsInVain(this.#lastFailure);
  }

  // While credentials are refused, and in fail-fast mode while the server is away, waiting would only delay the news.
  #waitsInVain(failure: RedisFailure): boolean {
    return isPermanent(failure) || this.#options.failFast;
  }

  #expire(exchange: Exchange): void {
    const { address } = this.#options.connector;
    if (this.#waiting.delete(exchange)) {
      const reason = this.#lastFailure === undefined ? '' : `: ${this.#lastFailure.message}`;
      exchange.reject(offline(`No connection to Redis at ${address} within ${exchange.withinMs} ms${reason}`));
      return;
    }
    // After a stall of this process its timers run before the answers that have arrived meanwhile: those are read first.
    setImmediate(() => {
      const session = this.#session;
      if (session === undefined || !session.awaits(exchange)) return;
      this.renew(unknownOutcome(`Redis at ${address} did not answer within ${exchange.withinMs} ms`));
    });
  }

  #open(): void {
    if (this.#opening !== undefined || this.#session !== undefined || this.#retryTimer !== undefined) return;
    const { connector, role } = this.#options;
    const session = new Session(connector, role, (failure) => this.#ended(session, failure));
    this.#opening = session;
    const late = offline(`Redis at ${connector.address} did not answer within ${openWithinMs} ms`);
    this.#openTimer = setTimeout(() => this.#attemptFailed(session, late), openWithinMs);
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
    this.#options.events.connected();
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
  }

  #ended(session: Session, failure: RedisFailure): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#openLater(this.#backoff.ended(session.ageMs));
    this.#options.events.disconnected(failure.cause);
  }

  #openLater(delayMs: number): void {
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#options.events.reconnecting(delayMs);
      this.#open();
    }, delayMs);
  }

  #rejectWaiting(failure: RedisFailure): void {
    for (const exchange of this.#waiting) {
      clearTimeout(exchange.timer);
      exchange.reject(failure);
    }
    this.#waiting.clear();
  }
}

/** Whether only an operator can change it: wrong credentials, or a database that does not exist. */
function isPermanent(failure: RedisFailure): boolean {
  return failure.kind === 'denied' || failure.kind === 'invalid';
}
