import { makeOrders, type Order } from '../bench/orders.js';
import { median } from '../bench/statistics.js';
import { type Contender, contenders } from './contenders.js';

const calls = 20_000;
const size = 1_024;

/** What one contender takes for an event, in nanoseconds: medians of the rounds. */
export interface ValidatorCost {
  readonly name: string;
  readonly bareNs: number;
  readonly contractNs: number;
}

/** Measures all contenders in every round, one after another, on the same orders. */
export async function measureValidators(rounds: number): Promise<ValidatorCost[]> {
  const orders = makeOrders(size, 64);
  const samples = contenders.map(() => ({ bare: [] as number[], contract: [] as number[] }));
  // the first round warms up, and does not count
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      // whoever comes first finds another heap than whoever comes last
      const index = (turn + Math.max(0, round)) % contenders.length;
      const contender = contenders[index] as Contender;
      const measured = {
        bare: await callNs(contender.bare, orders),
        contract: await callNs(validateWith(contender), orders),
      };
      if (round < 0) continue;
      for (const kind of ['bare', 'contract'] as const) samples[index]?.[kind].push(measured[kind]);
    }
  }
  return contenders.map(({ name }, index) => ({
    name,
    bareNs: median(samples[index]?.bare ?? []),
    contractNs: median(samples[index]?.contract ?? []),
  }));
}

function validateWith({ contract }: Contender): (order: Order) => unknown {
  const { validate } = contract['~standard'];
  return (order) => {
    const result = validate(order);
    return result instanceof Promise ? result.then(({ issues }) => issues === undefined) : result.issues === undefined;
  };
}

async function callNs(call: (order: Order) => unknown, orders: readonly Order[]): Promise<number> {
  const start = process.hrtime.bigint();
  for (let index = 0; index < calls; index += 1) {
    const verdict = call(orders[index % orders.length] as Order);
    const isValid = verdict instanceof Promise ? await verdict : verdict;
    if (isValid !== true) throw new Error('A valid order was refused');
  }
  return Number(process.hrtime.bigint() - start) / calls;
}
