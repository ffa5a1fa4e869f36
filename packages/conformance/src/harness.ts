import type { Transport } from '@events/core';

/** How the suite reaches a transport, and makes its server fail. All transports of one harness share one broker. */
export interface TransportHarness {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** A new transport on the same broker with each call, as another process would open it. The suite closes it. */
  open(): Transport | Promise<Transport>;
  /** How many replicas follow the server that a stream is on: what durability can be asked for. */
  readonly replicas: number;
  /** What can happen to the broker. Each resolves when it has happened. */
  readonly faults: TransportFaults;
  /** Ends the broker. Called once, by the last test of the suite. */
  close(): void | Promise<void>;
}

/** What can happen to a broker. Each resolves when it has happened. */
export interface TransportFaults {
  /** Breaks every connection. New ones may be opened at once. */
  killConnections(): void | Promise<void>;
  /** Ends the broker and starts it again, with all of its data. */
  restart(): void | Promise<void>;
  /** The broker stops answering, while its connections stay open and new ones can be opened. */
  freeze(): void | Promise<void>;
  /** The frozen broker goes on. */
  thaw(): void | Promise<void>;
  /** The broker forgets everything: streams, groups, and whatever the transport keeps beside them. */
  loseEverything(): void | Promise<void>;
  /** Stores an entry past the transport, as another program would, and resolves with its id. */
  putForeignEntry(stream: string, fields: readonly (string | Uint8Array)[]): string | Promise<string>;
}

/** The `test` of a runner: jest, vitest, node:test, or any other that calls `run` and waits for its promise. */
export type TestFunction = (name: string, run: () => Promise<void>, timeoutMs?: number) => unknown;
