import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type ChannelRules, FaultChannel } from './fault-channel.js';

/**
 * What a proxy does with its connections:
 * - `pass`: passes everything on.
 * - `dropReplies`: throws away what the server sends; what the client sends arrives.
 * - `blackhole`: throws away what either side sends, and neither sees the other close; new connections are accepted. Can
 *   be had for one direction alone.
 * - `refuse`: cuts what is open and resets every new connection.
 *
 * What was thrown away stays lost, so after `dropReplies` and `blackhole` open connections are out of step: `cut()` them.
 */
export type FaultProxyMode = 'pass' | 'dropReplies' | 'blackhole' | 'refuse';

/** The way that bytes take through a proxy. */
export type FaultProxyDirection = 'toServer' | 'toClient';

/** What a proxy stands in front of. A `RedisServer` is a target, and so is its `tls`. */
export interface FaultProxyOptions {
  target: { readonly port: number; readonly host?: string; readonly url?: string };
  /** Mode at the beginning. Default `pass`. */
  mode?: FaultProxyMode;
}

/**
 * Starts a TCP proxy on a free port of 127.0.0.1 that can misbehave on request. It holds the event loop until `close()`.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const listener = createServer({ noDelay: true });
  listener.listen({ host: '127.0.0.1', port: 0 });
  await once(listener, 'listening');
  return new FaultProxy(listener, options);
}

// Lives until both sockets are closed: in a black hole one of them may be gone without the other knowing.
interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly channels: readonly FaultChannel[];
}

interface PendingCut {
  readonly direction: FaultProxyDirection;
  bytesLeft: number;
  readonly settle: (happened: boolean) => void;
}

/** A running proxy that `startFaultProxy` has started. */
export class FaultProxy {
  /** The address of the target with the port of the proxy; `redis://` when the target has none. */
  readonly url: string;
  readonly host: string = '127.0.0.1';
  readonly port: number;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #listener: Server;
  readonly #links = new Set<Connection>();
  #mode: FaultProxyMode;
  #swallowed: FaultProxyDirection | 'both' = 'both';
  readonly #latencyMs = { toServer: 0, toClient: 0 };
  readonly #bytesPerSecond = { toServer: Number.POSITIVE_INFINITY, toClient: Number.POSITIVE_INFINITY };
  #accepted = 0;
  #pendingCut: PendingCut | undefined;

  /** @internal Use `startFaultProxy`. */
  constructor(listener: Server, options: FaultProxyOptions) {
    const { host = '127.0.0.1', port, url = 'redis://127.0.0.1' } = options.target;
    this.port = (listener.address() as AddressInfo).port;
    const address = new URL(url);
    address.host = `${this.host}:${this.port}`;
    this.url = address.href;
    this.#target = { host, port };
    this.#mode = options.mode ?? 'pass';
    this.#listener = listener;
    listener.on('connection', (client) => this.#accept(client));
  }

  get mode(): FaultProxyMode {
    return this.#mode;
  }

  /** Connections of clients that are open now. */
  get connections(): number {
    let open = 0;
    for (const { client } of this.#links) if (!client.destroyed) open += 1;
    return open;
  }

  /** Connections of clients that were ever accepted, those that were reset at once included. */
  get acceptedConnections(): number {
    return this.#accepted;
  }

  /**
   * Changes what happens from now on, with open connections as well as with new ones.
   *
   * @param direction Of a black hole: in which way bytes and ends vanish. Default: both.
   */
  setMode(mode: FaultProxyMode, direction?: FaultProxyDirection): void {
    this.#mode = mode;
    this.#swallowed = direction ?? 'both';
    if (mode === 'refuse') this.#closeAll((client) => client.resetAndDestroy());
    this.#deliver();
  }

  /** Delays all that is sent from now on by so many milliseconds, each way or in this direction alone. 0 ends it. */
  latency(milliseconds: number, direction?: FaultProxyDirection): void {
    for (const way of direction === undefined ? (['toServer', 'toClient'] as const) : [direction]) {
      this.#latencyMs[way] = milliseconds;
    }
  }

  /**
   * Reads what goes in this direction no faster than so many bytes in a second and connection, so that the rest piles up
   * at the sender. 0 reads nothing, Infinity ends it.
   */
  slowRead(bytesPerSecond: number, direction: FaultProxyDirection = 'toClient'): void {
    this.#bytesPerSecond[direction] = bytesPerSecond;
    this.#deliver();
  }

  /** Closes every open connection on both sides and returns how many. New ones are possible at once. */
  cut(): number {
    const count = this.connections;
    this.#closeAll((client) => client.destroy());
    return count;
  }

  /**
   * Closes a connection as soon as exactly so many more bytes have passed in this direction, counted over all of them:
   * the one that carries the last byte. With 0 the next byte closes its connection and does not pass. A second call
   * replaces the first.
   *
   * @returns true when it has happened, false when the proxy was closed or the call was replaced before.
   */
  cutAfterBytes(bytes: number, direction: FaultProxyDirection): Promise<boolean> {
    this.#pendingCut?.settle(false);
    return new Promise((settle) => {
      this.#pendingCut = { direction, bytesLeft: bytes, settle };
    });
  }

  /** Cuts everything and stops to listen. */
  async close(): Promise<void> {
    this.#pendingCut?.settle(false);
    this.#pendingCut = undefined;
    if (!this.#listener.listening) return;
    this.#mode = 'refuse';
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.#closeAll((client) => client.destroy());
    await closed;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    client.on('error', () => undefined); // a client that breaks off is a closed connection, and 'close' follows
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, noDelay: true });
    const channels = [
      new FaultChannel(client, server, this.#rules('toServer')),
      new FaultChannel(server, client, this.#rules('toClient')),
    ];
    const connection = { client, server, channels };
    this.#links.add(connection);
    const forget = () => {
      if (client.destroyed && server.destroyed) this.#links.delete(connection);
    };
    client.once('close', forget);
    server.once('close', forget);
  }

  #deliver(): void {
    for (const { channels } of this.#links) for (const channel of channels) channel.deliver();
  }

  #rules(direction: FaultProxyDirection): ChannelRules {
    const swallows = () => this.#mode === 'blackhole' && ['both', direction].includes(this.#swallowed);
    return {
      latencyMs: () => this.#latencyMs[direction],
      bytesPerSecond: () => this.#bytesPerSecond[direction],
      swallowsBytes: () => swallows() || (this.#mode === 'dropReplies' && direction === 'toClient'),
      swallowsEnd: swallows,
      admit: (byteCount) => this.#admit(byteCount, direction),
    };
  }

  #admit(byteCount: number, direction: FaultProxyDirection): { passing: number; cut: boolean } {
    const pending = this.#pendingCut;
    if (pending === undefined || pending.direction !== direction) return { passing: byteCount, cut: false };
    const passing = Math.min(byteCount, pending.bytesLeft);
    pending.bytesLeft -= passing;
    const cut = pending.bytesLeft === 0;
    if (cut) {
      this.#pendingCut = undefined;
      pending.settle(true);
    }
    return { passing, cut };
  }

  #closeAll(close: (client: Socket) => void): void {
    for (const { client, server } of this.#links) {
      close(client);
      server.destroy();
    }
  }
}
