import { MemoryError } from './memory-error.js';

/** Who owns a partition, and since when: the token grows with every new owner. */
export class PartitionLease {
  #owner: object | undefined;
  #endsAt = 0;
  #token = 0;

  /** Takes or renews the lease. `token` is the one that `owner` has and wants to keep, 0 = none. Gives the token, or 0 = somebody else has it. */
  take(owner: object, token: number, now: number, leaseMs: number): number {
    if (token !== 0) this.check(owner, token);
    if (this.#owner !== undefined && this.#owner !== owner && this.#endsAt > now) return 0;
    if (this.#token === 0 && token !== 0) this.#token = token;
    else if (this.#owner !== owner) this.#token += 1;
    this.#owner = owner;
    this.#endsAt = now + leaseMs;
    return this.#token;
  }

  /** Throws `fenced` if somebody has taken the lease since `owner` was given `token`. */
  check(owner: object, token: number): void {
    // a lease that was lost with everything else was taken by nobody
    if (this.#token === 0 || (this.#owner === owner && this.#token === token)) return;
    throw new MemoryError('fenced', 'Another consumer has taken the partition');
  }

  giveUp(owner: object, token: number): void {
    if (this.#owner === owner && this.#token === token) this.#owner = undefined;
  }
}
