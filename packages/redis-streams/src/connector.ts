/** One command: its name and its arguments. */
export type Command = readonly (string | Buffer)[];

/** What a connection is for: it stores entries, does everything else, or blocks in reads. */
export type Role = 'writer' | 'control' | 'reader';

/** How bulk strings in replies are given: as text (invalid UTF-8 becomes U+FFFD), or as they are. */
export type ReplyEncoding = 'text' | 'bytes';

/**
 * What a client adapter implements: it opens connections and tells the client's errors apart. It never retries,
 * reconnects, queues or waits: `Connection` does that, once for every client.
 */
export interface Connector {
  /** `host:port`, for messages. */
  readonly address: string;

  /** A name that the user chose for the connections, if any. */
  readonly connectionName: string | undefined;

  /** Begins to open a connection, authenticated and with its database selected. `onClose` is called when it has ended. */
  open(onClose: () => void): Link;
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

/** `error.code`, where it is an errno or another constant of Node's. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
}
