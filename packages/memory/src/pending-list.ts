import { compareIds, zeroId } from './entry-id.js';

/** An entry that one consumer of the group owns. */
export interface Pending {
  readonly id: string;
  owner: string;
  /** When it was last handed out, kept alive or claimed; what `idleMs` is measured from. */
  deliveredAt: number;
  deliveries: number;
  released: boolean;
  record: string | null;
}

/** What a group was given and has not acknowledged, in id order. Adding, finding and removing are O(1). */
export class PendingList {
  readonly #byId = new Map<string, Pending>();
  // Every id that is pending, in order, among some that no longer are: those are given up together.
  #order: string[] = [];

  get size(): number {
    return this.#byId.size;
  }

  /** Groups are given entries in order, so a new one belongs at the end. */
  add(pending: Pending): void {
    this.#byId.set(pending.id, pending);
    this.#order.push(pending.id);
  }

  find(id: string): Pending | undefined {
    return this.#byId.get(id);
  }

  remove(id: string): boolean {
    const removed = this.#byId.delete(id);
    if (this.#order.length > 2 * this.#byId.size + 64) this.#order = this.#order.filter((each) => this.#byId.has(each));
    return removed;
  }

  /** Removes those with ids above `id`. */
  removeAfter(id: string): readonly Pending[] {
    const removed = [...this.after(id)];
    for (const pending of removed) this.#byId.delete(pending.id);
    this.#order.length = this.#indexAbove(id);
    return removed;
  }

  /** Those with ids above `id`, in order. May be removed while they are looked at. */
  *after(id: string): Generator<Pending> {
    const order = this.#order;
    for (let index = this.#indexAbove(id); index < order.length; index += 1) {
      const pending = this.#byId.get(order[index] ?? zeroId);
      if (pending !== undefined) yield pending;
    }
  }

  #indexAbove(id: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#order[middle] ?? zeroId, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
