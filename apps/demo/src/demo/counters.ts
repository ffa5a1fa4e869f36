/** What a service has done so far. */
export interface Counters {
  published: number;
  handled: number;
  retries: number;
  deadLettered: number;
  /** Handled after a later event of the same order. */
  outOfOrder: number;
  placed: number;
  closed: number;
}

export function noCounters(): Counters {
  return {
    published: 0,
    handled: 0,
    retries: 0,
    deadLettered: 0,
    outOfOrder: 0,
    placed: 0,
    closed: 0,
  };
}

/** What the services, or the processes that a service has had, have done together. */
export function sumOf(all: readonly Readonly<Counters>[]): Counters {
  const sum = noCounters();
  for (const counters of all) {
    for (const name of Object.keys(sum) as (keyof Counters)[]) sum[name] += counters[name];
  }
  return sum;
}
