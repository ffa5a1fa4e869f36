import { type EventsError, TransportError } from './errors.js';
import { type FailoverRecovered, FailoverRecovery, RecoveryFailure, type ServerChange } from './failover-recovery.js';
import { toError } from './failure.js';
import type { OutgoingEvent } from './outgoing-event.js';
import type { Appender, Transport } from './transport.js';

export interface FailoverGuardOptions {
  readonly transport: Transport;
  readonly appender: Appender;
  readonly windowMs: number;
  readonly maxCharacters: number;
  /** How long one call of `append` may take. */
  readonly appendWithinMs: number;
  /** The streams of events that may still be confirmed by the server that is left. */
  readonly streamsUnderWay: () => Iterable<string>;
  /** Told of each stream with confirmed events, or events under way, whose server changed, at once: nothing may be sent to it before `recover`. */
  readonly onChange: (stream: string, change: ServerChange) => void;
  readonly onRecovered: (recovery: FailoverRecovered) => void;
  readonly onError: (error: EventsError) => void;
}

/** Watches for failovers of streams with confirmed events, and makes the streams whole. */
export class FailoverGuard {
  readonly #options: FailoverGuardOptions;
  readonly #recovery: FailoverRecovery;
  /** The streams that are being made whole: what is stored in them meanwhile may be lost like anything else. */
  readonly #recovering = new Set<string>();
  readonly #ending = new AbortController();
  readonly #endFailovers: () => void;

  constructor(options: FailoverGuardOptions) {
    const { transport, appender, streamsUnderWay, onChange } = options;
    this.#options = options;
    this.#recovery = new FailoverRecovery(transport, appender, options);
    this.#endFailovers = transport.onFailover((failover) => {
      const { from, to } = failover;
      const streams = new Set([...this.#recovery.streams, ...this.#recovering, ...streamsUnderWay()]);
      for (const stream of streams) if (failover.concerns(stream)) onChange(stream, { from, to });
    });
  }

  confirmed(event: OutgoingEvent): void {
    this.#recovery.confirmed(event);
  }

  /** Never rejects: what fails is told. */
  async recover(stream: string, nextChange: () => ServerChange | undefined): Promise<void> {
    const { transport, onRecovered, onError } = this.#options;
    const change = nextChange();
    if (change === undefined) return;
    this.#recovering.add(stream);
    let recovered: FailoverRecovered;
    let isNews = true;
    try {
      recovered = await this.#recovery.run(stream, change, nextChange, this.#ending.signal);
      // of what was under way nothing may have been confirmed
      isNews = recovered.checked > 0 || recovered.windowMs < this.#options.windowMs;
    } catch (error) {
      if (!(error instanceof RecoveryFailure)) throw error;
      recovered = error.counts;
      const what = `Could not find out what '${stream}' lost when it passed from ${change.from} to ${recovered.to}`;
      onError(toError(what, transport.classify(error.cause)));
    }
    this.#recovering.delete(stream);
    if (isNews) onRecovered(recovered);
    if (recovered.failed === 0) return;
    const lost = `${recovered.failed} events that were confirmed are lost: '${stream}' passed from ${change.from} to ${recovered.to} without them, and they could not be stored again`;
    onError(new TransportError(lost));
  }

  /** Ends the watch. */
  unwatch(): void {
    this.#endFailovers();
  }

  /** Gives up what is not whole yet. */
  abort(): void {
    this.#ending.abort();
  }
}
