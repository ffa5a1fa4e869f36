import { Connection, type ConnectionOptions } from './connection.js';
import { closedFailure } from './failures.js';

/** A share in a connection, taken on its first use. */
export interface ConnectionLease {
  /** The connection. Throws a `closed` failure once this share, or all of them, ended. */
  connection(): Connection;
  /** Gives the share up; the last one closes the connection. Idempotent. */
  release(): void;
}

/** One connection that several handles share: there while at least one of them needs it. */
export class SharedConnection {
  readonly #options: ConnectionOptions;
  #connection: Connection | undefined;
  #holders = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  lease(): ConnectionLease {
    let held: Connection | undefined;
    let released = false;
    return {
      connection: () => {
        if (released || this.#closed) throw closedFailure('handle');
        held ??= this.#acquire();
        return held;
      },
      release: () => {
        released = true;
        if (held !== undefined) this.#release();
        held = undefined;
      },
    };
  }

  /** Closes the connection, whoever uses it. */
  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#connection = undefined;
  }

  #acquire(): Connection {
    this.#holders += 1;
    this.#connection ??= new Connection(this.#options);
    return this.#connection;
  }

  #release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.#connection?.close();
    this.#connection = undefined;
  }
}
