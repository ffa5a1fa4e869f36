import type { EventsError } from './errors.js';
import type { Failure, Fields, NewEntry } from './transport.js';

/** What a publisher is told of a stored event. */
export interface PublishReceipt {
  /** The event's id. */
  readonly id: string;
  readonly type: string;
  /** The key in Redis of the stream it is stored in, prefix included. */
  readonly stream: string;
  /** The id that Redis gave the entry. */
  readonly entryId: string;
  readonly status: 'stored';
}

/** One event on its way out: what the transport stores, and whom to tell. One object per event, shared by every step. */
export class OutgoingEvent implements NewEntry {
  /** The place in the order of the publisher's calls. */
  sequence = 0;
  /** On the monotonic clock. */
  deadlineMs = 0;
  /** How often the server refused it, or left it unanswered. */
  attempts = 0;
  lastFailure: Failure | undefined;
  /** Whether it was ever sent and not answered: from then on nobody can say that it is not stored. */
  isDoubtful = false;
  settled = false;

  constructor(
    readonly stream: string,
    readonly fields: Fields,
    readonly id: string,
    readonly type: string,
    readonly key: string | undefined,
    /** Characters in memory, about. */
    readonly size: number,
    private readonly resolve: (receipt: PublishReceipt) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  stored(entryId: string): PublishReceipt {
    this.settled = true;
    const receipt: PublishReceipt = { id: this.id, type: this.type, stream: this.stream, entryId, status: 'stored' };
    this.resolve(receipt);
    return receipt;
  }

  failed(error: EventsError): void {
    this.settled = true;
    this.reject(error);
  }
}
