const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const interruptedExitCode = 130;

/** Listens for Ctrl-C. Who presses it a second time does not want to wait for anything. */
export class Interruption {
  /** Resolves at the first Ctrl-C, or when somebody asks the process to end. */
  readonly happened: Promise<void>;
  #happen: () => void = () => undefined;
  #hasHappened = false;

  constructor() {
    this.happened = new Promise((resolve) => {
      this.#happen = resolve;
    });
    for (const signal of signals) process.on(signal, this.#listener);
  }

  /** Leaves signals to Node again. */
  close(): void {
    for (const signal of signals) process.off(signal, this.#listener);
  }

  readonly #listener = (): void => {
    if (this.#hasHappened) process.exit(interruptedExitCode);
    this.#hasHappened = true;
    this.#happen();
  };
}
