import type { Delivery } from './delivery.js';
import { Fifo } from './fifo.js';

/**
 * Lets one suspect run at a time. A suspect's last consumer vanished; should it be what brings processes down, its
 * neighbours must not be running, and so condemned, beside it.
 */
export class SuspectGate {
  readonly #onTurn: (delivery: Delivery) => void;
  /** Known by id alone. */
  readonly #unloaded = new Fifo<Delivery>();
  /** Loaded, holding their lanes. */
  readonly #loaded = new Fifo<Delivery>();
  /** The one that is being loaded, or runs. */
  #current: Delivery | undefined;

  /** `onTurn` is told when a loaded suspect may run. */
  constructor(onTurn: (delivery: Delivery) => void) {
    this.#onTurn = onTurn;
  }

  get waiting(): number {
    return this.#unloaded.length + this.#loaded.length;
  }

  add(delivery: Delivery): void {
    this.#unloaded.push(delivery);
    this.#next();
  }

  /** Whether a loaded suspect may run now; if not, it is told when. */
  enter(delivery: Delivery): boolean {
    if (this.#current === undefined || this.#current === delivery || this.#current.state === 'done') {
      this.#current = delivery;
      return true;
    }
    this.#loaded.push(delivery);
    return false;
  }

  /** A suspect that has to wait for its lane lets others go first. */
  passOver(delivery: Delivery): void {
    if (this.#current !== delivery) return;
    this.#current = undefined;
    this.#next();
  }

  /** A suspect ended an attempt without taking the process along: it is none any more. */
  clear(delivery: Delivery): void {
    if (!delivery.suspect) return;
    delivery.suspect = false;
    this.passOver(delivery);
  }

  #next(): void {
    while (this.#current === undefined) {
      const loaded = this.#loaded.shift();
      if (loaded !== undefined) {
        if (loaded.state !== 'queued') continue;
        this.#current = loaded;
        this.#onTurn(loaded);
        return;
      }
      const unloaded = this.#unloaded.shift();
      if (unloaded === undefined) return;
      if (unloaded.state !== 'parked') continue;
      this.#current = unloaded;
      unloaded.home.load(unloaded);
    }
  }
}
