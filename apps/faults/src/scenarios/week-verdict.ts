import type { Standstill } from '../traffic/laggard.js';
import type { ServerCost } from '../traffic/server-cost.js';
import type { StreamSample } from '../traffic/stream-watch.js';
import type { Tally } from '../traffic/tally.js';
import { type Promised, type Verdict, within } from '../verdict.js';

/** How soon a stream is within its bound when nothing holds it any more. */
export const boundedWithinMs = 20_000;
/** Redis removes whole nodes of so many entries. */
export const nodeEntries = 100;
/** How soon after a release a stream that grows must be back within its bound: more than a million entries have to go. */
const releaseMs = 15_000;

export interface WeekPlan {
  readonly events: number;
  readonly perSecond: number;
  readonly bound: number;
  readonly maxGroupIdleMs: number;
}

/** What happened, and when, Unix ms. */
export interface TrimTale {
  readonly held: { readonly group: string; readonly at: number }[];
  readonly released: { readonly group: string; readonly at: number; readonly silentMs: number }[];
  readonly lost: Map<string, number>;
  readonly errors: string[];
  removed: number;
}

/** What is left when the traffic is over. */
export interface Week {
  readonly plan: WeekPlan;
  readonly live: Tally;
  readonly stopped: Tally;
  readonly stop: Standstill;
  readonly abandonedAt: number;
  readonly samples: readonly StreamSample[];
  readonly end: StreamSample;
  readonly ms: number;
  readonly cost: ServerCost;
  readonly load: number;
}

/** How the week ended; `told` = what the library said of it. */
export function verdictOf(passed: Week, told: TrimTale | undefined, patience: number): Verdict {
  const figures = figuresOf(passed);
  if (told === undefined) return { account: undefined, promises: [], figures };
  const { plan, abandonedAt } = passed;
  const named = told.held.find(({ group }) => group === 'abandoned')?.at;
  const release = told.released.find(({ group }) => group === 'abandoned');
  const beyond = mostBeyond(passed, release?.at);
  // a pass follows within what a fast stream has grown by a twentieth; the machine has other things to do, too
  const allowed = Math.round(plan.bound / 4 + patience * 0.5 * (plan.events / (passed.ms / 1_000)));
  return {
    account: undefined,
    promises: [
      none('The group that kept up has handled every event', passed.live.missing, 'events'),
      none('The group that was stopped has handled every event', passed.stopped.missing, 'events'),
      {
        what: 'By its own account, trimming took nothing from either of them',
        holds: !told.lost.has('live') && !told.lost.has('stopped'),
        found: `lost: ${[...told.lost].map(([group, count]) => `${group} ${count}`).join(', ') || 'nothing'}`,
      },
      {
        what: 'The abandoned group was named before it was released',
        holds: named !== undefined && release !== undefined && named < release.at,
        found: named === undefined ? 'never named' : `named ${named - abandonedAt} ms after it was abandoned`,
      },
      {
        what: 'The group that kept up was never named',
        holds: told.held.every(({ group }) => group !== 'live'),
        found: `named: ${told.held.map(({ group }) => group).join(', ')}`,
      },
      within(
        'The abandoned group was released, once maxGroupIdleMs was over and',
        plan.maxGroupIdleMs + patience * boundedWithinMs,
        release && release.at - abandonedAt,
      ),
      {
        what: 'It was not released before that, and no other group was',
        holds: told.released.every(({ group, silentMs }) => group === 'abandoned' && silentMs >= plan.maxGroupIdleMs),
        found: told.released.map(({ group, silentMs }) => `${group} after ${silentMs} ms`).join(', '),
      },
      {
        what: `The stream was never more than ${allowed} entries beyond maxLength and what the last group held had to read`,
        holds: beyond <= allowed,
        found: `${beyond} entries beyond`,
      },
      {
        what: 'Once everything is read, the stream is within maxLength, and one node',
        holds: passed.end.length <= plan.bound + nodeEntries,
        found: `${passed.end.length} entries`,
      },
      none('The publisher told of no error', told.errors.length, 'errors'),
    ],
    figures: { ...figures, ...tale(told, passed) },
  };
}

