import { validatorConformance } from '@events/conformance';
import { MemoryTransport } from '@events/memory';
import { test } from '@jest/globals';
import * as v from 'valibot';
import { valibotValidator } from '../src/index.js';
import { asynchronousShapes, shapes } from './shapes.js';

const openTransport = () => new MemoryTransport();
const common = { openTransport, tellsPaths: true, isAsynchronous: false };
const line = v.object({ sku: v.string(), quantity: v.pipe(v.number(), v.integer(), v.minValue(1)) });
const order = v.object({ orderId: v.string(), lines: v.array(line), note: v.optional(v.string()) });
const asynchronous = v.pipeAsync(
  order,
  v.checkAsync(async () => true),
);

validatorConformance({ test }, { ...common, name: 'valibot as it is', order });
validatorConformance(
  { test },
  {
    ...common,
    name: 'valibotValidator',
    order: valibotValidator(order),
    strict: (shape, strictMode) => valibotValidator(shapes[shape], { strictMode }),
  },
);
validatorConformance(
  { test },
  {
    ...common,
    name: 'asynchronous valibotValidator',
    order: valibotValidator(asynchronous),
    isAsynchronous: true,
    strict: (shape, strictMode) => valibotValidator(asynchronousShapes[shape], { strictMode }),
  },
);
