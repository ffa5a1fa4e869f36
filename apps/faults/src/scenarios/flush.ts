import { setTimeout as delay } from 'node:timers/promises';
import { resumeTimes, slowest } from '../audit/elapsed.js';
import type { Journal } from '../audit/journal-line.js';
import { usualFigures } from '../figures.js';
import type { Part, Scenario } from '../scenario.js';
import { nothing, type Promised, usualPromises, within } from '../verdict.js';

type Policy = 'beginning' | 'resume' | 'fail';

const perSecond = 500;
/** Published right before, so that much is pending, and more is still unread. */
const burst = 3_000;
const resumeWithinMs = 10_000;

/** Everything on the server is deleted (FLUSHALL) under load: stream, group, and what is pending. */
export const flush: Scenario = {
  name: 'flush',
  short: { events: 8_000 },
  parts: [part('beginning'), part('resume'), part('fail')],
};

function part(policy: Policy): Part {
  return {
    title: `onGroupLost: '${policy}'`,
    async run(trial) {
      const load = trial.load({ limit: trial.options.events ?? 50_000 });
      await trial.startConsumers(3, { onGroupLost: policy, workMs: 20 });
      const enough = new AbortController();
      const publishing = load.publishAtRate(perSecond, enough.signal);
      await delay(trial.random.integer(2_000, 4_000));
      await load.publishAtOnce(burst);
      const erasedUpTo = await trial.view.eraseAll();
      const erasedAt = Date.now();
      trial.say('everything was deleted');
      await delay(resumeWithinMs);
      enough.abort();
      await publishing;
      if (policy !== 'fail') await trial.drain();
      const { account, evidence } = await trial.close(erasedUpTo);
      const { journals } = evidence;
      const resumed = slowest(resumeTimes(journals, erasedAt));
      const announced = {
        what: `groupLost was emitted and named the policy '${policy}'`,
        holds: losses(journals).length > 0 && losses(journals).every((loss) => loss.policy === policy),
        found: `emitted ${losses(journals).length} times by ${journals.length} consumers`,
      };
      const usual = usualPromises(account, [load]);
      return {
        account,
        promises:
          policy === 'fail'
            ? [
                announced,
                ...failedPromises(journals, erasedAt),
                nothing('Nothing that was confirmed is missing from the stream', account.publishing.missing),
              ]
            : [...usual, announced, within('Every consumer went on', trial.options.patience * resumeWithinMs, resumed)],
        figures: {
          'every consumer at work again after, ms': resumed ?? 'never',
          ...usualFigures(journals, [load]),
        },
      };
    },
  };
}

function losses(journals: readonly Journal[]): { readonly policy: string }[] {
  return journals.flatMap(({ lines }) =>
    lines.flatMap((line) => (line.kind === 'occurred' && line.name === 'groupLost' ? [JSON.parse(line.detail)] : [])),
  );
}

function failedPromises(journals: readonly Journal[], erasedAt: number): Promised[] {
  const silent = journals.filter(
    ({ lines }) => !lines.some((line) => line.kind === 'occurred' && line.detail.startsWith('EVENTS_GROUP_NOT_FOUND')),
  );
  const deaf = journals.filter((journal) => resumeTimes([journal], erasedAt)[0] !== undefined);
  return [
    nothing(
      'Every consumer failed with EVENTS_GROUP_NOT_FOUND',
      silent.map(({ process }) => process),
    ),
    nothing(
      'No consumer handled anything that was stored afterwards',
      deaf.map(({ process }) => process),
    ),
  ];
}
