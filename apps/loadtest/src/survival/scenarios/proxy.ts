import { setTimeout as delay } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '@events/tooling-redis';
import { parseEventId } from '../audit/event-name.js';
import type { StoredEntry } from '../audit/evidence.js';
import { usualFigures } from '../figures.js';
import type { SeededRandom } from '../random.js';
import type { Scenario } from '../scenario.js';
import { nothing, usualPromises } from '../verdict.js';

const perSecond = 500;
const calmMs = 3_000;

/** Replies get lost between server and clients, connections are cut in the middle of replies, and go silent. */
export const proxy: Scenario = {
  name: 'proxy',
  parts: [
    {
      title: '',
      async run(trial) {
        const { events = 100_000, faults = 60 } = trial.options;
        const proxies = await Promise.all([
          startFaultProxy({ target: trial.server }),
          startFaultProxy({ target: trial.server }),
        ]);
        const [publishers, consumers] = proxies;
        const limit = Math.ceil(events / 2);
        const careful = trial.load({ url: publishers.url, limit, keyPrefix: 'careful-' });
        const insistent = trial.load({ url: publishers.url, limit, keyPrefix: 'insistent-', retryUnknown: true });
        await trial.startConsumers(3, { url: consumers.url });
        const enough = new AbortController();
        const publishing = Promise.all([
          careful.publishAtRate(perSecond, enough.signal),
          insistent.publishAtRate(perSecond, enough.signal),
        ]);
        for (let fault = 1; fault <= faults; fault += 1) {
          await delay(trial.random.integer(100, 1_000));
          const [name, hit] = trial.random.pick(Object.entries(faultKinds));
          const target = trial.random.pick(proxies);
          trial.say(`${name}, between the server and the ${target === publishers ? 'publishers' : 'consumers'}`);
          await hit(target, trial.random);
        }
        await delay(calmMs);
        enough.abort();
        await publishing;
        await trial.drain();
        const { account, evidence } = await trial.close();
        await Promise.all(proxies.map((one) => one.close()));
        return {
          account,
          promises: [
            ...usualPromises(account, [careful, insistent]),
            nothing('Without retryUnknown nothing is stored twice', copiesOf('careful-', evidence.entries)),
            {
              what: 'The trial was hard enough: sendings remained without an answer, with and without retryUnknown',
              holds: careful.unanswered.size > 0 && insistent.unanswered.size > 0,
              found: `${careful.unanswered.size} events without, ${insistent.unanswered.size} events with retryUnknown`,
            },
          ],
          figures: {
            faults,
            'events with an unanswered sending, without retryUnknown': careful.unanswered.size,
            'events with an unanswered sending, with retryUnknown': insistent.unanswered.size,
            'events stored more than once, with retryUnknown': copiesOf('insistent-', evidence.entries).length,
            ...usualFigures(evidence.journals, [careful, insistent]),
          },
        };
      },
    },
  ],
};

type Fault = (target: FaultProxy, random: SeededRandom) => Promise<void>;

const faultKinds: Readonly<Record<string, Fault>> = {
  async 'replies were dropped'(target, random) {
    target.setMode('dropReplies');
    await delay(random.integer(50, 500));
    target.setMode('pass');
    // what was dropped stays dropped: the connections are out of step
    target.cut();
  },
  async 'a reply was cut in the middle'(target, random) {
    const cut = target.cutAfterBytes(random.integer(1, 5_000), 'toClient');
    await Promise.race([cut, delay(2_000)]);
  },
  async 'a request was cut in the middle'(target, random) {
    const cut = target.cutAfterBytes(random.integer(1, 20_000), 'toServer');
    await Promise.race([cut, delay(2_000)]);
  },
  async 'connections went silent'(target, random) {
    target.setMode('blackhole');
    await delay(random.integer(200, 4_000));
    target.setMode('pass');
    target.cut();
  },
  async 'connections were refused'(target, random) {
    target.setMode('refuse');
    await delay(random.integer(100, 2_000));
    target.setMode('pass');
  },
};

function copiesOf(keyPrefix: string, entries: readonly StoredEntry[]): string[] {
  const seen = new Set<string>();
  const copied = new Set<string>();
  for (const { eventId } of entries) {
    if (!parseEventId(eventId).key.startsWith(keyPrefix)) continue;
    if (seen.has(eventId)) copied.add(eventId);
    seen.add(eventId);
  }
  return [...copied];
}
