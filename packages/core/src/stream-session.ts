import type { ConsumerEvents, EntryReference } from './consumer-events.js';
import type { ConsumerSettings, StreamNames } from './consumer-options.js';
import type { Delivery } from './delivery.js';
import type { Dispatcher } from './dispatcher.js';
import { toError } from './failure.js';
import { manyWaiters } from './sleep.js';
import type { Subscription } from './subscription.js';
import type { Failure } from './transport.js';

/** Emits on the user's consumer. */
export type EmitConsumerEvent = <Name extends keyof ConsumerEvents>(
  name: Name,
  ...values: ConsumerEvents[Name]
) => void;

/** One outage shows in several of these, one after another. */
const transientKinds = new Set(['offline', 'refused', 'unknown']);

/** What everything that works on one stream of a consumer shares. */
export class StreamSession {
  readonly subscription: Subscription;
  /** Every delivery in this consumer's hands, by entry id. */
  readonly held = new Map<string, Delivery>();
  /** Aborts when the consumer stops reading this stream. */
  readonly stopping = manyWaiters();
  readonly #failing = new Map<string, string>();

  constructor(
    readonly settings: ConsumerSettings,
    readonly names: StreamNames,
    readonly dispatcher: Dispatcher,
    readonly emit: EmitConsumerEvent,
  ) {
    const { transport, group, consumer } = settings;
    this.subscription = transport.subscription({ stream: names.stream, group, consumer });
  }

  /** What a failed verb means. Tells the user once an episode. */
  failed(what: string, error: unknown): Failure {
    const failure = this.settings.transport.classify(error);
    const trouble = transientKinds.has(failure.kind) ? 'transient' : failure.kind;
    const isNews = this.#failing.get(what) !== trouble;
    this.#failing.set(what, trouble);
    const isOver = this.stopping.signal.aborted && failure.kind === 'closed';
    if (isNews && !isOver && failure.kind !== 'group-lost') {
      this.emit(
        'error',
        toError(`Could not ${what} '${this.names.stream}' for group '${this.settings.group}'`, failure),
      );
    }
    return failure;
  }

  /** The verb works again. */
  succeeded(what: string): void {
    if (this.#failing.size > 0) this.#failing.delete(what);
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
