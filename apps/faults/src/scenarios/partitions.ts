import { setTimeout as delay } from 'node:timers/promises';
import { slowest } from '../audit/elapsed.js';
import { timeOfEntry } from '../audit/entry-order.js';
import type { Journal } from '../audit/journal-line.js';
import type { ConsumerProcess } from '../crew/consumer-process.js';
import { usualFigures } from '../figures.js';
import type { GroundPlan } from '../ground.js';
import type { Part, Scenario } from '../scenario.js';
import { nothing, usualPromises, within } from '../verdict.js';

const partitions = 8;
const concurrency = 16;
const perSecond = 500;
const partitionLeaseMs = 2_000;
const settleWithinMs = 3 * partitionLeaseMs;
/** After it has settled, so that one fault's effects are not taken for another's. */
const calmMs = 1_000;
/** Published right before a process is killed or held up: more than it can handle at once. */
const burst = 2_000;

/**
 * Four processes own eight partitions with keys in order. One is killed, one is added, one stands still past its lease
 * and goes on, one is stopped in good order.
 */
export const partitioned: Scenario = {
  name: 'partitions',
  short: { seconds: 4 },
  parts: [part('one server', { kind: 'single' }), part('cluster', { kind: 'cluster' })],
};

function part(title: string, ground: GroundPlan): Part {
  return {
    title,
    ground,
    async run(trial) {
      const { crew } = trial;
      const { events = 100_000, faults = 1, seconds = 10, patience } = trial.options;
      trial.view.partitioned(partitions);
      const load = trial.load({ limit: events, partitions, keys: 400 });
      const orders = { concurrency, partitions, partitionLeaseMs, workMs: 40, claimIdleMs: 2_000 };
      const members = await trial.startConsumers(4, orders);
      const enough = new AbortController();
      const publishing = load.publishAtRate(perSecond, enough.signal);
      await delay(3 * calmMs);
      const moments: Moment[] = [];
      const inHand: number[] = [];
      const settle = async (moment: Moment) => {
        moments.push(moment);
        const deadline = moment.at + patience * settleWithinMs + calmMs;
        while (settledAfter(crew.journals(), moment) === undefined && Date.now() < deadline) await delay(250);
        await delay(calmMs);
      };
      for (let round = 0; round < faults; round += 1) {
        await load.publishAtOnce(burst);
        const begin = Date.now();
        await crew.kill(takeOne(members, trial.random.integer(0, 3)));
        await settle({ what: 'a process was killed', at: begin });

        const added = await trial.startConsumer(orders);
        members.push(added);
        await settle({ what: 'a process was added', at: Date.now(), expects: added });

        const held = trial.random.pick(members);
        await load.publishAtOnce(burst);
        held.pause();
        moments.push({ what: 'a process stood still', at: Date.now() });
        const { inFlight } = await crew.noteInterruption(held);
        inHand.push(inFlight.size);
        await delay(Math.max(seconds * 1_000, 2 * partitionLeaseMs));
        held.proceed();
        await settle({ what: 'it went on', at: Date.now(), expects: held });

        const leaving = takeOne(members, trial.random.integer(0, 3));
        const left = Date.now();
        await leaving.stop(10_000);
        members.push(await trial.startConsumer(orders));
        await settle({ what: 'a process was stopped and replaced', at: left });
        trial.say('one was killed, one added, one held up, one stopped and replaced');
      }
      enough.abort();
      await publishing;
      await trial.drain();
      const { account, evidence } = await trial.close();
      const settled = moments.map((moment) => settledAfter(evidence.journals, moment));
      return {
        account,
        promises: [
          ...usualPromises(account, [load]),
          nothing(
            'The order of a key holds across processes, and nothing is started by an owner that has lost its partition',
            account.order.acrossProcesses,
          ),
          {
            what: 'The trial was hard enough: an owner was held up with more in hand than it handles at once',
            holds: inHand.every((count) => count > concurrency),
            found: `${inHand.join(', ')} entries`,
          },
          within('Every partition had a working owner again', patience * settleWithinMs, slowest(settled)),
          {
            what: `The trial was hard enough: events in all ${partitions} partitions`,
            holds: partitionsOf(evidence.journals).size === partitions,
            found: `${partitionsOf(evidence.journals).size} partitions`,
          },
        ],
        figures: {
          'order broken between processes': account.order.acrossProcesses.length,
          ...Object.fromEntries(
            moments.map(({ what }, index) => [`${what}: settled after, ms`, settled[index] ?? 'never']),
          ),
          ...usualFigures(evidence.journals, [load]),
        },
      };
    },
  };
}

/** When something was done to the owners. */
interface Moment {
  readonly what: string;
  readonly at: number;
  /** Who should have a partition afterwards. */
  readonly expects?: ConsumerProcess;
}

function takeOne(members: ConsumerProcess[], index: number): ConsumerProcess {
  const [taken] = members.splice(index % members.length, 1);
  if (taken === undefined) throw new Error('There is no process');
  return taken;
}

function streamOf(place: string): string {
  return place.slice(place.indexOf('@') + 1);
}

function partitionsOf(journals: readonly Journal[]): Set<string> {
  const streams = new Set<string>();
  for (const { lines } of journals)
    for (const line of lines) if (line.kind === 'started') streams.add(streamOf(line.entry));
  return streams;
}

/** How long after a moment an event stored since had been started in every partition, and by who should have one. */
function settledAfter(journals: readonly Journal[], { at, expects }: Moment): number | undefined {
  const first = new Map<string, number>();
  let expected: number | undefined;
  for (const { process, lines } of journals) {
    for (const line of lines) {
      if (line.kind !== 'started' || timeOfEntry(line.entry) <= at) continue;
      const stream = streamOf(line.entry);
      first.set(stream, Math.min(line.at, first.get(stream) ?? line.at));
      if (process === expects?.id) expected = Math.min(line.at, expected ?? line.at);
    }
  }
  if (first.size < partitions || (expects !== undefined && expected === undefined)) return undefined;
  return Math.max(...first.values(), expected ?? 0) - at;
}
