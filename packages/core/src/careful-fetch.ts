import { jitteredBackoffMs } from './backoff.js';
import { TransportError } from './errors.js';
import { sleep } from './sleep.js';
import type { StreamSession } from './stream-session.js';
import type { Entry } from './transport.js';

/** An entry that was asked for alone this often, and broke the connection each time, is given up. */
const triesAlone = 3;
/** Each break costs a new connection: few steps lead from a whole batch to one entry. */
const narrowBy = 8;
/** How long a server may take to answer anything at all before it is the server that is at fault. */
const proofWithinMs = 3_000;

/** What came of a fetch. What is in none of them is to be asked for again. */
export interface Fetched {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly unreadable: ReadonlyMap<string, Error>;
}

/**
 * Fetches entries of which some may be more than the server will send: it ends the connection instead. What broke it is
 * narrowed down by asking for fewer and fewer, and an entry counts as unreadable only when it was asked for alone, again
 * and again, and the server answered other commands each time in between.
 */
export class CarefulFetch {
  readonly #session: StreamSession;
  readonly #failedAlone = new Map<string, number>();
  /** How many to ask for at once at most: lowered by what breaks, raised by what does not. */
  #limit = Number.POSITIVE_INFINITY;

  constructor(session: StreamSession) {
    this.#session = session;
  }

  /** How many ids are worth passing at once. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Asks for the first of `ids`, as many as is wise. Rejects when nothing can be said about them: the server does not
   * answer, or refuses.
   */
  async fetch(ids: readonly string[]): Promise<Fetched> {
    const some = ids.slice(0, this.#limit);
    const none = new Map<string, never>();
    try {
      const found = await this.#session.subscription.fetch(some);
      const entries = new Map(some.map((id, index) => [id, found[index] ?? { id, fields: null }]));
      for (const id of some) this.#failedAlone.delete(id);
      if (some.length >= this.#limit) this.#limit *= 2;
      return { entries, unreadable: none };
    } catch (error) {
      if (this.#kindOf(error) !== 'unknown') throw error;
      const [first = ''] = some;
      if (!(await this.#isAnswering(first))) throw error;
      this.#limit = Math.max(1, Math.floor(some.length / narrowBy));
      const unreadable = some.length === 1 ? await this.#blame(first, error) : undefined;
      return { entries: none, unreadable: unreadable === undefined ? none : new Map([[first, unreadable]]) };
    }
  }

  /** It broke the connection, asked for alone, and the server is well. */
  async #blame(id: string, cause: unknown): Promise<Error | undefined> {
    const failures = (this.#failedAlone.get(id) ?? 0) + 1;
    this.#failedAlone.set(id, failures);
    if (failures < triesAlone) {
      await sleep(jitteredBackoffMs(failures, 100, 1_000), this.#session.stopping.signal);
      return undefined;
    }
    this.#failedAlone.delete(id);
    return new TransportError(
      `Reading entry '${id}' alone broke the connection ${triesAlone} times, while the server answered everything else. It is probably larger than the server's client-output-buffer-limit for normal clients`,
      { cause },
    );
  }

  /** Whether the server answers something small about the entry, on the connection that follows the broken one. */
  async #isAnswering(id: string): Promise<boolean> {
    const { subscription, stopping } = this.#session;
    const deadline = Date.now() + proofWithinMs;
    for (let failures = 1; !stopping.signal.aborted; failures += 1) {
      try {
        await subscription.keepAlive([id]);
        return true;
      } catch (error) {
        const kind = this.#kindOf(error);
        if ((kind !== 'offline' && kind !== 'unknown') || Date.now() > deadline) return false;
        await sleep(jitteredBackoffMs(failures, 50, 500), stopping.signal);
      }
    }
    return false;
  }

  #kindOf(error: unknown): string {
    return this.#session.settings.transport.classify(error).kind;
  }
}
