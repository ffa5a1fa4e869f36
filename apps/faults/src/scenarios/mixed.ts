import { usualFigures } from '../figures.js';
import type { Scenario } from '../scenario.js';
import { clients } from '../transports.js';
import { usualPromises } from '../verdict.js';

/** With as many processes of each client, half would be fair. */
const leastShare = 0.2;

/** Consumers and publishers of both clients work on one stream and in one group. */
export const mixed: Scenario = {
  name: 'mixed',
  short: { events: 4_000 },
  mixesClients: true,
  parts: [
    {
      title: '',
      async run(trial) {
        const { events = 50_000 } = trial.options;
        const limit = Math.ceil(events / clients.length);
        const loads = clients.map((client) => trial.load({ client, limit, keyPrefix: `${client}-` }));
        const members = [];
        for (const client of clients) members.push(...(await trial.startConsumers(2, { client })));
        await Promise.all(loads.map((load) => load.publish(limit)));
        await trial.drain();
        const clientOf = new Map(members.map(({ id, orders }) => [id, orders.client]));
        const { account, evidence } = await trial.close();
        const handledBy = (client: string) =>
          evidence.journals
            .filter(({ process }) => clientOf.get(process) === client)
            .reduce((sum, { lines }) => sum + lines.filter(({ kind }) => kind === 'ended').length, 0);
        return {
          account,
          promises: [
            ...usualPromises(account, loads),
            ...clients.map((client) => ({
              what: `Consumers on ${client} got a share of the work`,
              holds: handledBy(client) >= leastShare * account.delivery.handled,
              found: `${handledBy(client)} of ${account.delivery.handled} events`,
            })),
          ],
          figures: usualFigures(evidence.journals, loads),
        };
      },
    },
  ],
};
