import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { z } from 'zod';
import { defineEvents, type EventContracts, type StandardSchema } from '../src/index.js';
import { gate } from './support/consuming.js';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

function schema(validate: StandardSchema['~standard']['validate']): StandardSchema {
  return { '~standard': { version: 1, vendor: 'tests', validate } };
}

/** Contracts whose data is a promise to wait for, or a refusal. */
function waiting(verdicts: Readonly<Record<string, Promise<unknown>>>): EventContracts {
  const asynchronous = schema(async (value) => {
    const isValid = (await verdicts[String(value)]) !== 'refused';
    return isValid ? { value } : { issues: [{ message: 'refused' }] };
  });
  return defineEvents({ slow: asynchronous, quick: schema((value) => ({ value })) });
}

describe('data that does not match its contract', () => {
  const contracts = defineEvents({
    'order.placed': z.object({ total: z.number().positive(), lines: z.array(z.object({ sku: z.string() })) }),
    'order.paid': v.object({ orderId: v.string() }),
  });

  test('rejects with its issues, is emitted, and is not sent', async () => {
    const { publisher, appender } = publishing({ events: contracts });
    const failures: unknown[] = [];
    publisher.on('validationFailed', (failure) => void failures.push(failure));
    const fate = fateOf(
      publisher.publish('order.placed', { total: -1, lines: [{ sku: 'swordfish' }, { sku: 7 as never }] }),
    );
    await turn();
    expect(fate.error).toMatchObject({
      code: 'EVENTS_VALIDATION',
      outcome: 'not-stored',
      retryable: false,
      issues: [
        { path: 'total', message: expect.any(String) },
        { path: 'lines.1.sku', message: expect.any(String) },
      ],
    });
    expect(fate.error?.message).toMatch(
      /^Data of 'order.placed' does not match its contract: total: .+; lines.1.sku: /,
    );
    expect(failures).toEqual([{ type: 'order.placed', error: fate.error }]);
    expect(appender.calls).toEqual([]);
    expect(inspect(fate.error, { depth: 10, showHidden: true })).not.toContain('swordfish');
  });

  test('of another library, too', async () => {
    const { publisher } = publishing({ events: contracts });
    await expect(publisher.publish('order.paid', {} as never)).rejects.toMatchObject({
      code: 'EVENTS_VALIDATION',
      issues: [{ path: 'orderId' }],
    });
  });

  test('names five issues, and counts the rest', async () => {
    const many = schema(() => ({
      issues: Array.from({ length: 8 }, (_, index) => ({ message: `m${index}`, path: [{ key: index }] })),
    }));
    const { publisher } = publishing({ events: { a: many } });
    await expect(publisher.publish('a', 1)).rejects.toMatchObject({
      message: expect.stringMatching(/: 0: m0; 1: m1; 2: m2; 3: m3; 4: m4 and 3 more$/),
      issues: { length: 8 },
    });
  });

  test('is stored as it was given when it matches, defaults and transformations not applied', async () => {
    const events = defineEvents({
      a: z.object({ when: z.string().transform((text) => new Date(text)), size: z.number().default(7) }),
    });
    const { publisher, appender } = publishing({ events });
    appender.storeAll();
    await publisher.publish('a', { when: '2026-01-02' });
    expect(appender.calls[0]?.entries[0]?.fields[7]).toBe('{"when":"2026-01-02"}');
  });

  test('of a type that no contract names is refused by its type', async () => {
    const { publisher, appender } = publishing({ events: contracts });
    await expect(publisher.publish('order.lost' as 'order.paid', { orderId: 'x' })).rejects.toMatchObject({
      code: 'EVENTS_EVENT_TYPE',
      outcome: 'not-stored',
      message: expect.stringContaining("'order.lost'"),
    });
    expect(appender.calls).toEqual([]);
  });
});

describe('a schema that fails to say anything', () => {
  const broken = () => Object.assign(new Error('swordfish'), { input: 'swordfish' });

  test.each<[string, StandardSchema]>([
    [
      'throws',
      schema(() => {
        throw broken();
      }),
    ],
    ['rejects', schema(() => Promise.reject(broken()))],
    ['answers nothing', schema(() => undefined as never)],
    ['promises nothing', schema(async () => undefined as never)],
  ])('%s: the call is refused as not stored, with an error of ours and without the data', async (_name, events) => {
    const { publisher, appender } = publishing({ events: { a: events } });
    const fate = fateOf(publisher.publish('a', 'swordfish'));
    await turn();
    expect(wordsFor(fate)).toBe('not-stored EVENTS_VALIDATION');
    expect(inspect(fate.error, { depth: 10, showHidden: true })).not.toContain('swordfish');
    expect(appender.calls).toEqual([]);
  });

  test('is taken at its word when it answers with a promise of another kind', async () => {
    class Deferred {
      // biome-ignore lint/suspicious/noThenProperty: this is what it is about
      then(resolve: (result: unknown) => void): void {
        resolve({ issues: [{ message: 'no' }] });
      }
    }
    const { publisher, appender } = publishing({ events: { a: schema(() => new Deferred() as never) } });
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('not-stored EVENTS_VALIDATION');
    expect(appender.calls).toEqual([]);
  });
});

describe('while the schema of an earlier event takes its time', () => {
  test('later ones of its key wait, and follow in order; others do not wait', async () => {
    const verdict = gate<string>();
    const { publisher, appender } = publishing({ events: waiting({ first: verdict.promise }) });
    appender.storeAll();
    fateOf(publisher.publish('slow', 'first', { key: 'k' }));
    fateOf(publisher.publish('quick', 'second', { key: 'k' }));
    fateOf(publisher.publish('quick', 'third', { key: 'k' }));
    fateOf(publisher.publish('quick', 'elsewhere', { key: 'other' }));
    fateOf(publisher.publish('quick', 'nowhere'));
    await turn();
    const stored = () =>
      appender.calls.flatMap(({ entries }) => entries.map(({ fields }) => JSON.parse(String(fields[7]))));
    expect(stored()).toEqual(['elsewhere', 'nowhere']);
    verdict.open('fine');
    await turn();
    expect(stored()).toEqual(['elsewhere', 'nowhere', 'first', 'second', 'third']);
  });

  test('an invalid one in the middle is left out, and those behind it still wait for the first', async () => {
    const [first, second, third] = [gate<string>(), gate<string>(), gate<string>()];
    const { publisher, appender } = publishing({
      events: waiting({ 1: first.promise, 2: second.promise, 3: third.promise }),
    });
    appender.storeAll();
    const fates = [1, 2, 3].map((data) => fateOf(publisher.publish('slow', data, { key: 'k' })));
    third.open('fine');
    await turn();
    second.open('refused');
    await turn();
    expect(appender.calls).toEqual([]);
    first.open('fine');
    await turn();
    expect(fates.map(wordsFor)).toEqual(['stored', 'not-stored EVENTS_VALIDATION', 'stored']);
    const stored = appender.calls.flatMap(({ entries }) => entries.map(({ fields }) => fields[7]));
    expect(stored).toEqual(['1', '3']);
  });

  test('close waits for it', async () => {
    const verdict = gate<string>();
    const { publisher, appender } = publishing({ events: waiting({ first: verdict.promise }) });
    appender.storeAll();
    const fate = fateOf(publisher.publish('slow', 'first'));
    const closed = publisher.close();
    await turn();
    expect([wordsFor(fate), appender.closings]).toEqual(['open', 0]);
    verdict.open('fine');
    await closed;
    expect([wordsFor(fate), appender.closings]).toEqual(['stored', 1]);
  });
});
