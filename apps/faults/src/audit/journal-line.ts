/** What a consumer process writes down, a line for each, in the order in which it happened. `at` is Unix ms. */
export type JournalLine =
  | { readonly kind: 'ready'; readonly at: number; readonly consumer: string }
  | Started
  | {
      /** The handler ended: it is about to return, or to throw where `failed`. */
      readonly kind: 'ended';
      readonly at: number;
      readonly entry: string;
      readonly event: string;
      readonly failed: boolean;
    }
  /** The server confirmed that these entries were handed back; `at` it was asked to. */
  | { readonly kind: 'released'; readonly at: number; readonly entries: readonly string[] }
  /** Entries of other consumers were taken over. */
  | { readonly kind: 'taken'; readonly at: number; readonly entries: readonly string[] }
  /** The consumer let an entry go that it had not handled: to the dead letters, or to another consumer. */
  | { readonly kind: 'letGo'; readonly at: number; readonly entry: string }
  /** The consumer acknowledged an entry without its handler, because its event was handled before. */
  | { readonly kind: 'skipped'; readonly at: number; readonly entry: string; readonly event: string }
  /** The consumer emitted something, an error for example. */
  | { readonly kind: 'occurred'; readonly at: number; readonly name: string; readonly detail: string }
  | {
      readonly kind: 'stopped';
      readonly at: number;
      readonly finished: number;
      readonly released: number;
      readonly abandoned: number;
    };

/** The handler was called. */
export interface Started {
  readonly kind: 'started';
  readonly at: number;
  readonly entry: string;
  readonly event: string;
  readonly attempt: number;
  readonly redelivered: boolean;
}

/** Everything that one consumer process wrote down in its life. */
export interface Journal {
  /** Which process: no two have the same, whatever their consumers are called. */
  readonly process: string;
  readonly lines: readonly JournalLine[];
}
