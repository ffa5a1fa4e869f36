import type { ConsumerEvents, EntryReference } from './consumer-events.js';
import type { ConsumerSettings, StreamNames } from './consumer-options.js';
import type { Delivery } from './delivery.js';
import type { Dispatcher } from './dispatcher.js';
import { FailureEpisodes } from './failure-episodes.js';
import { manyWaiters } from './sleep.js';
import type { Subscription } from './subscription.js';
import type { Failure } from './transport.js';

/** Emits on the user's consumer. */
export type EmitConsumerEvent = <Name extends keyof ConsumerEvents>(
  name: Name,
  ...values: ConsumerEvents[Name]
) => void;

/** What a session asks of the lease on its partition. */
export interface SessionLease {
  /** Whether it lasts, by this process's own clock. Once it does not it never will again, and everything held is forgotten. */
  lasts(): boolean;
  /** Another consumer has taken it. */
  lose(): void;
  /** Renews it no more, so that it can be given up. Returns whether it lasts. */
  end(): boolean;
  /** Whether a handler of this entry had begun when the bearer of this consumer's name last lost the partition, perhaps because of it. */
  wasBegun(entryId: string): boolean;
}

/** What everything that works on one stream of a consumer shares. */
export class StreamSession {
  readonly subscription: Subscription;
  /** Every delivery in this consumer's hands, by entry id. */
  readonly held = new Map<string, Delivery>();
  /** Aborts when the consumer stops reading this stream. */
  readonly stopping = manyWaiters();
  /** The lease under which the stream is read, where it is a partition with one owner. */
  readonly lease: SessionLease | undefined;
  readonly #episodes: FailureEpisodes;

  constructor(
    readonly settings: ConsumerSettings,
    readonly names: StreamNames,
    readonly dispatcher: Dispatcher,
    readonly emit: EmitConsumerEvent,
    owned?: { readonly subscription: Subscription; readonly lease: SessionLease },
  ) {
    const { transport, group, consumer } = settings;
    this.subscription = owned?.subscription ?? transport.subscription({ stream: names.stream, group, consumer });
    this.lease = owned?.lease;
    this.#episodes = new FailureEpisodes(transport, `'${names.stream}' for group '${group}'`, (error) =>
      this.emit('error', error),
    );
  }

  /** What a failed verb means. Tells the user once an episode. */
  failed(what: string, error: unknown): Failure {
    const failure = this.#episodes.failed(what, error, ({ kind }) => {
      const isOver = this.stopping.signal.aborted && kind === 'closed';
      return isOver || kind === 'group-lost' || kind === 'fenced';
    });
    if (failure.kind === 'fenced') this.lease?.lose();
    return failure;
  }

  /** The verb works again. */
  succeeded(what: string): void {
    this.#episodes.succeeded(what);
  }

  reference(delivery: Delivery): EntryReference {
    const { event } = delivery;
    return {
      stream: this.names.stream,
      group: this.settings.group,
      entryId: delivery.id,
      event: event === undefined ? undefined : { id: event.id, type: event.type, key: event.key },
    };
  }
}
