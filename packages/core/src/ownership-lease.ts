import type { SessionLease } from './stream-session.js';
import type { Subscription } from './subscription.js';

/** A renewal is a sign of life, too: they come often enough however long the lease is. */
const longestRenewalMs = 3_000;

/** What a lease tells whoever holds it. */
export interface OwnershipLeaseHooks {
  /** It is over, and was not given up. Called once, at the moment at which that becomes known. */
  lost(): void;
  /** It could not be renewed this time. */
  failed(error: unknown): void;
  renewed(): void;
  wasBegun(entryId: string): boolean;
}

/**
 * A partition's lease as this process sees it. It counts from the moment at which the renewal was sent, on the monotonic
 * clock, so it ends here before it ends on the server; a process that was frozen learns it from its own clock.
 */
export class OwnershipLease implements SessionLease {
  readonly #subscription: Subscription;
  readonly #leaseMs: number;
  readonly #hooks: OwnershipLeaseHooks;
  #endsAtMs: number;
  #isOver = false;
  #expiry: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;

  /** `sentAtMs` = when `own` was called that took it. */
  constructor(subscription: Subscription, leaseMs: number, sentAtMs: number, hooks: OwnershipLeaseHooks) {
    this.#subscription = subscription;
    this.#leaseMs = leaseMs;
    this.#endsAtMs = sentAtMs + leaseMs;
    this.#hooks = hooks;
  }

  /** Begins to renew it. */
  start(): void {
    this.#watch();
    this.#renewIn(Math.min(this.#leaseMs / 3, longestRenewalMs));
  }

  lasts(): boolean {
    if (this.#isOver) return false;
    if (performance.now() < this.#endsAtMs) return true;
    this.lose();
    return false;
  }

  lose(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#hooks.lost();
  }

  end(): boolean {
    const lasts = this.lasts();
    this.#finish();
    return lasts;
  }

  wasBegun(entryId: string): boolean {
    return this.#hooks.wasBegun(entryId);
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#expiry);
    clearTimeout(this.#renewal);
  }

  #watch(): void {
    this.#expiry = setTimeout(
      () => {
        // renewed meanwhile, it ends later
        if (this.lasts()) this.#watch();
      },
      Math.max(1, Math.ceil(this.#endsAtMs - performance.now())),
    );
  }

  #renewIn(ms: number): void {
    this.#renewal = setTimeout(() => void this.#renew(), ms * (0.8 + Math.random() * 0.2));
  }

  async #renew(): Promise<void> {
    const sentAtMs = performance.now();
    try {
      const isOurs = await this.#subscription.own(this.#leaseMs);
      if (this.#isOver) return;
      if (!isOurs) {
        this.lose();
        return;
      }
      this.#endsAtMs = sentAtMs + this.#leaseMs;
      this.#hooks.renewed();
      this.#renewIn(Math.min(this.#leaseMs / 3, longestRenewalMs));
    } catch (error) {
      if (this.#isOver) return;
      this.#hooks.failed(error);
      if (!this.#isOver) this.#renewIn(this.#leaseMs / 10);
    }
  }
}
