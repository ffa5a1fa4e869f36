import { describe, expect, test } from '@jest/globals';
import { audit } from '../src/demo/audit.js';
import { auditLines } from '../src/demo/audit-report.js';
import { evidenceOf, handledRecord, placeOf, soundEvidence } from './support/evidence.js';

describe('the audit', () => {
  test('holds when every event was handled once, in order', () => {
    const result = audit(evidenceOf(soundEvidence()));
    expect(result).toMatchObject({ holds: true, confirmed: 6, orders: { placed: 2, closed: 2, deadLettered: 0 } });
    expect(result.groups).toMatchObject([{ published: 6, handled: 6, open: 0, copies: 0, again: 0, late: 0 }]);
    expect(auditLines(result, true).at(-1)).toMatch(/^The audit holds: 6 published = 6 handled \+ 0 dead-lettered\./);
  });

  test('finds an event that nobody handled', () => {
    const sound = soundEvidence();
    sound.journal.splice(placeOf(sound.journal, 'order-2:2'), 1);
    const result = audit(evidenceOf(sound));
    expect(result.holds).toBe(false);
    expect(result.groups).toMatchObject([{ handled: 5, lost: [{ id: 'order-2:2' }] }]);
    expect(auditLines(result, true).join('\n')).toContain('lost: order.closed of order-2');
  });

  test('finds an event that was handled twice', () => {
    const sound = soundEvidence();
    sound.journal.push({ ...handledRecord(sound.journal, 'order-1:3') });
    const result = audit(evidenceOf(sound));
    expect(result.holds).toBe(false);
    expect(result.groups).toMatchObject([{ handled: 6, again: 0, twice: [{ id: 'order-1:3' }] }]);
    expect(auditLines(result, true)).toContain('  ! twice: event order-1:3 in payment-service');
  });

  test('finds a copy that was handled beside the original', () => {
    const sound = soundEvidence();
    sound.events.push({ ...sound.events[0]!, entryId: '106-0' });
    sound.group.lastDeliveredId = '106-0';
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: true, groups: [{ published: 6, copies: 1 }] });
    sound.journal.push({ ...handledRecord(sound.journal, 'order-1:1'), entryId: '106-0' });
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: false, groups: [{ twice: [{ entryId: '106-0' }] }] });
  });

  test('finds an event that was handled after a later one of its order', () => {
    const sound = soundEvidence();
    const [early] = sound.journal.splice(placeOf(sound.journal, 'order-1:2'), 1);
    sound.journal.push(early!);
    const result = audit(evidenceOf(sound));
    expect(result.holds).toBe(false);
    expect(result.groups).toMatchObject([{ handled: 6, late: 0, outOfOrder: [{ id: 'order-1:2', sequence: 2 }] }]);
    expect(auditLines(result, true).join('\n')).toContain('disorder: event order-1:2 (number 2 of order-1)');
  });

  test('excuses what comes again or late once events were taken over, if it is marked so, and counts it', () => {
    const sound = soundEvidence();
    const [early] = sound.journal.splice(placeOf(sound.journal, 'order-1:2'), 1);
    const again = handledRecord(sound.journal, 'order-2:1');
    const afterwards = [
      { ...early!, redelivered: true },
      { ...again, redelivered: true },
    ];
    sound.journal.push(...(afterwards as (typeof again)[]));
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: false });
    sound.journal.splice(-2, 0, { kind: 'takeover', stream: 'demo:orders' });
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: true, groups: [{ again: 1, late: 1 }] });
    sound.journal.push({ ...again });
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: false });
  });

  test('finds what was handled though nobody published it', () => {
    const sound = soundEvidence();
    sound.journal.push({ ...handledRecord(sound.journal, 'order-1:3'), id: 'order-9:1', key: 'order-9' });
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: false, groups: [{ unknown: [{ id: 'order-9:1' }] }] });
  });

  test('finds what was confirmed to a publisher and is not stored', () => {
    const sound = soundEvidence();
    sound.journal.push({ kind: 'published', stream: 'demo:orders', entryId: '999-0', id: 'order-3:1' });
    expect(audit(evidenceOf(sound))).toMatchObject({ holds: false, missing: [{ id: 'order-3:1' }] });
  });

  test('counts a dead letter of the group instead of a handled event, and not one of another group', () => {
    const sound = soundEvidence();
    sound.journal.splice(placeOf(sound.journal, 'order-1:1'), 1);
    const evidence = evidenceOf(sound);
    const letter = { ...sound.events[0]!, reason: 'retries-exhausted', attempts: 6, error: 'no' };
    const withLetter = (group: string) =>
      audit({ ...evidence, streams: [{ ...evidence.streams[0]!, deadLetters: [{ ...letter, group }] }] });
    expect(withLetter('payment-service')).toMatchObject({ holds: true, groups: [{ handled: 5, deadLettered: 1 }] });
    expect(withLetter('shipping-service')).toMatchObject({ holds: false, groups: [{ handled: 5, deadLettered: 0 }] });
  });

  test('allows open events only where the run was interrupted, and no more than the server knows of', () => {
    const sound = soundEvidence();
    sound.journal.splice(placeOf(sound.journal, 'order-1:3'), 1);
    sound.journal.splice(placeOf(sound.journal, 'order-2:3'), 1);
    sound.group.lastDeliveredId = '104-0';
    const judge = (pending: number, complete: boolean) => {
      sound.group.pending = pending;
      return audit(evidenceOf(sound, { complete }));
    };
    expect(judge(1, false)).toMatchObject({ holds: true, groups: [{ open: 2, lost: [] }] });
    expect(judge(0, false)).toMatchObject({ holds: false, groups: [{ open: 1, lost: [{ id: 'order-1:3' }] }] });
    expect(judge(1, true)).toMatchObject({ holds: false });
  });

  test('counts an open event once, however many copies of it are open', () => {
    const sound = soundEvidence();
    sound.journal.splice(placeOf(sound.journal, 'order-2:3'), 1);
    sound.events.push({ ...sound.events[5]!, entryId: '106-0' });
    sound.group.lastDeliveredId = '104-0';
    const result = audit(evidenceOf(sound, { complete: false }));
    expect(result).toMatchObject({ holds: true, groups: [{ published: 6, handled: 5, copies: 1, open: 1 }] });
  });

  test('finds an order that came to no end', () => {
    const sound = soundEvidence();
    const events = sound.events.map((event) => (event.key === 'order-2' ? { ...event, type: 'order.placed' } : event));
    expect(audit(evidenceOf({ ...sound, events }))).toMatchObject({ holds: false, unfinished: ['order-2'] });
  });
});
