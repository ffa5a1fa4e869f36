import { describe, expect, test } from '@jest/globals';
import { until } from '../src/index.js';

describe('until', () => {
  test('returns the first truthy answer', async () => {
    let asked = 0;
    const condition = () => {
      asked += 1;
      return asked === 3 && 'third';
    };
    await expect(until(condition, { intervalMs: 1 })).resolves.toBe('third');
    expect(asked).toBe(3);
  });

  test('takes an error for a "not yet" and tells the last one', async () => {
    const waiting = until(() => Promise.reject(new Error('no server')), { timeoutMs: 20, message: 'the server' });
    await expect(waiting).rejects.toThrow('Waited 20 ms in vain for: the server (last error: no server)');
    await expect(waiting).rejects.toHaveProperty('cause.message', 'no server');
  });

  test('gives up on a condition that never answers', async () => {
    let state = 'before';
    const never = () => new Promise<boolean>(() => undefined);
    const waiting = until(never, { timeoutMs: 20, message: () => `an answer, state ${state}` });
    state = 'after';
    await expect(waiting).rejects.toThrow('in vain for: an answer, state after');
  });
});
