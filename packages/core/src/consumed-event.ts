/** An event as a handler gets it. */
export interface ConsumedEvent<Data = unknown, Type extends string = string> {
  /** The id that the publisher gave it, the same in every copy. Deduplicate by it, never by the entry id. */
  readonly id: string;
  readonly type: Type;
  /** Who published it, or an empty string when the producer did not say. */
  readonly source: string;
  /** When it happened, as the publisher says. An entry without a time has the time of its entry id. */
  readonly time: Date;
  /** What it belongs to: events of one key keep their order. */
  readonly key: string | undefined;
  readonly data: Data;
  readonly headers: Readonly<Record<string, string>>;
  /** The key in Redis of the stream it was read from, prefix included. */
  readonly stream: string;
  readonly entryId: string;
  /**
   * Which attempt of this group this is; 1 for the first. After a crash nobody knows which of the events in hand were
   * begun: each counts as begun once.
   */
  readonly attempt: number;
  /**
   * Whether another consumer, or an earlier run, may have seen it; it may come after later events of its key. A retry
   * by the same consumer is told by `attempt`.
   */
  readonly redelivered: boolean;
}

/** What a handler can say of the event it is given. The first of these, of returning, and of throwing counts. */
export interface HandlerContext {
  /** Aborts when the handler has run too long, when the event was taken by another consumer, or when a stop runs out of time. */
  readonly signal: AbortSignal;
  /** Acknowledges now. Resolves once the server knows. */
  ack(): Promise<void>;
  /** Counts this attempt as failed and tries again after `delayMs` (default: what the recovery strategy says). Resolves once that is recorded. */
  nack(options?: { readonly delayMs?: number }): Promise<void>;
  /** Starts `handlerTimeoutMs` anew and keeps other consumers from claiming the event. Resolves with whether it is still this consumer's. */
  extend(): Promise<boolean>;
  /** Moves the event to the dead letters for `reason`, without another attempt. Resolves once it is there. */
  deadLetter(reason: string): Promise<void>;
}

/** Handles an event: returning (or resolving) acknowledges it, throwing (or rejecting) tries it again. */
export type EventHandler<Event extends ConsumedEvent = ConsumedEvent> = (
  event: Event,
  context: HandlerContext,
) => unknown;
