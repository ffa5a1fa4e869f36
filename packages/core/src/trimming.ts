import type { EventsError } from './errors.js';
import { FailureEpisodes } from './failure-episodes.js';
import type { GroupLoss, Janitor } from './janitor.js';
import type { OutgoingEvent } from './outgoing-event.js';
import { settledWithin } from './sleep.js';
import { type GateSurroundings, StreamGate } from './stream-gate.js';
import { StreamTrimmer, type TrimmerSurroundings } from './stream-trimmer.js';
import type { Transport } from './transport.js';
import type { TrimPolicy } from './trim-policy.js';

/** Where each call names its stream, those that came first are looked after. */
const mostStreams = 10_000;
const closeWithinMs = 2_000;

/** What a publisher tells of trimming. */
export type TrimmingEvents = {
  /** Entries were removed; `lost` = what groups had not read or not acknowledged, with exact counts. */
  trimmed: [
    occurrence: {
      readonly stream: string;
      readonly removed: number;
      readonly length: number;
      readonly firstEntryId: string | null;
      readonly groups: number;
      readonly lost: readonly GroupLoss[];
    },
  ];
  /** For five seconds, a stream could not be trimmed to its bound because of what this group has not read. Once an episode. */
  trimHeldBack: [
    occurrence: {
      readonly stream: string;
      readonly group: string;
      readonly length: number;
      readonly limit: number | null;
      readonly silentMs: number;
    },
  ];
  /** A group was without a sign of life for `maxGroupIdleMs`: from the next pass on, nothing is kept for it. */
  groupReleased: [occurrence: { readonly stream: string; readonly group: string; readonly silentMs: number }];
  /** From the next pass on, entries are dropped that these groups have not read. Once an episode. */
  dropping: [
    occurrence: {
      readonly stream: string;
      readonly groups: readonly string[];
      readonly length: number;
      readonly limit: number | null;
    },
  ];
};

/** Keeps the streams that a publisher stores in within their bounds. */
export class Trimming {
  readonly #trimmers = new Map<string, StreamTrimmer>();
  readonly #gates = new Map<string, StreamGate>();
  readonly #around: TrimmerSurroundings;
  /** `undefined` = nobody is held back. */
  readonly #aroundGates: GateSurroundings | undefined;
  readonly #janitor: Janitor;
  #isClosed = false;

  constructor(
    { transport, timeoutMs }: { readonly transport: Transport; readonly timeoutMs: number },
    policy: TrimPolicy,
    emit: TrimmerSurroundings['emit'],
    listener: Pick<GateSurroundings, 'onFull' | 'onRecovered'> & { onError(error: EventsError): void },
  ) {
    this.#janitor = transport.janitor();
    const onError = listener.onError.bind(listener);
    const episodes = new FailureEpisodes(transport, 'as trimStrategy says', onError);
    this.#around = { janitor: this.#janitor, policy, episodes, emit, onError };
    if (policy.overflow === undefined) return;
    const { onFull, onRecovered } = listener;
    const onLack = (stream: string) => this.#trimmers.get(stream)?.hurry();
    this.#aroundGates = { transport, janitor: this.#janitor, policy, timeoutMs, onFull, onRecovered, onLack };
  }

  /**
   * `undefined` when `event` may be stored, otherwise what to wait for. Throws `OverloadedError` when its stream is full
   * and nobody is to wait. Who was let through must be told of with `settled`.
   */
  admit(event: OutgoingEvent): Promise<void> | undefined {
    if (this.#aroundGates === undefined) return undefined;
    let gate = this.#gates.get(event.stream);
    if (gate === undefined) {
      if (this.#gates.size >= mostStreams) return undefined;
      gate = new StreamGate(event.stream, this.#aroundGates);
      this.#gates.set(event.stream, gate);
      // a full stream takes nothing that would call for a trimmer
      this.stored(event.stream);
    }
    return gate.admit(event);
  }

  /** An event is stored, or will not be. */
  settled(event: OutgoingEvent): void {
    if (!event.isAdmitted) return;
    event.isAdmitted = false;
    this.#gates.get(event.stream)?.settled();
  }

  /** Something was stored in `stream`. */
  stored(stream: string): void {
    const trimmer = this.#trimmers.get(stream);
    if (trimmer !== undefined) trimmer.stored();
    else if (this.#trimmers.size < mostStreams && !this.#isClosed)
      this.#trimmers.set(stream, new StreamTrimmer(stream, this.#around));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const passes = Promise.all([...this.#trimmers.values(), ...this.#gates.values()].map((each) => each.close()));
    await settledWithin(passes, closeWithinMs);
    await settledWithin(this.#janitor.close(), closeWithinMs);
  }
}
