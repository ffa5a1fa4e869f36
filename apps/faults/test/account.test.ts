import { describe, expect, test } from '@jest/globals';
import { accountFor } from '../src/audit/account.js';
import { slowest, takeoverTimes } from '../src/audit/elapsed.js';
import { compareEntryIds, timeOfEntry } from '../src/audit/entry-order.js';
import { eventIdOf, isOneIn, parseEventId } from '../src/audit/event-name.js';
import type { Evidence } from '../src/audit/evidence.js';
import type { JournalLine } from '../src/audit/journal-line.js';
import { placeOf } from '../src/audit/place.js';
import { SeededRandom } from '../src/random.js';
import { usualPromises } from '../src/verdict.js';
import { attempt, ended, evidenceOf, handled, journal, started } from './support/evidence.js';

const twoEvents = {
  attempts: [attempt('k1:0', '5-0'), attempt('k1:1', '5-1')],
  entries: [
    { eventId: 'k1:0', entryId: '5-0' },
    { eventId: 'k1:1', entryId: '5-1' },
  ],
};

function brokenPromises(parts: Partial<Evidence>): string[] {
  const load = { timeoutMs: 5_000 };
  return usualPromises(accountFor(evidenceOf(parts)), [load])
    .filter(({ holds }) => !holds)
    .map(({ what }) => what);
}

