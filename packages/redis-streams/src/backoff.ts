const firstDelayMs = 50;
const longestDelayMs = 2_000;
/** A connection that ends sooner counts as a failed attempt, so that none is opened in a hot loop. */
const provenAfterMs = 2_000;

/** When to open a connection again: at once after one that lasted, later after each attempt in vain. */
export class Backoff {
  #failures = 0;

  /** It leads elsewhere from now on. */
  reset(): void {
    this.#failures = 0;
  }

  /** An attempt failed. What only an operator can change is tried again slowly. */
  failed(isPermanent: boolean): number {
    this.#failures += 1;
    return isPermanent ? jittered(longestDelayMs) : this.#delayMs();
  }

  /** A connection ended that had been open for so long. */
  ended(ageMs: number): number {
    this.#failures = ageMs >= provenAfterMs ? 0 : this.#failures + 1;
    return this.#failures <= 1 ? 0 : this.#delayMs();
  }

  #delayMs(): number {
    return jittered(Math.min(firstDelayMs * 2 ** Math.max(0, this.#failures - 1), longestDelayMs));
  }
}

function jittered(delayMs: number): number {
  return delayMs * (0.5 + Math.random() / 2);
}
