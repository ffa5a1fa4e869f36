import type { Account } from './audit/account.js';
import type { Load } from './load.js';

/** One thing that was promised, and what was found. */
export interface Promised {
  readonly what: string;
  readonly holds: boolean;
  readonly found: string;
}

/** How a trial ended. */
export interface Verdict {
  /** `undefined`: there are too many events to note each of them, and the figures say what became of them. */
  readonly account: Account | undefined;
  readonly promises: readonly Promised[];
  /** What else was measured, by name. */
  readonly figures: Readonly<Record<string, string | number>>;
}

/** How one part of a scenario ended. */
export interface PartVerdict extends Verdict {
  readonly title: string;
}

/** Beyond a publisher's own timeout: its sweep, and a machine that has other things to do. */
const settleToleranceMs = 1_500;

/** What sets a trial apart from the usual one. */
export interface Expectations {
  /** How many events are meant to end in the dead letters. Default: 0. */
  readonly deadLetters?: number;
  /**
   * What a change of servers may do to what was confirmed: `nothing` (default), `move` it to another entry id, because
   * the publisher stores it again, or `lose` it, because it was confirmed by one server alone.
   */
  readonly confirmedMay?: 'nothing' | 'move' | 'lose';
}

/** What is promised whatever happens. */
export function usualPromises(
  account: Account,
  loads: readonly Pick<Load, 'timeoutMs'>[],
  { deadLetters = 0, confirmedMay = 'nothing' }: Expectations = {},
): Promised[] {
  const { publishing, delivery, order } = account;
  const timeoutMs = Math.max(...loads.map((load) => load.timeoutMs));
  return [
    nothing('Every publish was confirmed or rejected with its outcome', publishing.unsettled),
    {
      what: `Every publish settled within its timeout of ${timeoutMs} ms (and ${settleToleranceMs} ms for the machine)`,
      holds: publishing.slowestMs <= timeoutMs + settleToleranceMs,
      found: `slowest ${Math.round(publishing.slowestMs)} ms`,
    },
    ...confirmedPromises(account, confirmedMay),
    nothing('Nothing that was reported as not stored is stored or handled', [
      ...new Set([...publishing.phantom, ...delivery.phantom]),
    ]),
    nothing('Nothing is stored or handled that was never published', [
      ...new Set([...publishing.unexpected, ...delivery.unexpected]),
    ]),
    nothing(
      'An event is stored more often than once only for each sending without an answer',
      publishing.unexplainedCopies,
    ),
    nothing(
      'Events of one key are stored in the order of their calls, but for what came late and was reported as unknown',
      publishing.misplaced,
    ),
    nothing('Every event stored was handled or dead-lettered', delivery.lost),
    {
      what: 'Nothing is pending at the end',
      holds: delivery.pending === 0,
      found: `${delivery.pending} pending`,
    },
    nothing(
      'A handler is called again only for what was started and not acknowledged when a process was killed or held up',
      delivery.unexplainedDuplicates,
    ),
    {
      what: `${deadLetters === 0 ? 'No healthy event' : `Exactly ${deadLetters}`} went to the dead letters`,
      holds: delivery.deadLettered === deadLetters,
      found: `${delivery.deadLettered} dead letters`,
    },
    nothing('Events of one key are handled in order where they are not marked as redelivered', order.outOfOrder),
    nothing('Events of one key never run beside each other in one consumer', order.besideEachOther),
  ];
}

function confirmedPromises(
  { publishing }: Account,
  confirmedMay: NonNullable<Expectations['confirmedMay']>,
): Promised[] {
  const present = nothing('Nothing that was confirmed is missing from the stream', publishing.missing);
  const inPlace = nothing('What was confirmed is stored under the entry id that was told', publishing.elsewhere);
  if (confirmedMay === 'nothing') return [present, inPlace];
  return confirmedMay === 'move' ? [present] : [inPlace];
}

/** A promise that a list of exceptions is empty. */
export function nothing(what: string, exceptions: readonly string[]): Promised {
  const examples = exceptions.slice(0, 5).join(', ');
  const found = exceptions.length === 0 ? 'no exception' : `${exceptions.length} exceptions: ${examples}`;
  return { what, holds: exceptions.length === 0, found };
}

/** A promise that something took no longer than so many milliseconds. `undefined`: it never happened. */
export function within(what: string, limitMs: number, tookMs: number | undefined): Promised {
  return {
    what: `${what} within ${limitMs} ms`,
    holds: tookMs !== undefined && tookMs <= limitMs,
    found: tookMs === undefined ? 'never' : `${Math.round(tookMs)} ms`,
  };
}