describe('the account of a run', () => {
  test('holds nothing against a run in which everything was handled once and in order', () => {
    const journals = [journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1'))];
    const { publishing, delivery } = accountFor(evidenceOf({ ...twoEvents, journals }));
    expect(publishing).toMatchObject({ attempted: 2, stored: 2, unknown: 0, notStored: 0, copies: 0 });
    expect(delivery).toMatchObject({ handled: 2, started: 2, duplicates: 0, inStream: 2 });
    expect(brokenPromises({ ...twoEvents, journals })).toEqual([]);
  });

  test('finds an event that is in the stream and was never handled', () => {
    const journals = [journal('a', handled('k1:0', '5-0'), started('k1:1', '5-1'))];
    expect(accountFor(evidenceOf({ ...twoEvents, journals })).delivery.lost).toEqual(['k1:1']);
    expect(brokenPromises({ ...twoEvents, journals })).toEqual(['Every event stored was handled or dead-lettered']);
  });

  test('does not call lost what is pending, and says that it is pending', () => {
    const evidence = { ...twoEvents, journals: [journal('a', handled('k1:0', '5-0'))], pending: new Set(['5-1']) };
    expect(accountFor(evidenceOf(evidence)).delivery).toMatchObject({ lost: [], pending: 1 });
    expect(brokenPromises(evidence)).toEqual(['Nothing is pending at the end']);
  });

  test('does not call lost what was skipped, if its event was handled', () => {
    const skipped: JournalLine = { kind: 'skipped', at: 0, event: 'k1:1', entry: '5-1' };
    const delivery = (...lines: JournalLine[]) =>
      accountFor(evidenceOf({ ...twoEvents, journals: [journal('a', handled('k1:0', '5-0'), lines)] })).delivery;
    expect(delivery(skipped)).toMatchObject({ lost: ['k1:1'], skipped: 1 });
    expect(delivery(skipped, ...handled('k1:1', '4-1'))).toMatchObject({ lost: [], skipped: 1 });
  });

  test('finds a confirmed event that the stream does not hold at its entry id', () => {
    const entries = twoEvents.entries.slice(0, 1);
    const evidence = evidenceOf({ ...twoEvents, entries });
    expect(accountFor(evidence).publishing.missing).toEqual(['k1:1']);
    expect(accountFor(evidence).lost).toEqual(['k1:0', 'k1:1']);
    const handledBefore = [journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1'))];
    expect(accountFor({ ...evidence, journals: handledBefore })).toMatchObject({
      lost: [],
      publishing: { missing: ['k1:1'] },
    });
    const erased = accountFor({ ...evidence, erasedUpTo: '5-1' }).publishing;
    expect(erased).toMatchObject({ missing: [], erased: 1 });
  });

  test('finds a confirmed event at another entry id than was told', () => {
    const entries = [...twoEvents.entries.slice(0, 1), { eventId: 'k1:1', entryId: '6-0' }];
    expect(accountFor(evidenceOf({ ...twoEvents, entries })).publishing).toMatchObject({
      missing: [],
      elsewhere: ['k1:1'],
    });
  });

  test('counts apart what replicas were missing for', () => {
    const attempts = [
      attempt('k1:0', '5-0', { result: 'under-replicated' }),
      attempt('k1:1', '', { result: 'not-stored', entryId: undefined, reason: 'NOREPLICAS' }),
      attempt('k1:2', '', { result: 'not-stored', entryId: undefined, reason: 'READONLY' }),
    ];
    const { publishing, lost } = accountFor(evidenceOf({ attempts }));
    expect(publishing).toMatchObject({
      stored: 0,
      underReplicated: 1,
      notStored: 2,
      refusedForReplicas: 1,
      missing: [],
    });
    expect(lost).toEqual([]);
  });

  test('finds an event that was reported as not stored and is stored, or was handled', () => {
    const refused = [attempt('k1:0', '', { result: 'not-stored', entryId: undefined })];
    const entries = [{ eventId: 'k1:0', entryId: '5-0' }];
    const journals = [journal('a', handled('k1:0', '5-0'))];
    const { publishing, delivery } = accountFor(evidenceOf({ attempts: refused, entries, journals }));
    expect(publishing.phantom).toEqual(['k1:0']);
    expect(delivery.phantom).toEqual(['k1:0']);
    expect(brokenPromises({ attempts: refused, entries, journals })).toEqual([
      'Nothing that was reported as not stored is stored or handled',
    ]);
  });

  test('accepts that an event of unknown outcome is stored, and that it is not', () => {
    const attempts = ['k1:0', 'k1:1'].map((id) => attempt(id, '', { result: 'unknown', entryId: undefined }));
    const evidence = { attempts, entries: [{ eventId: 'k1:0', entryId: '5-0' }] };
    const journals = [journal('a', handled('k1:0', '5-0'))];
    expect(accountFor(evidenceOf({ ...evidence, journals })).publishing).toMatchObject({
      unknown: 2,
      unknownStored: 1,
    });
    expect(brokenPromises({ ...evidence, journals })).toEqual([]);
  });

  test('finds what was never published', () => {
    const entries = [{ eventId: 'k9:0', entryId: '5-0' }];
    const { publishing, delivery } = accountFor(
      evidenceOf({ entries, journals: [journal('a', handled('k9:0', '5-0'))] }),
    );
    expect(publishing.unexpected).toEqual(['k9:0']);
    expect(delivery.unexpected).toEqual(['k9:0']);
  });

  test('finds a call without an outcome, and one that took too long', () => {
    const attempts = [attempt('k1:0', '', { result: 'unsettled', entryId: undefined, tookMs: 9_000 })];
    expect(brokenPromises({ attempts })).toEqual([
      'Every publish was confirmed or rejected with its outcome',
      'Every publish settled within its timeout of 5000 ms (and 1500 ms for the machine)',
    ]);
  });
});

describe('duplicates', () => {
  const journals = [
    journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1')),
    journal('b', handled('k1:0', '5-0', true)),
  ];

  test('are found', () => {
    const { delivery } = accountFor(evidenceOf({ ...twoEvents, journals }));
    expect(delivery).toMatchObject({ duplicates: 1, unexplainedDuplicates: ['k1:0'] });
  });

  test('are explained by a kill of the process that had begun the event and not acknowledged it', () => {
    const killed = (process: string, entry: string) =>
      accountFor(
        evidenceOf({ ...twoEvents, journals, interruptions: [{ process, at: 0, inFlight: new Set([entry]) }] }),
      ).delivery.unexplainedDuplicates;
    expect(killed('a', '5-0')).toEqual([]);
    expect(killed('a', '5-1')).toEqual(['k1:0']);
    expect(killed('c', '5-0')).toEqual(['k1:0']);
  });

  test('are none where an attempt failed and was repeated', () => {
    const retried = [journal('a', started('k1:0', '5-0'), ended('k1:0', '5-0', true), handled('k1:0', '5-0', true))];
    const { delivery } = accountFor(evidenceOf({ ...twoEvents, journals: retried }));
    expect(delivery).toMatchObject({ duplicates: 0, failed: 1, unexplainedDuplicates: [] });
  });

  test('in the stream are explained by as many sendings without an answer', () => {
    const entries = [...twoEvents.entries, { eventId: 'k1:0', entryId: '5-2' }];
    const copied = evidenceOf({ ...twoEvents, entries });
    expect(accountFor(copied).publishing).toMatchObject({
      copies: 1,
      copiesReportedUnknown: 0,
      unexplainedCopies: ['k1:0'],
    });
    const explained = accountFor({ ...copied, unanswered: new Map([['k1:0', 1]]) });
    expect(explained.publishing).toMatchObject({ copiesReportedUnknown: 1, unexplainedCopies: [] });
    const both = [journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1'), handled('k1:0', '5-2'))];
    expect(accountFor({ ...copied, journals: both }).delivery.unexplainedDuplicates).toEqual([]);
    const one = [journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1'))];
    expect(accountFor({ ...copied, journals: one }).delivery.lost).toEqual(['k1:0']);
  });
});

describe('order', () => {
  const outOfOrder = (...lines: Parameters<typeof journal>[1][]) =>
    accountFor(evidenceOf({ journals: [journal('a', ...lines)] })).order.outOfOrder;

  test('of storing is broken by an event before an earlier one of its key', () => {
    const entries = [...twoEvents.entries].reverse();
    expect(accountFor(evidenceOf({ ...twoEvents, entries })).publishing.misplaced).toEqual(['k1:0']);
    const other = [{ eventId: 'k2:0', entryId: '4-0' }, ...twoEvents.entries];
    expect(accountFor(evidenceOf({ ...twoEvents, entries: other })).publishing.misplaced).toEqual([]);
  });

  test('of storing is not broken by what was reported as unknown and came late', () => {
    const entries = [...twoEvents.entries].reverse();
    const attempts = [attempt('k1:0', '', { result: 'unknown', entryId: undefined }), attempt('k1:1', '5-1')];
    const { publishing } = accountFor(evidenceOf({ attempts, entries }));
    expect([publishing.misplaced, publishing.late]).toEqual([[], ['k1:0']]);
  });

  test('of handling is broken by an entry after a later one of its key', () => {
    expect(outOfOrder(handled('k1:1', '5-1'), handled('k1:0', '5-0'))).toHaveLength(1);
    expect(outOfOrder(handled('k1:1', '5-1'), handled('k2:0', '5-0'))).toEqual([]);
    expect(outOfOrder(handled('k1:10', '5-10'), handled('k1:9', '5-9'))).toHaveLength(1);
  });

  test('of handling is not broken by an entry that is marked as redelivered', () => {
    expect(outOfOrder(handled('k1:1', '5-1'), handled('k1:0', '5-0', true))).toEqual([]);
  });

  test('of handling is broken by an entry that overtakes a failed one of its key', () => {
    const failed = [started('k1:0', '5-0'), ended('k1:0', '5-0', true)];
    expect(outOfOrder(failed, handled('k1:1', '5-1'))).toHaveLength(1);
    expect(outOfOrder(failed, handled('k1:0', '5-0', true), handled('k1:1', '5-1'))).toEqual([]);
    expect(outOfOrder(failed, handled('k1:0', '5-0'), handled('k1:1', '5-1'))).toEqual([]);
    expect(outOfOrder(handled('k1:0', '5-0'), handled('k1:0', '5-0'))).toHaveLength(1);
    expect(outOfOrder(failed, { kind: 'letGo', at: 0, entry: '5-0' }, handled('k1:1', '5-1'))).toEqual([]);
  });

  test('is broken by two events of one key beside each other, marked or not', () => {
    const lines = [started('k1:0', '5-0'), started('k1:1', '5-1', true), ended('k1:0', '5-0'), ended('k1:1', '5-1')];
    expect(accountFor(evidenceOf({ journals: [journal('a', lines)] })).order.besideEachOther).toHaveLength(1);
  });

  test('is looked at in each process by itself', () => {
    const journals = [journal('a', handled('k1:1', '5-1')), journal('b', handled('k1:0', '5-0'))];
    expect(accountFor(evidenceOf({ journals })).order).toMatchObject({ outOfOrder: [], besideEachOther: [] });
  });
});

describe('a change of servers', () => {
  const again = [journal('a', handled('k1:0', '5-0'), handled('k1:1', '5-1'), handled('k1:0', '5-0', false))];
  const later = again.map(({ process, lines }) => ({ process, lines: lines.map((line, at) => ({ ...line, at })) }));

  test('explains that a handler is called again for what the other server never heard of, marked or not', () => {
    const without = accountFor(evidenceOf({ ...twoEvents, journals: later }));
    expect(without.delivery.unexplainedDuplicates).toEqual(['k1:0']);
    expect(without.order.outOfOrder).toHaveLength(1);
    const { delivery, order } = accountFor(
      evidenceOf({ ...twoEvents, journals: later, rewinds: [{ from: 2, to: 4 }] }),
    );
    expect(delivery).toMatchObject({ duplicates: 1, unexplainedDuplicates: [] });
    expect(order.outOfOrder).toEqual([]);
  });

  test('explains one call for each event, and nothing of a time long past', () => {
    const twice = [...later, ...later.map(({ lines }) => journal('b', lines))];
    const once = { ...twoEvents, rewinds: [{ from: 2, to: 4 }] };
    expect(accountFor(evidenceOf({ ...once, journals: twice })).delivery.unexplainedDuplicates).toEqual(['k1:0']);
    const past = { ...twoEvents, rewinds: [{ from: 9_000, to: 9_100 }], journals: later };
    expect(accountFor(evidenceOf(past)).delivery.unexplainedDuplicates).toEqual(['k1:0']);
    expect(accountFor(evidenceOf(past)).order.outOfOrder).toHaveLength(1);
  });
});

describe('the order between processes', () => {
  const across = (parts: Partial<Evidence>) => accountFor(evidenceOf(parts)).order.acrossProcesses;
  const at = (time: number, ...lines: JournalLine[]) => lines.map((line, index) => ({ ...line, at: time + index }));
  const first = at(0, ...handled('k1:0', '5-0'));
  const second = at(10, ...handled('k1:1', '5-1'));

  test('is kept where a key passes from one process to another', () => {
    expect(across({ journals: [journal('a', first), journal('b', second)] })).toEqual([]);
  });

  test('is broken by an event that comes after a later one of its key elsewhere', () => {
    const journals = [journal('a', at(20, ...handled('k1:0', '5-0'))), journal('b', second)];
    expect(across({ journals })).toHaveLength(1);
  });

  test('is broken by two processes at work on one key, unless one of them was held up before', () => {
    const journals = [journal('a', at(0, started('k1:0', '5-0')), at(30, ended('k1:0', '5-0'))), journal('b', second)];
    expect(across({ journals })).toHaveLength(1);
    const held = { process: 'a', at: 5, inFlight: new Set<string>() };
    expect(across({ journals, interruptions: [held] })).toEqual([]);
  });

  test('is broken by an owner that went on after another one had begun', () => {
    const journals = [journal('b', first, second), journal('a', at(20, ...handled('k1:1', '5-1', true)))];
    expect(across({ journals })).toEqual(['k1:1 in a again after b']);
    const held = { process: 'a', at: 5, inFlight: new Set<string>() };
    expect(across({ journals, interruptions: [held] })).toHaveLength(1);
    expect(across({ journals, interruptions: [{ ...held, process: 'b' }] })).toEqual([]);
  });
});

describe('what the programs are made of', () => {
  test('a place says entry and stream, and is compared and dated by its entry', () => {
    expect(compareEntryIds(placeOf('s:p0', '5-2'), placeOf('s:p1', '5-10'))).toBeLessThan(0);
    expect(timeOfEntry(placeOf('s:p0', '5-2'))).toBe(5);
  });

  test('the time until another process took over counts from the kill, and never ends where nobody did', () => {
    const line = started('k1:0', '5-0', true);
    const journals = [journal('a', { ...line, at: 120 } as never), journal('b', { ...line, at: 150 } as never)];
    const left = (entryId: string) => ({ entryId, process: 'a', at: 100 });
    expect(takeoverTimes(journals, [left('5-0'), left('6-0')], 'started')).toEqual([50, undefined]);
    const leftAgain = { entryId: '5-0', process: 'd', at: 140 };
    expect(takeoverTimes(journals, [left('5-0'), leftAgain], 'started')).toEqual([10]);
    journals.push(journal('c', { kind: 'taken', at: 130, entries: ['5-0'] }));
    expect(takeoverTimes(journals, [left('5-0')], 'taken')).toEqual([30]);
    expect(slowest([50, 20])).toBe(50);
    expect(slowest([50, undefined])).toBeUndefined();
  });

  test('chance repeats itself with the same seed', () => {
    const numbers = (seed: number) => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 20 }, () => random.integer(0, 9));
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
    expect(new Set(numbers(7)).size).toBeGreaterThan(3);
  });

  test('an event id says its key and its place', () => {
    expect(parseEventId(eventIdOf({ key: 'k12', sequence: 345 }))).toEqual({ key: 'k12', sequence: 345 });
    expect(() => parseEventId('6f1c')).toThrow('not the id of an event');
    const chosen = Array.from({ length: 10_000 }, (_, sequence) => isOneIn(100, `k1:${sequence}`)).filter(Boolean);
    expect(chosen.length).toBeGreaterThan(50);
    expect(chosen.length).toBeLessThan(200);
  });
});
