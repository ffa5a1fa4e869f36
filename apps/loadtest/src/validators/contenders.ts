import type { StandardSchema } from '@events/core';
import { jsonSchemaValidator, parserValidator, predicateValidator } from '@events/validator-custom';
import { valibotValidator } from '@events/validator-valibot';
import { zodValidator } from '@events/validator-zod';
import { Ajv } from 'ajv';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod3';
import type { Order } from '../bench/orders.js';

/** A library in three forms: called as its documentation says, as it goes into a contract, and with what our package adds. */
export interface Contender {
  readonly name: string;
  /** Whether the data is valid, by the library's own call. */
  readonly bare: (order: Order) => unknown;
  readonly contract: StandardSchema;
}

const order = z.object({
  ...{ sequence: z.number(), sentAtUs: z.number(), orderId: z.string(), customer: z.string(), total: z.number() },
  ...{
    note: z.string(),
    lines: z.array(z.object({ sku: z.string(), name: z.string(), quantity: z.int(), unitPrice: z.number() })),
  },
});
const strictOrder = z.strictObject({
  ...order.shape,
  lines: z.array(order.shape.lines.element.strict()),
});
const order3 = z3.object({
  ...{ sequence: z3.number(), sentAtUs: z3.number(), orderId: z3.string(), customer: z3.string(), total: z3.number() },
  ...{
    note: z3.string(),
    lines: z3.array(
      z3.object({ sku: z3.string(), name: z3.string(), quantity: z3.number().int(), unitPrice: z3.number() }),
    ),
  },
});
const orderV = v.object({
  ...{ sequence: v.number(), sentAtUs: v.number(), orderId: v.string(), customer: v.string(), total: v.number() },
  note: v.string(),
  lines: v.array(
    v.object({ sku: v.string(), name: v.string(), quantity: v.pipe(v.number(), v.integer()), unitPrice: v.number() }),
  ),
});
const strictOrderV = v.strictObject({
  ...orderV.entries,
  lines: v.array(v.strictObject(orderV.entries.lines.item.entries)),
});
const orderA = type({
  ...{ sequence: 'number', sentAtUs: 'number', orderId: 'string', customer: 'string', total: 'number', note: 'string' },
  lines: type({ sku: 'string', name: 'string', quantity: 'number.integer', unitPrice: 'number' }).array(),
});
const number = { type: 'number' };
const string = { type: 'string' };
const objectOf = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) });
const jsonSchema = objectOf({
  ...{ sequence: number, sentAtUs: number, orderId: string, customer: string, total: number, note: string },
  lines: {
    type: 'array',
    items: objectOf({ sku: string, name: string, quantity: { type: 'integer' }, unitPrice: number }),
  },
});
const ajv = new Ajv();
const checkByAjv = ajv.compile(jsonSchema);

/** As a careful colleague writes it. */
function isOrder(value: unknown): value is Order {
  const { sequence, sentAtUs, orderId, customer, total, note, lines } = (value ?? {}) as Partial<Order>;
  return (
    [sequence, sentAtUs, total].every((each) => typeof each === 'number') &&
    [orderId, customer, note].every((each) => typeof each === 'string') &&
    Array.isArray(lines) &&
    lines.every(({ sku, name, quantity, unitPrice }) => {
      return (
        typeof sku === 'string' &&
        typeof name === 'string' &&
        Number.isInteger(quantity) &&
        typeof unitPrice === 'number'
      );
    })
  );
}

export const contenders: readonly Contender[] = [
  { name: 'zod 4', bare: (data) => order.safeParse(data).success, contract: order },
  { name: 'zodValidator, zod 4', bare: (data) => order.safeParse(data).success, contract: zodValidator(order) },
  {
    name: "zodValidator, zod 4, 'refuse'",
    bare: (data) => strictOrder.safeParse(data).success,
    contract: zodValidator(order, { strictMode: 'refuse' }),
  },
  { name: 'zod 3', bare: (data) => order3.safeParse(data).success, contract: order3 },
  { name: 'zodValidator, zod 3', bare: (data) => order3.safeParse(data).success, contract: zodValidator(order3) },
  { name: 'valibot', bare: (data) => v.safeParse(orderV, data).success, contract: orderV },
  { name: 'valibotValidator', bare: (data) => v.safeParse(orderV, data).success, contract: valibotValidator(orderV) },
  {
    name: "valibotValidator, 'refuse'",
    bare: (data) => v.safeParse(strictOrderV, data).success,
    contract: valibotValidator(orderV, { strictMode: 'refuse' }),
  },
  { name: 'arktype', bare: (data) => !(orderA(data) instanceof type.errors), contract: orderA },
  { name: 'jsonSchemaValidator, Ajv', bare: checkByAjv, contract: jsonSchemaValidator(jsonSchema, ajv) },
  { name: 'predicateValidator, by hand', bare: isOrder, contract: predicateValidator(isOrder) },
  {
    name: 'parserValidator, by hand, later',
    bare: async (data) => isOrder(data),
    contract: parserValidator(async (data) => {
      if (!isOrder(data)) throw new Error('is no order');
      return data;
    }),
  },
];
