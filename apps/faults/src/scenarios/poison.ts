import { setTimeout as delay } from 'node:timers/promises';
import type { Evidence } from '../audit/evidence.js';
import type { ConsumerOrders } from '../crew/consumer-orders.js';
import { usualFigures } from '../figures.js';
import type { Part, Scenario } from '../scenario.js';
import type { Trial } from '../trial.js';
import { type Promised, usualPromises } from '../verdict.js';

const restartAfterMs = 200;
const claimIdleMs = 1_000;

/** Events that end the process of their handler, among healthy ones. */
export const poison: Scenario = {
  name: 'poison',
  short: { events: 128 },
  parts: [
    part('one poisonous event, maxRetries 5', 1, 5),
    part('one poisonous event, maxRetries 1', 1, 1),
    part('two poisonous events, maxRetries 5', 2, 5),
  ],
};

function part(title: string, count: number, maxRetries: number): Part {
  return {
    title,
    async run(trial) {
      const { events = 256 } = trial.options;
      // few keys, so that most events have neighbours of their key
      const load = trial.load({ limit: events, keys: 16 });
      await load.publish(events);
      const ids = load.attempts.map(({ eventId }) => eventId);
      const chosen = new Set<string>();
      while (chosen.size < count) chosen.add(trial.random.pick(ids));
      const crashes = await superviseUntilDrained(trial, 3, { claimIdleMs, maxRetries, poison: [...chosen] });
      const { account, evidence } = await trial.close();
      return {
        account,
        promises: [
          ...usualPromises(account, [load], { deadLetters: count }),
          ...[...chosen].map((eventId) => boundedPromise(eventId, maxRetries, evidence)),
        ],
        figures: { 'processes that crashed': crashes, ...usualFigures(evidence.journals, [load]) },
      };
    },
  };
}

/** Keeps so many processes running. Resolves, once everything is settled, with how many crashed. */
async function superviseUntilDrained(trial: Trial, count: number, orders: Partial<ConsumerOrders>): Promise<number> {
  const { crew } = trial;
  let crashes = 0;
  let isOver = false;
  const supervise = async () => {
    while (!isOver) {
      const member = await trial.startConsumer(orders);
      await Promise.race([member.ended, drained]);
      if (member.isRunning) return;
      crashes += 1;
      const { inFlight } = await crew.noteInterruption(member);
      trial.say(`a process crashed with ${inFlight.size} in flight`);
      await delay(restartAfterMs);
    }
  };
  const drained = trial.drain().then(() => {
    isOver = true;
  });
  await Promise.all(Array.from({ length: count }, supervise));
  return crashes;
}

function boundedPromise(eventId: string, maxRetries: number, { deadLetters, journals }: Evidence): Promised {
  const deadLetter = deadLetters.find((candidate) => candidate.eventId === eventId);
  const isItsStart = (line: { readonly kind: string; readonly event?: string }) =>
    line.kind === 'started' && line.event === eventId;
  const started = journals.reduce((sum, { lines }) => sum + lines.filter(isItsStart).length, 0);
  return {
    what: `The poisonous event ${eventId} is in the dead letters after at most ${maxRetries + 1} attempts`,
    // of a first delivery that ended in a crash nobody knows whether it was started: it counts
    holds: deadLetter !== undefined && started <= deadLetter.attempts && deadLetter.attempts <= maxRetries + 1,
    found:
      deadLetter === undefined
        ? `not there; ${started} attempts were started`
        : `reason '${deadLetter.reason}', attempts: ${deadLetter.attempts} recorded, ${started} started`,
  };
}
