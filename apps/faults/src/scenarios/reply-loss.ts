import { setTimeout as delay } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '@events/tooling-redis';
import { parseEventId } from '../audit/event-name.js';
import type { StoredEntry } from '../audit/evidence.js';
import { usualFigures } from '../figures.js';
import { type Address, addressOf, type GroundPlan } from '../ground.js';
import type { SeededRandom } from '../random.js';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import { nothing, usualPromises } from '../verdict.js';

const perSecond = 300;
const calmMs = 3_000;

/** Replies get lost between servers and clients, connections are cut in the middle of replies, go silent, or crawl. */
export const replyLoss: Scenario = {
  name: 'reply-loss',
  short: { events: 20_000, faults: 9 },
  parts: [
    part('one server', { kind: 'single' }),
    part('sentinels', { kind: 'sentinel', options: { proxied: true } }),
    part('cluster', { kind: 'cluster', options: { proxied: true } }),
  ],
};

function part(title: string, ground: GroundPlan): Part {
  return {
    title,
    ground,
    async run(trial) {
      const { events = 100_000, faults = 60 } = trial.options;
      const line = await openLine(trial);
      const limit = Math.ceil(events / 3);
      const common = { address: line.address, limit };
      const careful = trial.load({ ...common, keyPrefix: 'careful-' });
      const insistent = trial.load({ ...common, keyPrefix: 'insistent-', retryUnknown: true });
      const idempotent = trial.load({ ...common, keyPrefix: 'idempotent-', idempotent: true });
      const loads = [careful, insistent, idempotent];
      await trial.startConsumers(3, { address: line.address });
      const enough = new AbortController();
      const publishing = Promise.all(loads.map((load) => load.publishAtRate(perSecond, enough.signal)));
      const kinds = Object.entries(faultKinds);
      for (let fault = 0; fault < faults; fault += 1) {
        await delay(trial.random.integer(100, 1_000));
        // each kind in turn, so that the shortest run has them all
        const [name, hit] = kinds[fault % kinds.length] as (typeof kinds)[number];
        trial.say(name);
        await hit(await line.proxy(), trial.random);
      }
      await delay(calmMs);
      enough.abort();
      await publishing;
      await trial.drain();
      const { account, evidence } = await trial.close();
      await line.close();
      const copies = (prefix: string) => copiesOf(prefix, evidence.entries);
      const unanswered = loads.map((load) => load.unanswered.size);
      return {
        account,
        promises: [
          ...usualPromises(account, loads),
          nothing('Without retryUnknown nothing is stored twice', copies('careful-')),
          nothing('With idempotent nothing is stored twice', copies('idempotent-')),
          {
            what: 'The trial was hard enough: sendings of every publisher remained without an answer',
            holds: unanswered.every((count) => count > 0),
            found: `${unanswered.join(', ')} events (careful, with retryUnknown, idempotent)`,
          },
        ],
        figures: {
          faults,
          'events with an unanswered sending, without retryUnknown': careful.unanswered.size,
          'events with an unanswered sending, with retryUnknown': insistent.unanswered.size,
          'events with an unanswered sending, idempotent': idempotent.unanswered.size,
          'events stored more than once, with retryUnknown': copies('insistent-').length,
          ...usualFigures(evidence.journals, loads),
        },
      };
    },
  };
}

/** What lies between the clients and the server in charge. */
interface Line {
  readonly address: Address;
  proxy(): Promise<FaultProxy>;
  close(): Promise<void>;
}

async function openLine(trial: Trial): Promise<Line> {
  const { ground } = trial;
  if (ground.kind === 'single') {
    const proxy = await startFaultProxy({ target: ground.redis });
    return { address: { url: proxy.url }, proxy: () => Promise.resolve(proxy), close: () => proxy.close() };
  }
  return {
    address: addressOf(ground),
    proxy: async () => ground.redis.proxyOf(await trial.inCharge()),
    close: () => Promise.resolve(), // the proxies end with the servers
  };
}

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
  async 'requests vanished'(target, random) {
    target.setMode('blackhole', 'toServer');
    await delay(random.integer(200, 4_000));
    target.setMode('pass');
    target.cut();
  },
  async 'replies vanished, and the connections ended'(target, random) {
    target.setMode('blackhole', 'toClient');
    await delay(random.integer(200, 4_000));
    target.setMode('pass');
    target.cut();
  },
  async 'connections were refused'(target, random) {
    target.setMode('refuse');
    await delay(random.integer(100, 2_000));
    target.setMode('pass');
  },
  async 'everything took long'(target, random) {
    target.latency(random.integer(100, 1_500));
    await delay(random.integer(500, 3_000));
    target.latency(0);
  },
  async 'replies crawled'(target, random) {
    target.slowRead(random.integer(200, 4_000));
    await delay(random.integer(500, 3_000));
    target.slowRead(Number.POSITIVE_INFINITY);
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
