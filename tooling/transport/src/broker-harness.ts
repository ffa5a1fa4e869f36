import type { TransportHarness } from '@events/conformance';
import type { Transport } from '@events/core';
import type { RedisServer } from '@events/tooling-redis';

/** The servers of one broker. */
export interface Broker {
  open(): Transport;
  /** Those that a transport may be connected to. */
  readonly reached: readonly RedisServer[];
  /** Those that hold data. */
  readonly stored: readonly RedisServer[];
  masters(): Promise<readonly RedisServer[]>;
  masterOf(stream: string): Promise<RedisServer>;
  /** Resolves when every replica follows its master. */
  settled(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Lets the conformance suite make all servers of a broker fail as one. They are started when they are first used. */
export function brokerHarness(name: string, replicas: number, start: () => Promise<Broker>): TransportHarness {
  let starting: Promise<Broker> | undefined;
  const broker = () => {
    starting ??= start();
    return starting;
  };
  return {
    name,
    replicas,
    open: async () => (await broker()).open(),
    faults: {
      killConnections: async () => {
        await Promise.all((await broker()).reached.map((server) => server.dropConnections()));
      },
      restart: async () => {
        const { masters, settled } = await broker();
        await Promise.all((await masters()).map((server) => server.restart()));
        await settled();
      },
      freeze: async () => {
        await Promise.all((await broker()).stored.map((server) => server.freeze()));
      },
      thaw: async () => {
        for (const server of (await broker()).stored) server.thaw();
      },
      loseEverything: async () => {
        await Promise.all((await (await broker()).masters()).map((server) => server.command('FLUSHALL')));
      },
      putForeignEntry: async (stream, fields) => {
        const server = await (await broker()).masterOf(stream);
        return String(await server.command('XADD', stream, '*', ...fields));
      },
    },
    close: async () => (await broker()).stop(),
  };
}
