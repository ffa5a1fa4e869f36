/** How many of `count` partitions fall to `consumer`, so that all the living, `alive`, have their share to within one. */
export function quotaOf(consumer: string, alive: readonly string[], count: number): number {
  const place = alive.indexOf(consumer);
  const extra = place < count % alive.length ? 1 : 0;
  return Math.floor(count / alive.length) + extra;
}

/** The same, in an order of chance: consumers that want the same begin at different ends. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  const left = [...items];
  const order: Item[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  return order;
}
