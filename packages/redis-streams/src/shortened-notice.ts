const mostStreamsRemembered = 1_000;
const everyMs = 60_000;

/** Tells of shortened windows: of each stream at most once a minute. */
export class ShortenedNotice {
  readonly #onShortened: (stream: string, effectiveWindowMs: number) => void;
  readonly #toldAt = new Map<string, number>();

  constructor(onShortened: (stream: string, effectiveWindowMs: number) => void) {
    this.#onShortened = onShortened;
  }

  tell(stream: string, effectiveWindowMs: number): void {
    const now = performance.now();
    if (now - (this.#toldAt.get(stream) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
    // whom it forgets it may tell once too often
    if (this.#toldAt.size >= mostStreamsRemembered) this.#toldAt.clear();
    this.#toldAt.set(stream, now);
    this.#onShortened(stream, effectiveWindowMs);
  }
}
