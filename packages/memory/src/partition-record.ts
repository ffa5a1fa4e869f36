/** A consumer that is alive until `endsAt`, as `handle` has said. */
interface Member {
  readonly handle: object;
  readonly endsAt: number;
}

/** What is agreed on about the partitions of one stream. */
export class PartitionRecord {
  count: number | undefined;
  readonly #members = new Map<string, Map<string, Member>>();

  /** Gives the names of all that are alive, or `undefined` while another handle uses this one. */
  announce(group: string, consumer: string, handle: object, now: number, forMs: number): readonly string[] | undefined {
    const members = this.#members.get(group) ?? new Map<string, Member>();
    this.#members.set(group, members);
    for (const [name, { endsAt }] of members) if (endsAt <= now) members.delete(name);
    const known = members.get(consumer);
    if (known !== undefined && known.handle !== handle) return undefined;
    members.set(consumer, { handle, endsAt: now + forMs });
    return [...members.keys()].sort();
  }

  withdraw(group: string, consumer: string, handle: object): void {
    const members = this.#members.get(group);
    if (members?.get(consumer)?.handle === handle) members.delete(consumer);
  }
}
