import { setTimeout as delay } from 'node:timers/promises';
import type { Mail } from '../services/order-service.js';
import type { Bank } from '../services/payment-service.js';
import type { Warehouse } from '../services/shipping-service.js';
import { chance } from './random.js';

const declinedShare = 0.06;

/** Somebody outside the shop: takes a few milliseconds and, about some orders, fails once or twice before it succeeds. */
class Partner {
  readonly #seed: number;
  readonly #name: string;
  readonly #failingShare: number;
  readonly #failuresLeft = new Map<string, number>();

  constructor(seed: number, name: string, failingShare: number) {
    this.#seed = seed;
    this.#name = name;
    this.#failingShare = failingShare;
  }

  async ask(subject: string): Promise<void> {
    await delay(2 + chance(this.#seed, this.#name, subject, 'duration') * 6);
    const left = this.#failuresLeft.get(subject) ?? this.#plannedFailures(subject);
    if (left > 0) {
      this.#failuresLeft.set(subject, left - 1);
      throw new Error(`${this.#name} cannot be reached`);
    }
  }

  #plannedFailures(subject: string): number {
    if (chance(this.#seed, this.#name, subject) >= this.#failingShare) return 0;
    return chance(this.#seed, this.#name, subject, 'again') < 0.3 ? 2 : 1;
  }
}

/** A bank that breaks down over one order, whenever it is asked. */
export function simulatedBank(seed: number, poisonOrderId: string): Bank {
  const terminal = new Partner(seed, 'The bank', 0.05);
  return {
    async charge(orderId) {
      await terminal.ask(`charge ${orderId}`);
      if (orderId === poisonOrderId) throw new Error('The bank answers with something that cannot be understood');
      return chance(seed, 'declined', orderId) < declinedShare ? 'declined' : 'captured';
    },
    settle: (orderId) => terminal.ask(`settle ${orderId}`),
  };
}

export function simulatedWarehouse(seed: number): Warehouse {
  const packers = new Partner(seed, 'The packing station', 0.02);
  const carrier = new Partner(seed, 'The carrier', 0.02);
  return {
    pack: (orderId) => packers.ask(`pack ${orderId}`),
    async handOver(orderId) {
      await carrier.ask(`hand over ${orderId}`);
      return `parcel-of-${orderId}`;
    },
    arrival: (trackingNumber) => carrier.ask(`deliver ${trackingNumber}`),
    restock: (orderId) => packers.ask(`restock ${orderId}`),
  };
}

export function simulatedMail(seed: number): Mail {
  const server = new Partner(seed, 'The mail server', 0.03);
  return { send: (orderId, text) => server.ask(`${orderId} ${text}`) };
}
