import type { PlainOrder } from './harness.js';

/** No message may quote it. */
export const secret = 'swordfish';

export const orders = {
  valid: { orderId: 'o-1', lines: [{ sku: 'a', quantity: 1 }] } satisfies PlainOrder,
  withNote: { orderId: 'o-2', lines: [{ sku: 'a', quantity: 2 }], note: 'fragile' } satisfies PlainOrder,
  empty: { orderId: 'o-3', lines: [] } satisfies PlainOrder,
  invalid: [
    { data: { orderId: secret, lines: [{ sku: 'a', quantity: 0 }] }, path: 'lines.0.quantity' },
    {
      data: {
        orderId: secret,
        lines: [
          { sku: 'a', quantity: 1 },
          { sku: 7, quantity: 1 },
        ],
      },
      path: 'lines.1.sku',
    },
    { data: { orderId: secret, lines: secret }, path: 'lines' },
    { data: { lines: [] }, path: 'orderId' },
    { data: { orderId: secret, lines: [], note: 7 }, path: 'note' },
  ],
} as const;
