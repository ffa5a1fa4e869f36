const windowMs = 1_000;
const historyEveryMs = 500;
const historyLength = 60;

interface Reading {
  readonly atMs: number;
  readonly published: number;
  readonly handled: number;
}

/** Turns counts into events a second. */
export class RateMeter {
  readonly history: number[] = [];
  publishedRate = 0;
  handledRate = 0;
  readonly #readings: Reading[] = [];
  #historyAtMs = 0;

  read(reading: Reading): void {
    const { atMs } = reading;
    const readings = this.#readings;
    readings.push(reading);
    // One reading from before the window stays, so that the window is covered whole.
    while (readings.length > 2 && (readings[1]?.atMs ?? atMs) <= atMs - windowMs) readings.shift();
    const [oldest = reading] = readings;
    const seconds = (atMs - oldest.atMs) / 1_000;
    this.publishedRate = seconds === 0 ? 0 : (reading.published - oldest.published) / seconds;
    this.handledRate = seconds === 0 ? 0 : (reading.handled - oldest.handled) / seconds;
    if (atMs - this.#historyAtMs < historyEveryMs) return;
    this.#historyAtMs = atMs;
    this.history.push(this.handledRate);
    if (this.history.length > historyLength) this.history.shift();
  }
}
