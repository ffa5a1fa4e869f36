import { describe, expect, test } from '@jest/globals';
import { parseOptions, UsageError } from '../src/demo/options.js';

describe('the command line', () => {
  test('without flags: twenty seconds on memory', () => {
    expect(parseOptions([])).toEqual({
      place: { kind: 'memory' },
      orders: 2_000,
      rate: 100,
      seconds: undefined,
      seed: 1,
      chaos: false,
      plain: false,
    });
  });

  test('every flag', () => {
    const args = '--redis local --client node-redis --orders 10 --rate 2.5 --seconds 3 --seed 7 --chaos --plain'.split(
      ' ',
    );
    expect(parseOptions(args)).toEqual({
      place: { kind: 'redis', url: 'local', client: 'node-redis' },
      orders: 10,
      rate: 2.5,
      seconds: 3,
      seed: 7,
      chaos: true,
      plain: true,
    });
  });

  test('--seconds decides how many orders there are, and --orders how long it takes', () => {
    expect(parseOptions(['--seconds', '3', '--rate', '50'])).toMatchObject({ orders: 150, seconds: 3 });
    expect(parseOptions(['--orders', '9000'])).toMatchObject({ orders: 9_000, seconds: undefined });
  });

  test.each([
    [['--speed', '9'], "Unknown option '--speed'"],
    [['fast'], "Unexpected argument 'fast'"],
    [['--orders'], "'--orders <value>' argument missing"],
    [['--orders', '1.5'], '--orders must be a whole number from 1 to 1000000'],
    [['--orders', '0'], '--orders must be'],
    [['--rate', 'high'], '--rate must be a number'],
    [['--seed=-1'], '--seed must be'],
    [['--redis', 'localhost:6379'], '--redis must be local, or an address'],
    [['--redis', 'local', '--client', 'jedis'], '--client must be ioredis or node-redis'],
    [['--client', 'ioredis'], '--client needs --redis'],
    [['--chaos'], '--chaos kills a process, which needs --redis'],
  ])('%j is refused: %s', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  test('an address is not repeated in the error: it may hold a password', () => {
    expect(() => parseOptions(['--redis', 'http://:secret@host'])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
