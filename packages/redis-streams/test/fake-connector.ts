import {
  addressOf,
  type Command,
  type Connector,
  type Endpoint,
  type Link,
  LinkFailure,
  type Origin,
  ReplyBatch,
} from '../src/index.js';

/** A connector whose server is the test: it opens, answers and ends links when it is told to. */
export class FakeConnector implements Connector {
  readonly origin: Origin;
  readonly connectionName = undefined;
  readonly links: FakeLink[] = [];
  /** Thrown instead of opening a link, once for each. */
  readonly failures: Error[] = [];

  /** Answers commands by itself; `undefined` = the test does. */
  reply: (command: Command, link: FakeLink) => unknown = () => undefined;

  constructor(origin: Origin = { kind: 'server', at: { host: 'redis.test', port: 6379 } }) {
    this.origin = origin;
  }

  open(endpoint: Endpoint, as: 'server' | 'sentinel', onClose: () => void): Link {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const link = new FakeLink(addressOf(endpoint), as, onClose);
    link.reply = (command) => this.reply(command, link);
    this.links.push(link);
    return link;
  }

  /** The link that was opened last to `address`, for commands and not for questions about where servers are. */
  to(address: string): FakeLink {
    const link = this.links.findLast((one) => one.address === address && one.as === 'server' && !one.isInformant);
    if (link === undefined) throw new Error(`no link was opened to ${address}`);
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
  isInformant = false;
  destroyed = false;
  reply: (command: Command) => unknown = () => undefined;
  /** What it tells of itself. */
  role = 'master';
  readonly subscriptions = new Map<string, (message: string) => void>();
  readonly #onClose: () => void;
  readonly #batches = new Set<ReplyBatch>();
  readonly #unanswered: { readonly batch: ReplyBatch; readonly index: number }[] = [];
  #open!: () => void;
  #fail!: (failure: LinkFailure) => void;

  constructor(
    readonly address: string,
    readonly as: 'server' | 'sentinel',
    onClose: () => void,
  ) {
    this.#onClose = onClose;
    this.ready = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
    this.ready.catch(() => {
      // whoever waits for it is told; nobody has to
    });
  }

  send(commands: readonly Command[]): Promise<unknown[]> {
    const batch = new ReplyBatch(commands.length, this.#batches);
    for (const [index, command] of commands.entries()) {
      if (command[2] === 'events:topology') this.isInformant = true;
      if (command[0] === 'ROLE') batch.set(index, [this.role]);
      else if (command[0] === 'CLIENT') batch.set(index, command[1] === 'ID' ? 7 : 'OK');
      else {
        this.sent.push(command);
        const reply = this.reply(command);
        if (reply instanceof LinkFailure) batch.fail(index, reply.description);
        else if (reply !== undefined) batch.set(index, reply);
        else this.#unanswered.push({ batch, index });
      }
    }
    return batch.promise;
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    this.subscriptions.set(channel, listener);
  }

  destroy(): void {
    this.destroyed = true;
    this.#fail(new LinkFailure({ type: 'lost', code: undefined }));
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
