import { type Command, type Connector, type Link, LinkFailure, ReplyBatch } from '../src/index.js';

/** A connector whose server is the test: it opens, answers and ends links when it is told to. */
export class FakeConnector implements Connector {
  readonly address = 'redis.test:6379';
  readonly connectionName = undefined;
  readonly links: FakeLink[] = [];
  /** Thrown instead of opening a link, once for each. */
  readonly failures: Error[] = [];

  open(onClose: () => void): Link {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const link = new FakeLink(onClose);
    this.links.push(link);
    return link;
  }

  /** The link that was opened last. */
  get last(): FakeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('no link was opened yet');
    return link;
  }
}

/** One link of a `FakeConnector`. */
export class FakeLink implements Link {
  readonly ready: Promise<void>;
  readonly sent: Command[] = [];
  destroyed = false;
  readonly #onClose: () => void;
  readonly #batches = new Set<ReplyBatch>();
  readonly #unanswered: { readonly batch: ReplyBatch; readonly index: number }[] = [];
  #open!: () => void;
  #fail!: (failure: LinkFailure) => void;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
    this.ready = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
  }

  send(commands: readonly Command[]): Promise<unknown[]> {
    const batch = new ReplyBatch(commands.length, this.#batches);
    for (const [index, command] of commands.entries()) {
      if (command[0] === 'CLIENT') batch.set(index, command[1] === 'ID' ? 7 : 'OK');
      else {
        this.sent.push(command);
        this.#unanswered.push({ batch, index });
      }
    }
    return batch.promise;
  }

  destroy(): void {
    this.destroyed = true;
    for (const batch of this.#batches) batch.end({ type: 'lost', code: undefined });
  }

  /** Lets the link be used. */
  async open(): Promise<void> {
    this.#open();
    await turn();
  }

  /** Lets the link never come about. */
  async refuse(text: string): Promise<void> {
    this.#fail(new LinkFailure(text.startsWith('E') ? { type: 'lost', code: text } : { type: 'reply', text }));
    await turn();
  }

  /** Answers the oldest commands. */
  async answer(...replies: readonly unknown[]): Promise<void> {
    for (const reply of replies) {
      const next = this.#unanswered.shift();
      if (reply instanceof LinkFailure) next?.batch.fail(next.index, reply.description);
      else next?.batch.set(next.index, reply);
    }
    await turn();
  }

  /** Ends the link, as the other side does. */
  async end(): Promise<void> {
    this.destroy();
    this.#onClose();
    await turn();
  }
}

/** An error reply. */
export function errorReply(text: string): LinkFailure {
  return new LinkFailure({ type: 'reply', text });
}

/** Lets everything happen that needs no time. */
export async function turn(): Promise<void> {
  for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
}
