const sampleEveryMs = 20;

/** The most that the process occupies from its construction on, sampled. */
export class PeakMemory {
  readonly baseRssBytes = process.memoryUsage.rss();
  #peakRssBytes = this.baseRssBytes;
  #peakHeapBytes = process.memoryUsage().heapUsed;
  readonly #timer = setInterval(() => this.#sample(), sampleEveryMs);

  stop() {
    clearInterval(this.#timer);
    this.#sample();
    return { baseRssBytes: this.baseRssBytes, peakRssBytes: this.#peakRssBytes, peakHeapBytes: this.#peakHeapBytes };
  }

  #sample(): void {
    const { rss, heapUsed } = process.memoryUsage();
    this.#peakRssBytes = Math.max(this.#peakRssBytes, rss);
    this.#peakHeapBytes = Math.max(this.#peakHeapBytes, heapUsed);
  }
}
