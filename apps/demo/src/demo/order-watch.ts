/** What can be said of the order in which a service handles events. */
export interface HandledInOrder {
  readonly stream: string;
  readonly key: string | undefined;
  readonly sequence: number;
  readonly redelivered: boolean;
}

/** `late` = after a later event of its key, which may happen to an event that was taken over from a process that vanished. */
export type Place = 'kept' | 'late' | 'broken';

/** Notices events that are handled after a later one of their stream and key. */
export class OrderWatch {
  readonly #lastSequence = new Map<string, number>();
  #hasTakenOver = false;

  /** From now on, events may come again, or late: some were taken over from a process that vanished. */
  takeOver(): void {
    this.#hasTakenOver = true;
  }

  /** Whether a takeover explains that an event is out of its place, or is handled once more. */
  excuses({ redelivered }: { readonly redelivered: boolean }): boolean {
    return this.#hasTakenOver && redelivered;
  }

  judge(event: HandledInOrder): Place {
    const lane = `${event.stream} ${event.key ?? ''}`;
    const last = this.#lastSequence.get(lane) ?? 0;
    if (event.sequence <= last) return this.excuses(event) ? 'late' : 'broken';
    this.#lastSequence.set(lane, event.sequence);
    return 'kept';
  }
}
