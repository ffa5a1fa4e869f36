import { defineEvents } from '@events/core';
import { valibotValidator } from '@events/validator-valibot';
import { zodValidator } from '@events/validator-zod';
import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod3';
import { checkContractsDocument, describeContracts } from '../src/index.js';
import { registry } from './support/registry.js';

describe('a registry is described', () => {
  const { format, events } = describeContracts(registry);

  test('type by type and version by version, of every library', () => {
    expect(format).toBe('events-contracts/1');
    expect(Object.keys(events)).toEqual(Object.keys(registry));
    expect(events['order.placed']?.versions).toHaveLength(2);
    expect(events['order.placed']?.versions[0]?.published).toMatchObject({ properties: { total: { type: 'number' } } });
    expect(events['order.placed']?.versions[1]?.published).toMatchObject({
      required: ['orderId', 'cents', 'lines', 'address'],
    });
    expect(events['order.paid']?.versions[0]?.published).toMatchObject({
      properties: { method: { enum: ['card', 'cash'] } },
    });
    expect(events['customer:created/eu']?.versions[0]?.published).toMatchObject({ required: ['name'] });
    expect(events['customer:created_eu']?.versions[0]?.published).toMatchObject({ required: ['name'] });
  });

  test('by what is published and by what is handled, and by nothing where that cannot be said', () => {
    expect(events['order.placed']?.versions[1]?.handled).toMatchObject({
      required: ['orderId', 'cents', 'currency', 'lines', 'address'],
    });
    expect(events['order.dated']?.versions[0]).toMatchObject({ published: { type: 'object' }, handled: null });
    expect(events['anything.happened']?.versions[0]).toEqual({ published: null, handled: null });
  });

  test('as JSON, which is what it was before when it is read back', () => {
    const document = describeContracts(registry);
    expect(checkContractsDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });
});

test('libraries without JSON Schema are described with a validator', () => {
  const events = defineEvents({ a: v.object({ id: v.string() }), b: z3.object({ id: z3.string() }), c: z.string() });
  expect(describeContracts(events).events.a?.versions).toEqual([{ published: null, handled: null }]);
  const { a, b, c } = describeContracts(events, { validator: [valibotValidator, zodValidator] }).events;
  expect(a?.versions[0]?.published).toMatchObject({ required: ['id'] });
  expect(b?.versions[0]?.published).toMatchObject({ required: ['id'] });
  expect(c?.versions[0]?.published).toMatchObject({ type: 'string' });
  expect(describeContracts(events, { validator: zodValidator }).events.b?.versions[0]?.published).not.toBeNull();
});

test.each([
  ['nothing', undefined],
  ['a text', 'x'],
  ['another format', { format: 'events-contracts/2', events: {} }],
  ['no events', { format: 'events-contracts/1' }],
  ['an event without versions', { format: 'events-contracts/1', events: { a: { versions: [] } } }],
])('%s is no description', (_name, document) => {
  expect(() => checkContractsDocument(document)).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
});

test('unknown options are refused', () => {
  expect(() => describeContracts(registry, { validators: [] } as never)).toThrow('"validators"');
});
