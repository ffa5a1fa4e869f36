import type { RedisStreamsTransport, RedisTransportOptions } from '@events/redis-streams';
import { type FaultProxy, type RedisServer, startFaultProxy, startRedis } from '@events/tooling-redis';
import { afterEach } from '@jest/globals';

/** Longer than any fault of the conformance suite lasts: no server is found to be down meanwhile. */
export const conformanceTimeoutMs = 60_000;

/** What the suites need to know of an adapter. */
export interface TransportKit {
  /** The name of the client. */
  readonly name: string;
  /** Where the adapter's sources begin. */
  readonly entry: URL;
  /** `clientOptions` for each protocol that the client speaks. */
  readonly protocols: Readonly<Record<string, object>>;
  create(options: RedisTransportOptions): RedisStreamsTransport;
  /** A client as an application has it, connected. */
  connectClient(options: { readonly port: number; readonly password?: string }): Promise<ApplicationClient>;
}

/** A client that belongs to an application. */
export interface ApplicationClient {
  readonly client: object;
  ping(): Promise<unknown>;
  close(): void;
}

type ServerOptions = Parameters<typeof startRedis>[0];

/** Gives tests servers, proxies and transports that end with them. */
export class Laboratory {
  readonly #kit: TransportKit;
  readonly #closing: (() => unknown)[] = [];

  constructor(kit: TransportKit) {
    this.#kit = kit;
    afterEach(() => this.#end());
  }

  async server(options?: ServerOptions): Promise<RedisServer> {
    const server = await startRedis(options);
    return this.keep(server, () => server.stop());
  }

  async proxy(server: RedisServer): Promise<FaultProxy> {
    const proxy = await startFaultProxy({ target: server });
    return this.keep(proxy, () => proxy.close());
  }

  transport(options: RedisTransportOptions): RedisStreamsTransport {
    const transport = this.#kit.create(options);
    return this.keep(transport, () => transport.close());
  }

  async client(options: { readonly port: number; readonly password?: string }): Promise<ApplicationClient> {
    const client = await this.#kit.connectClient(options);
    return this.keep(client, () => client.close());
  }

  /** Closes `thing` when the test has ended. */
  keep<Thing>(thing: Thing, close: (thing: Thing) => unknown): Thing {
    this.#closing.push(() => close(thing));
    return thing;
  }

  async #end(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
}
