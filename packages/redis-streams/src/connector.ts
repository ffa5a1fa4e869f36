/** One command: its name and its arguments. */
export type Command = readonly (string | Buffer)[];

/** What a connection is for: it stores entries, does everything else, or blocks in reads. */
export type Role = 'writer' | 'control' | 'reader';

/** How bulk strings in replies are given: as text (invalid UTF-8 becomes U+FFFD), or as they are. */
export type ReplyEncoding = 'text' | 'bytes';

/** Where a server listens: a host and a port, or a socket of this machine. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Another place for an address that sentinels or nodes of a cluster announce; `undefined` = they are reached there. */
export type NodeAddressMap = (address: string) => Endpoint | undefined;

/** Where to begin: at one server, at the sentinels of the master `name`, or at some nodes of a cluster. */
export type Origin =
  | { readonly kind: 'server'; readonly at: Endpoint }
  | {
      readonly kind: 'sentinel';
      readonly name: string;
      readonly at: readonly Endpoint[];
      readonly mapAddress: NodeAddressMap;
    }
  | { readonly kind: 'cluster'; readonly at: readonly Endpoint[]; readonly mapAddress: NodeAddressMap };

/**
 * What a client adapter implements: it opens connections to single servers and tells the client's errors apart. It never
 * retries, reconnects, queues, waits, or follows a server elsewhere: that is done once for every client.
 */
export interface Connector {
  /** Where to begin, by the options. */
  readonly origin: Origin;

  /** A name that the user chose for the connections, if any. */
  readonly connectionName: string | undefined;

  /**
   * Begins to open a connection to `endpoint`, authenticated as what is there wants it, to a server with its database
   * selected. Names are looked up anew each time. `onClose` is called when it has ended.
   */
  open(endpoint: Endpoint, as: 'server' | 'sentinel', onClose: () => void): Link;
}

/** One physical connection. When it has ended it stays so. */
export interface Link {
  /** Resolves when commands may be sent; rejects with a `LinkFailure` when that cannot be reached. */
  readonly ready: Promise<void>;

  /**
   * Sends `commands` at once, in order, in one write. Resolves with one answer for each, at the same index: the reply,
   * or a `LinkFailure`. Never rejects, and never sends anything twice. Settles at once when the connection ends.
   */
  send(commands: readonly Command[], encoding: ReplyEncoding): Promise<unknown[]>;

  /**
   * Calls `listener` with each message to `channel` from when it resolves until the connection ends; rejects with a
   * `LinkFailure`. May be called for several channels. A connection that is subscribed serves for nothing else.
   */
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;

  /** Ends the connection now, without waiting for the other side. May be called at any time, and more than once. */
  destroy(): void;
}

/**
 * `reply`: the server answered with this error text. `unsent`: the client did not hand the command to its socket.
 * `lost`: the connection failed or ended; what was under way may have been executed. `code` is an errno such as `ECONNREFUSED`.
 */
export type LinkFailureDescription =
  | { readonly type: 'reply'; readonly text: string }
  | { readonly type: 'unsent' }
  | { readonly type: 'lost'; readonly code: string | undefined };

/** Why there is no reply, in place of the client's own error: that one may hold payloads and passwords. */
export class LinkFailure extends Error {
  readonly description: LinkFailureDescription;

  constructor(description: LinkFailureDescription) {
    super(description.type);
    this.name = 'LinkFailure';
    this.description = description;
  }
}

/** `host:port` as Redis writes it, or the path. */
export function addressOf(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

/** What `map`, an object or a function, says; what it does not know is reached as announced. */
export function nodeAddressMapOf(
  map: Readonly<Record<string, Endpoint>> | ((address: string) => Endpoint | null | undefined) | null | undefined,
): NodeAddressMap {
  if (typeof map === 'function') return (address) => map(address) ?? undefined;
  return (address) => (map && Object.hasOwn(map, address) ? map[address] : undefined);
}

/** `error.code`, where it is an errno or another constant of Node's. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
}
