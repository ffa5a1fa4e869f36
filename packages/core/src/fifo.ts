/** A queue whose every operation takes constant time; an array's `shift` does not. */
export class Fifo<Item> {
  #items: Item[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    // what is taken out must not be kept from the garbage collector
    this.#items[this.#head] = undefined as Item;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let index = this.#head; index < this.#items.length; index += 1) yield this.#items[index] as Item;
  }

  /** Takes everything out, in order. */
  drain(): Item[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }

  /** Removes what `predicate` names. */
  remove(predicate: (item: Item) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => !predicate(item));
    this.#head = 0;
  }
}
