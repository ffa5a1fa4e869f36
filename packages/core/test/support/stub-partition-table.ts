import type { PartitionTable } from '../../src/index.js';
import { StubFailure } from './stub-failure.js';

/** What all handles on one stream's partitions share. */
export class StubPartitions {
  count: number | undefined;
  readonly members = new Map<string, { readonly handle: object; readonly endsAtMs: number }>();
  /** Set to make every verb fail. */
  failure: StubFailure | undefined;
  /** Set to keep every answer back. */
  hold: Promise<unknown> | undefined;
  asked = 0;
}

/** A handle on them. */
export class StubPartitionTable implements PartitionTable {
  #isClosed = false;

  constructor(readonly partitions: StubPartitions) {}

  agree(count: number): Promise<number> {
    return this.#answer(() => {
      this.partitions.asked += 1;
      this.partitions.count ??= count;
      return this.partitions.count;
    });
  }

  change(from: number, to: number): Promise<number> {
    return this.#answer(() => {
      if ((this.partitions.count ?? from) === from) this.partitions.count = to;
      return this.partitions.count as number;
    });
  }

  announce(group: string, consumer: string, forMs: number): Promise<readonly string[] | undefined> {
    return this.#answer(() => {
      const { members } = this.partitions;
      for (const [name, { endsAtMs }] of members) if (endsAtMs <= Date.now()) members.delete(name);
      const name = `${group} ${consumer}`;
      const known = members.get(name);
      if (known !== undefined && known.handle !== this) return undefined;
      members.set(name, { handle: this, endsAtMs: Date.now() + forMs });
      return [...members.keys()]
        .filter((each) => each.startsWith(`${group} `))
        .map((each) => each.slice(group.length + 1))
        .sort();
    });
  }

  withdraw(group: string, consumer: string): Promise<void> {
    return this.#answer(() => {
      const name = `${group} ${consumer}`;
      if (this.partitions.members.get(name)?.handle === this) this.partitions.members.delete(name);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #answer<Answer>(verb: () => Answer): Promise<Answer> {
    if (this.#isClosed) throw new StubFailure('closed');
    await this.partitions.hold;
    if (this.partitions.failure !== undefined) throw this.partitions.failure;
    return verb();
  }
}
