import { addressOf, type Command, type Connector, type Endpoint, type Link, LinkFailure } from './connector.js';
import { failureOf, offline, RedisFailure } from './failures.js';

/** Somebody who is asked where servers are: over a connection that is opened by a question, and left when an answer is missing. */
export class Informant {
  readonly endpoint: Endpoint;
  readonly #connector: Connector;
  readonly #as: 'server' | 'sentinel';
  #link: Link | undefined;

  constructor(connector: Connector, endpoint: Endpoint, as: 'server' | 'sentinel') {
    this.#connector = connector;
    this.endpoint = endpoint;
    this.#as = as;
  }

  get address(): string {
    return addressOf(this.endpoint);
  }

  /** Resolves with a reply or a `RedisFailure` for each command, or rejects with the failure of all, within `withinMs`. */
  async ask(commands: readonly Command[], withinMs: number): Promise<readonly unknown[]> {
    let link: Link | undefined;
    let deadline: NodeJS.Timeout | undefined;
    try {
      const isNew = this.#link === undefined;
      link = this.#link ?? this.#open();
      const late = new Promise<never>((_, reject) => {
        deadline = setTimeout(() => reject(offline(`${this.address} did not answer within ${withinMs} ms`)), withinMs);
      });
      const name = ['CLIENT', 'SETNAME', this.#connector.connectionName ?? 'events:topology'];
      return await Promise.race([this.#exchange(link, isNew ? [name] : [], commands), late]);
    } catch (error) {
      this.#leave(link);
      throw error instanceof RedisFailure ? error : failureOf(error, this.address, false);
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#leave(this.#link);
  }

  #open(): Link {
    const link = this.#connector.open(this.endpoint, this.#as, () => {
      if (this.#link === link) this.#link = undefined;
    });
    this.#link = link;
    return link;
  }

  #leave(link: Link | undefined): void {
    if (this.#link === link) this.#link = undefined;
    link?.destroy();
  }

  async #exchange(link: Link, first: readonly Command[], commands: readonly Command[]): Promise<readonly unknown[]> {
    await link.ready;
    const replies = (await link.send([...first, ...commands], 'text')).slice(first.length);
    const described = replies.map((reply) =>
      reply instanceof LinkFailure ? failureOf(reply, this.address, false) : reply,
    );
    const lost = described.find((reply) => reply instanceof RedisFailure && reply.kind === 'offline');
    if (lost !== undefined) throw lost;
    return described;
  }
}
