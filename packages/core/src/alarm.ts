/** What lasts for less is flow, and no trouble. */
const lastsMs = 1_000;

/** Tells of a state once it has lasted for a second, and of its end likewise. */
export class Alarm {
  readonly #tell: (isOn: boolean) => void;
  #isOn = false;
  #isTold = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (isOn: boolean) => void) {
    this.#tell = tell;
  }

  set(isOn: boolean): void {
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (isOn === this.#isTold) return;
    this.#timer = setTimeout(() => {
      this.#isTold = isOn;
      this.#tell(isOn);
    }, lastsMs);
    this.#timer.unref();
  }

  /** Tells nothing more. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
