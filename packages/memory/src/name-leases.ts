/** Who holds which consumer name of a group. A holder that does not renew loses the name when its lease ends. */
export class NameLeases {
  readonly #leases = new Map<string, { readonly holder: object; readonly endsAt: number }>();

  /** Takes or renews the lease, unless another holder has it. */
  take(name: string, holder: object, now: number, leaseMs: number): boolean {
    if (this.isTakenFrom(name, holder, now)) return false;
    this.#leases.set(name, { holder, endsAt: now + leaseMs });
    return true;
  }

  /** Whether somebody other than `holder` has the name. */
  isTakenFrom(name: string, holder: object, now: number): boolean {
    const lease = this.#leases.get(name);
    return lease !== undefined && lease.holder !== holder && now < lease.endsAt;
  }

  giveUp(name: string, holder: object): void {
    if (this.#leases.get(name)?.holder === holder) this.#leases.delete(name);
  }
}
