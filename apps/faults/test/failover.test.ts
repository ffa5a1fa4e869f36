// The short form of the scenarios in which servers replace each other.
import { describe, expect, test } from '@jest/globals';
import { trial, withinMs } from './support/trial.js';

const whole = { lost: 0, 'still pending': 0, 'confirmed, missing from the stream': 0, 'without outcome': 0 };

describe('the short form of', () => {
  test(
    'sentinel-freeze: a replaced master that comes back is left, and with a replica nothing confirmed is lost',
    async () => {
      const [part] = await trial('sentinel-freeze', 'ioredis', '--part', '1');
      expect(part).toMatchObject({ holds: true, account: whole });
    },
    withinMs,
  );

  test(
    'sentinel-unreplicated: what a lost master alone had is stored again, and handled once',
    async () => {
      const [part] = await trial('sentinel-unreplicated', 'node-redis', '--part', '1');
      expect(part).toMatchObject({ holds: true, account: whole });
      expect(part?.account['confirmed, stored again elsewhere']).toBeGreaterThan(0);
    },
    withinMs,
  );

  test(
    'cluster-kill: the slot’s master is killed, and with a replica nothing confirmed is lost',
    async () => {
      const [part] = await trial('cluster-kill', 'node-redis', '--part', '1');
      expect(part).toMatchObject({ holds: true, account: whole });
    },
    withinMs,
  );

  test(
    'cluster-move: a slot that moves loses and repeats nothing',
    async () => {
      const [part] = await trial('cluster-move', 'ioredis');
      expect(part).toMatchObject({ holds: true, account: { ...whole, duplicates: 0 } });
    },
    withinMs,
  );

  test(
    'reply-loss: whatever becomes of replies, each publish settles, and with idempotent nothing is stored twice',
    async () => {
      const [part] = await trial('reply-loss', 'ioredis', '--part', '2');
      expect(part).toMatchObject({ holds: true, account: { ...whole, 'copies beyond unanswered sendings': 0 } });
    },
    withinMs,
  );
});
