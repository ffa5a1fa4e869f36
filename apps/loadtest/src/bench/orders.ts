/** A realistic event: an order with its lines. */
export interface Order {
  /** Counts the events of a run, so that what arrives can be added up. */
  sequence: number;
  /** When it was published, on the clock that all processes of a machine share. 0 where nobody asks. */
  sentAtUs: number;
  readonly orderId: string;
  readonly customer: string;
  readonly total: number;
  readonly note: string;
  readonly lines: readonly OrderLine[];
}

interface OrderLine {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: number;
}

export const orderType = 'order.placed';
export const sourceName = 'orders-service';

const goods = [
  'kettle',
  'bicycle pump',
  'desk lamp',
  'notebook, ruled',
  'garden hose 25 m',
  'tea, loose leaf',
  'wool socks',
];

/** `count` different orders of `size` bytes of JSON each. The same ones every time. */
export function makeOrders(size: number, count: number): Order[] {
  const random = seededRandom(size);
  return Array.from({ length: count }, () => makeOrder(size, random));
}

function makeOrder(size: number, random: (below: number) => number): Order {
  const lines: OrderLine[] = [];
  const order = {
    sequence: 0,
    sentAtUs: 0,
    orderId: `o-${100_000 + random(900_000)}`,
    customer: `c-${1_000 + random(9_000)}`,
    total: 100 + random(900),
    note: '',
    lines,
  };
  let length = JSON.stringify(order).length;
  for (;;) {
    const line = {
      sku: `sku-${10_000 + random(90_000)}`,
      name: goods[random(goods.length)] ?? '',
      quantity: 1 + random(9),
      unitPrice: 99 + random(99_900),
    };
    length += JSON.stringify(line).length + (lines.length > 0 ? 1 : 0);
    if (length > size) break;
    lines.push(line);
  }
  const missing = Math.max(0, size - JSON.stringify(order).length);
  return { ...order, note: 'leave it with the neighbour '.repeat(Math.ceil(missing / 28)).slice(0, missing) };
}

/** A small linear congruential generator: runs must be comparable, not unpredictable. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed % 2_147_483_647;
  return (below) => {
    state = (state * 48_271 + 11) % 2_147_483_647;
    return state % below;
  };
}
