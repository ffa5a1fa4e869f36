/**
 * What the publishers and consumers of one partitioned stream agree on: how many partitions it has, and which consumers
 * of a group are alive to share them.
 */
export interface PartitionTable {
  /** Records `count` as the number of partitions unless one is recorded. Resolves with the recorded one. */
  agree(count: number): Promise<number>;

  /** Records `to` if `from` is recorded, or nothing is. Resolves with what is recorded then. */
  change(from: number, to: number): Promise<number>;

  /**
   * Makes `consumer` known to the others of its group as alive for `forMs`, and forgets those whose time is over.
   * Resolves with the names of all that are alive, this one among them, sorted; with `undefined`, changing nothing, while
   * another handle has made the name known.
   */
  announce(group: string, consumer: string, forMs: number): Promise<readonly string[] | undefined>;

  /** Takes back what this handle announced. Leaves another one's alone. */
  withdraw(group: string, consumer: string): Promise<void>;

  /** Ends the handle. Idempotent. */
  close(): Promise<void>;
}
