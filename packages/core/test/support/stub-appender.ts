import type { AppendAnswer, Appender, AppenderOptions, NewEntry } from '../../src/index.js';

/** One call of `append`, waiting for the test to answer it. */
export class AppendCall {
  readonly promise: Promise<readonly AppendAnswer[]>;
  isAnswered = false;
  #resolve: (answers: readonly AppendAnswer[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(
    readonly entries: readonly NewEntry[],
    readonly withinMs: number,
    readonly atMs: number,
  ) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The events' types, which the tests use as labels. */
  get types(): string[] {
    return this.entries.map(({ fields }) => String(fields[3]));
  }

  answer(answers: readonly AppendAnswer[]): void {
    this.isAnswered = true;
    this.#resolve(answers);
  }

  /** Gives each entry what `choose` says, by its event type. */
  answerEach(choose: (type: string, index: number) => AppendAnswer): void {
    this.answer(this.types.map(choose));
  }

  reject(error: unknown): void {
    this.isAnswered = true;
    this.#reject(error);
  }
}

/** Records what it is given. Answers by itself when `respond` is set, otherwise waits for the test. */
export class StubAppender implements Appender {
  readonly calls: AppendCall[] = [];
  readonly options: AppenderOptions;
  respond: ((call: AppendCall) => void) | undefined;
  closings = 0;
  /** The largest number of calls that were under way at once. */
  mostUnderWay = 0;
  #stored = 0;

  constructor(options: AppenderOptions) {
    this.options = options;
  }

  append(entries: readonly NewEntry[], withinMs: number): Promise<readonly AppendAnswer[]> {
    const call = new AppendCall(entries, withinMs, performance.now());
    this.calls.push(call);
    this.mostUnderWay = Math.max(this.mostUnderWay, this.waiting.length);
    this.respond?.(call);
    return call.promise;
  }

  async close(): Promise<void> {
    this.closings += 1;
  }

  /** The calls that nobody has answered yet, oldest first. */
  get waiting(): AppendCall[] {
    return this.calls.filter(({ isAnswered }) => !isAnswered);
  }

  /** The types of everything sent so far, call by call. */
  get sent(): string[][] {
    return this.calls.map(({ types }) => types);
  }

  nextEntryId(): string {
    this.#stored += 1;
    return `1700000000000-${this.#stored}`;
  }

  /** Answers a call with an entry id for each of its entries. */
  readonly store = (call: AppendCall): void => {
    call.answerEach(() => this.nextEntryId());
  };

  /** Answers everything that waits, and whatever comes, with entry ids. */
  storeAll(): void {
    this.respond = this.store;
    for (const call of this.waiting) this.store(call);
  }
}
