import type { Delivery } from './delivery.js';
import { Fifo } from './fifo.js';

interface Lane {
  holder: Delivery;
  readonly waiting: Fifo<Delivery>;
}

/** Deliveries that must not run beside each other, by lane key: one holds the lane, the others wait in order. */
export class LaneTable {
  readonly #lanes = new Map<string, Lane>();

  /** The delivery that must be waited for, or `undefined` when the lane is now this delivery's. */
  enter(delivery: Delivery): Delivery | undefined {
    if (delivery.laneKey === undefined) return undefined;
    const lane = this.#lanes.get(delivery.laneKey);
    if (lane !== undefined) {
      lane.waiting.push(delivery);
      return lane.holder;
    }
    this.#lanes.set(delivery.laneKey, { holder: delivery, waiting: new Fifo() });
    delivery.holdsLane = true;
    return undefined;
  }

  /** Hands the lane on. Returns who holds it now. */
  leave(delivery: Delivery): Delivery | undefined {
    if (!delivery.holdsLane || delivery.laneKey === undefined) return undefined;
    delivery.holdsLane = false;
    const lane = this.#lanes.get(delivery.laneKey);
    let next = lane?.waiting.shift();
    while (next?.state === 'done') next = lane?.waiting.shift();
    if (lane === undefined || next === undefined) {
      this.#lanes.delete(delivery.laneKey);
      return undefined;
    }
    lane.holder = next;
    next.holdsLane = true;
    return next;
  }

  /** Those who wait for a delivery's lane. */
  behind(delivery: Delivery): Iterable<Delivery> {
    if (!delivery.holdsLane || delivery.laneKey === undefined) return [];
    return this.#lanes.get(delivery.laneKey)?.waiting ?? [];
  }
}
