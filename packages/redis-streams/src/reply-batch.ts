import { LinkFailure, type LinkFailureDescription } from './connector.js';

const unanswered = Symbol('unanswered');

/** Gathers the answers to the commands of one `Link.send`, by index, in whatever order they come. */
export class ReplyBatch {
  readonly promise: Promise<unknown[]>;
  readonly #replies: unknown[];
  readonly #batches: Set<ReplyBatch>;
  #resolve!: (replies: unknown[]) => void;
  #missing: number;

  /** Stands in `batches` for as long as answers are missing. */
  constructor(size: number, batches: Set<ReplyBatch>) {
    this.#replies = new Array<unknown>(size).fill(unanswered);
    this.#missing = size;
    this.#batches = batches;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    batches.add(this);
  }

  /** Takes the reply to the command at `index`. The first answer counts. */
  set(index: number, reply: unknown): void {
    if (this.#replies[index] !== unanswered) return;
    this.#replies[index] = reply;
    this.#missing -= 1;
    if (this.#missing === 0) this.#settle();
  }

  /** Notes that there is no reply to the command at `index`. */
  fail(index: number, description: LinkFailureDescription): void {
    this.set(index, new LinkFailure(description));
  }

  /** Ends the wait: the connection did, for that reason. Answers that came are kept. */
  end(description: LinkFailureDescription): void {
    const failure = new LinkFailure(description);
    for (let index = 0; index < this.#replies.length; index += 1) this.set(index, failure);
  }

  #settle(): void {
    this.#batches.delete(this);
    this.#resolve(this.#replies);
  }
}
