import type { EventsError } from './errors.js';
import { toError } from './failure.js';
import type { Failure, Transport } from './transport.js';

/** One outage shows in several of these, one after another. */
const transientKinds = new Set(['offline', 'refused', 'unknown']);

/** Tells of failures that nobody waits for: once an episode, whatever is tried again meanwhile. */
export class FailureEpisodes {
  readonly #transport: Transport;
  readonly #where: string;
  readonly #tell: (error: EventsError) => void;
  readonly #failing = new Map<string, string>();

  /** `where` ends the sentence that begins with what could not be done. */
  constructor(transport: Transport, where: string, tell: (error: EventsError) => void) {
    this.#transport = transport;
    this.#where = where;
    this.#tell = tell;
  }

  /** What a failed verb means. `isSilent` says for which failures nobody is told. */
  failed(what: string, error: unknown, isSilent: (failure: Failure) => boolean): Failure {
    const failure = this.#transport.classify(error);
    const trouble = transientKinds.has(failure.kind) ? 'transient' : failure.kind;
    const isNews = this.#failing.get(what) !== trouble;
    this.#failing.set(what, trouble);
    if (isNews && !isSilent(failure)) this.#tell(toError(`Could not ${what} ${this.#where}`, failure));
    return failure;
  }

  /** The verb works again. */
  succeeded(what: string): void {
    if (this.#failing.size > 0) this.#failing.delete(what);
  }
}
