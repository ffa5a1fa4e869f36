import { setTimeout as delay } from 'node:timers/promises';
import { timeOfEntry } from '../audit/entry-order.js';
import type { ConsumerOrders } from '../crew/consumer-orders.js';
import type { GroundPlan } from '../ground.js';
import type { Load, LoadOptions } from '../load.js';
import type { Part } from '../scenario.js';
import type { Closing, Trial } from '../trial.js';
import { type Expectations, nothing, type Promised } from '../verdict.js';
import { resumed, sitOut } from './disturbance.js';

const perSecond = 500;
/** What the project asks of every change of servers: nobody restarts anything, and this soon all goes on. */
export const resumeWithinMs = 15_000;

/** How events are published and consumed in a trial in which servers are lost. */
export interface Practice {
  readonly title: string;
  readonly load?: Partial<LoadOptions>;
  readonly orders?: Partial<ConsumerOrders>;
  readonly confirmedMay: NonNullable<Expectations['confirmedMay']>;
}

/** Confirmed by the master alone: a failover may lose it, and the account says how much it lost. */
export const byLeader: Practice = { title: "durability 'leader'", confirmedMay: 'lose' };

/** Confirmed when a replica has it, too. */
export const byReplica: Practice = {
  title: 'durability { replicas: 1 }',
  load: { durability: { replicas: 1, timeoutMs: 1_000 } },
  confirmedMay: 'nothing',
};

/**
 * Confirmed when every replica has it, too. `SENTINEL FAILOVER` promotes one of them while the master still takes writes,
 * which the other one goes on acknowledging for about a second: a number that leaves one out is not enough there.
 */
export const byAllReplicas: Practice = {
  title: 'durability { replicas: 2 }, which is all of them',
  load: { durability: { replicas: 2, timeoutMs: 1_000 } },
  confirmedMay: 'nothing',
};

/** Confirmed by the master alone, and stored again where it was lost. */
export const withRecovery: Practice = {
  title: "durability 'leader' with failoverRecovery, idempotent and deduplicate",
  load: { failoverRecovery: { republishWindowMs: 20_000 }, idempotent: true },
  orders: { deduplicate: true },
  confirmedMay: 'move',
};

/** One time that servers were lost. */
export interface Fault {
  /** When, Unix ms. */
  readonly at: number;
  /** Since when it was told what it alone has. Default: `at`. */
  readonly apartSince?: number;
  /** When the server came back that was lost. */
  readonly backAt: number;
}

export interface FailoverPart {
  readonly ground: GroundPlan;
  readonly practice: Practice;
  readonly faults: number;
  /** Does it once, and brings everything back. */
  strike(trial: Trial, load: Load): Promise<Fault>;
  readonly title?: string;
  /** Whether what the servers in charge were told last may be forgotten. Default: true. */
  readonly rewinds?: boolean;
  readonly promises?: (closing: Closing, load: Load, faults: readonly Fault[]) => readonly Promised[];
}

/** A trial in which the server in charge is lost again and again. */
export function failoverPart({ ground, practice, title, ...part }: FailoverPart): Part {
  const { load: settings = {}, orders = {}, confirmedMay } = practice;
  return {
    title: title === undefined ? practice.title : `${title}: ${practice.title}`,
    ground,
    run(trial) {
      const struck: Fault[] = [];
      return sitOut(trial, {
        perSecond,
        limit: 1_000_000,
        resumeWithinMs,
        load: settings,
        orders: { workMs: 5, claimIdleMs: 10_000, ...orders },
        expectations: { confirmedMay },
        async disturb({ options: { faults = part.faults, patience } }, load) {
          for (let fault = 1; fault <= faults; fault += 1) {
            // the moments are not chosen with a view to what the servers are doing
            await delay(trial.random.integer(500, 1_500));
            const one = await part.strike(trial, load);
            if (part.rewinds !== false) trial.noteRewind(one.apartSince ?? one.at);
            struck.push(one);
            trial.say(`fault ${fault} of ${faults}: the server was back after ${one.backAt - one.at} ms`);
            await resumed(trial, load, one.backAt, patience * resumeWithinMs);
          }
          return struck.map(({ at }) => at);
        },
        promises: (closing, load) => part.promises?.(closing, load, struck) ?? [],
        figures: ({ account: { publishing } }, load) => ({
          'confirmed, and lost with the server': publishing.missing.length,
          'recoveries after a failover': load.recoveries.length,
          'found missing after a failover, and stored again': load.recoveries.reduce(
            (sum, { republished }) => sum + republished,
            0,
          ),
        }),
      });
    },
  };
}

/**
 * The silence deadline: within this time after its return nobody asks a master anymore that was replaced meanwhile. What
 * it confirmed later would have been lost.
 */
const silenceMs = 2_000;

/** Nothing was confirmed by a server that came back long after it came back: that would be missing now. */
export function leftInTime({ evidence, account }: Closing, faults: readonly Fault[]): Promised {
  const missing = new Set(account.publishing.missing);
  const late = evidence.attempts.filter(({ eventId, entryId }) => {
    if (entryId === undefined || !missing.has(eventId)) return false;
    const storedAt = timeOfEntry(entryId);
    const returned = faults.filter(({ backAt }) => backAt <= storedAt).at(-1);
    const isOfNextFault = faults.some(({ at, backAt }) => storedAt >= at - 1_000 && storedAt <= backAt);
    return returned !== undefined && storedAt > returned.backAt + silenceMs && !isOfNextFault;
  });
  return nothing(
    `Nothing was confirmed by a replaced master later than ${silenceMs} ms after its return`,
    late.map(({ eventId }) => eventId),
  );
}