function none(what: string, count: number, things: string): Promised {
  return { what, holds: count === 0, found: count === 0 ? 'no exception' : `${count} ${things}` };
}

/** By how much the stream was longer than documented, at most, except right after a release. */
function mostBeyond(passed: Week, releasedAt = Number.POSITIVE_INFINITY): number {
  const counted = passed.samples.filter(({ at }) => at < releasedAt || at >= releasedAt + releaseMs);
  return counted.reduce((most, sample) => Math.max(most, beyondAt(passed, sample, releasedAt)), 0);
}

/** By how much it was longer than documented at one moment. */
function beyondAt({ plan }: Week, { at, length, behind }: StreamSample, releasedAt: number): number {
  const held = [...behind].filter(([group]) => group !== 'abandoned' || at < releasedAt);
  const furthest = Math.max(plan.bound, ...held.map(([, entries]) => entries));
  return Number.isNaN(furthest) ? 0 : length - furthest;
}

/** How long it took until what a released group had held was gone, but for what comes between two passes. */
function releaseTook(passed: Week, releasedAt: number): string {
  const done = passed.samples.find(
    (sample) => sample.at > releasedAt + 500 && beyondAt(passed, sample, releasedAt) <= passed.plan.bound / 4,
  );
  return done === undefined ? 'not seen' : ((done.at - releasedAt) / 1_000).toFixed(1);
}

function figuresOf({ plan, live, stopped, stop, samples, end, ms, cost, load }: Week): Record<string, string | number> {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const most = (of: (sample: StreamSample) => number) =>
    samples.reduce((peak, sample) => Math.max(peak, of(sample)), 0);
  return {
    'events published': plan.events,
    'published in, s': (ms / 1_000).toFixed(1),
    'events a second': Math.round(plan.events / (ms / 1_000)),
    'bound: entries': plan.bound,
    'the stopped group stood still for, s': (stop.ms / 1_000).toFixed(1),
    'published meanwhile': stop.events,
    'unread events lost: the group that kept up': live.missing,
    'unread events lost: the group that was stopped': stopped.missing,
    'handled again: the group that kept up': live.repeated,
    'handled again: the group that was stopped': stopped.repeated,
    'longest stream, entries': most(({ length }) => length),
    'peak of used_memory, MB': megabytes(most(({ memoryBytes }) => memoryBytes)),
    'stream at the end, entries': end.length,
    'used_memory at the end, MB': megabytes(end.memoryBytes),
    'server CPU, s': (cost.cpuUs / 1e6).toFixed(1),
    'XADD, µs each': (cost.xadd.us / cost.xadd.calls).toFixed(2),
    'load average before': load.toFixed(2),
  };
}

function tale(told: TrimTale, passed: Week): Record<string, string | number> {
  const { cost, samples, ms } = passed;
  const releasedAt = told.released[0]?.at ?? Number.POSITIVE_INFINITY;
  const later = samples.filter(({ at }) => at > releasedAt + releaseMs);
  const share = (us: number, of: number) => `${((100 * us) / of).toFixed(2)} %`;
  return {
    'groups named, holding the stream': told.held.map(({ group }) => group).join(', '),
    'groups released': told.released.map(({ group, silentMs }) => `${group} (silent for ${silentMs} ms)`).join(', '),
    'what the released group had held was gone after, s': releaseTook(passed, releasedAt),
    'longest stream from 15 s after the release on, entries':
      later.length === 0 ? 'not seen' : later.reduce((most, { length }) => Math.max(most, length), 0),
    'entries trimmed': told.removed,
    'taken from the abandoned group after its release': told.lost.get('abandoned') ?? 0,
    'trimming (XTRIM): commands': cost.xtrim.calls,
    'trimming (XTRIM): of the server’s CPU time': share(cost.xtrim.us, cost.cpuUs),
    'all scripts, trimming and signs of life: of the server’s CPU time': share(cost.scripts.us, cost.cpuUs),
    'all scripts: of the time of publishing': share(cost.scripts.us, ms * 1_000),
    'longest script, ms': (cost.longestScriptUs / 1_000).toFixed(1),
  };
}
