// The short form of what `npm run faults` does: one scenario of each kind, shared out between both clients.
import { describe, expect, test } from '@jest/globals';
import { run, trial, withinMs } from './support/trial.js';

const clean = { lost: 0, 'still pending': 0, 'copies beyond unanswered sendings': 0, 'without outcome': 0 };
const intact = { ...clean, 'confirmed, missing from the stream': 0 };

describe('the short form of', () => {
  test(
    'kill: consumers that are killed at random lose nothing',
    async () => {
      const [part] = await trial('kill', 'ioredis', '--part', '1');
      expect(part).toMatchObject({ holds: true, account: { ...intact, attempted: 3_000 } });
    },
    withinMs,
  );

  test(
    'poison: an event that ends its process goes to the dead letters, alone',
    async () => {
      const [part] = await trial('poison', 'node-redis', '--part', '2');
      expect(part).toMatchObject({ holds: true, account: { ...intact, 'dead-lettered': 1 } });
    },
    withinMs,
  );

  test(
    'drop: consuming and publishing go on after every connection was closed',
    async () => {
      const [part] = await trial('drop', 'node-redis');
      expect(part).toMatchObject({ holds: true, account: intact });
    },
    withinMs,
  );

  test(
    'stop: what a stopping consumer hands back is soon handled by another one',
    async () => {
      const [part] = await trial('stop', 'ioredis');
      expect(part).toMatchObject({ holds: true, account: { ...intact, duplicates: 0 } });
    },
    withinMs,
  );

  test(
    'partitions: one owner at a time, whatever happens to the owners',
    async () => {
      const [part] = await trial('partitions', 'node-redis', '--part', '1');
      expect(part).toMatchObject({ holds: true, account: intact });
    },
    withinMs,
  );
});

describe('the program', () => {
  test('says how it is used', async () => {
    const refused = run('earthquake');
    await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('npm run faults') });
  });
});
