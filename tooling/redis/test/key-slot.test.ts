import { expect, test } from '@jest/globals';
import { keySlot, startRedis } from '../src/index.js';

test('keySlot is the slot that the server names', async () => {
  const server = await startRedis({ config: { 'cluster-enabled': 'yes' } });
  const keys = [
    '',
    'foo',
    'orders:{7}:x',
    '{a}{b}',
    '{}x',
    'a{b',
    'a}b{c}',
    'é{ü}',
    'x'.repeat(1_000),
    '{\n}a',
    'a\n{b}',
  ];
  const named = await Promise.all(keys.map((key) => server.command('CLUSTER', 'KEYSLOT', key)));
  await server.stop();
  expect(keys.map(keySlot)).toEqual(named);
});
