/** Notes, every so many events, what the process occupies, and what of its heap survives a collection. */
export class HeapSampler {
  readonly heapBytes: number[] = [];
  readonly rssBytes: number[] = [];
  readonly #every: number;
  #counted = 0;

  constructor(every: number) {
    if (globalThis.gc === undefined) throw new Error('Heap samples need node --expose-gc');
    this.#every = every;
  }

  count(): void {
    this.#counted += 1;
    if (this.#counted % this.#every !== 0) return;
    this.rssBytes.push(process.memoryUsage.rss());
    globalThis.gc?.();
    this.heapBytes.push(process.memoryUsage().heapUsed);
  }
}
