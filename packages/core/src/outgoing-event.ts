import type { EventsError } from './errors.js';
import type { Failure, Fields, NewEntry, Stored } from './transport.js';

/** What a publisher is told of a stored event. */
export interface PublishReceipt {
  /** The event's id. */
  readonly id: string;
  readonly type: string;
  /** The key in Redis of the stream it is stored in, prefix included. */
  readonly stream: string;
  /** The id that Redis gave the entry. */
  readonly entryId: string;
  /** `duplicate` = an event with this id was stored before, within the window of `idempotent`; `entryId` is that of then. */
  readonly status: 'stored' | 'duplicate';
  /** How many replicas are known to have it. Only with a `durability` beyond `leader`. */
  readonly replicas?: number;
}

/** One event on its way out: what the transport stores, and whom to tell. One object per event, shared by every step. */
export class OutgoingEvent implements NewEntry {
  /** The place in the order of the publisher's calls. */
  sequence = 0;
  /** On the monotonic clock. */
  deadlineMs = 0;
  /** How often the server refused it, or left it unanswered. */
  attempts = 0;
  /** How often there was no server that could take it: that is tried until its time is over. */
  absences = 0;
  lastFailure: Failure | undefined;
  /** Whether it was ever sent and not answered: from then on nobody can say that it is not stored. */
  isDoubtful = false;
  settled = false;
  /** Whether the gate of its stream let it through, and counts on hearing that it is settled. */
  isAdmitted = false;
  /** Where it is stored, once it is. */
  entryId = '';
  /** When it was confirmed, on the monotonic clock. */
  confirmedMs = 0;

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

  /** Confirms it. */
  stored(answer: string | Stored): PublishReceipt {
    this.settled = true;
    const receipt = this.receipt(answer);
    this.resolve(receipt);
    return receipt;
  }

  /** What the user is told of where it is. */
  receipt(answer: string | Stored): PublishReceipt {
    const { id, type, stream } = this;
    if (typeof answer === 'string') {
      this.entryId = answer;
      return { id, type, stream, entryId: answer, status: 'stored' };
    }
    const { entryId, isDuplicate, replicas } = answer;
    this.entryId = entryId;
    const status = isDuplicate ? 'duplicate' : 'stored';
    return replicas === null ? { id, type, stream, entryId, status } : { id, type, stream, entryId, status, replicas };
  }

  failed(error: EventsError): void {
    this.settled = true;
    this.reject(error);
  }
}
