// The short form of what concerns streams that are trimmed while they are used.
import { describe, expect, test } from '@jest/globals';
import { trial, withinMs } from './support/trial.js';

describe('the short form of', () => {
  test(
    'week: a stopped group loses nothing, and an abandoned one is named and released',
    async () => {
      const [part] = await trial('week', 'ioredis', '--part', '1');
      expect(part).toMatchObject({ holds: true });
    },
    withinMs,
  );
});
