const calmMs = 5_000;
const hurriedMs = 500;
/** For how long it stays hurried: longer than a failover takes. */
const hurryMs = 15_000;

/** Asks again every few seconds, and more often while something is wrong, for as long as anybody holds it. */
export class RefreshLoop {
  readonly #refresh: () => Promise<unknown>;
  readonly #onStop: () => void;
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;
  #hurriedUntil = 0;
  #running = false;

  /** `refresh` may reject: the next turn comes all the same. */
  constructor(refresh: () => Promise<unknown>, onStop: () => void) {
    this.#refresh = refresh;
    this.#onStop = onStop;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) this.#schedule();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      clearTimeout(this.#timer);
      this.#onStop();
    };
  }

  /** Something is wrong: asks soon, and often for a while. */
  hurry(): void {
    const wasCalm = performance.now() >= this.#hurriedUntil;
    this.#hurriedUntil = performance.now() + hurryMs;
    if (wasCalm && !this.#running && this.isHeld) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const pauseMs = performance.now() < this.#hurriedUntil ? hurriedMs : calmMs;
    this.#timer = setTimeout(() => void this.#run(), pauseMs * (0.8 + Math.random() * 0.4));
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#refresh();
    } catch {
      // whoever waits for the answer is told by whom it asked; here it is only a reason to ask again soon
      this.#hurriedUntil = performance.now() + hurryMs;
    }
    this.#running = false;
    if (this.isHeld) this.#schedule();
  }
}
