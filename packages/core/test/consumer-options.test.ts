import { describe, expect, test } from '@jest/globals';
import { type ConsumerOptions, EventConsumer, exponentialBackoff, fixedDelay } from '../src/index.js';
import { StubTransport } from './support/stub-transport.js';

const transport = new StubTransport();
const good = { transport, stream: 'orders', group: 'billing' };

describe('options that cannot work are refused, each by its name', () => {
  test.each<[string, unknown, string, string]>([
    ['nothing at all', undefined, 'EVENTS_OPTIONS', 'EventConsumer takes an object of options'],
    ['an unknown option', { ...good, consumerName: 'x' }, 'EVENTS_OPTIONS', '"consumerName"'],
    ['no partitions', { ...good, partitions: 0 }, 'EVENTS_OPTIONS', 'partitions'],
    ['partitions beyond 1,024', { ...good, partitions: 1_025 }, 'EVENTS_OPTIONS', 'partitions'],
    ['half a partition', { ...good, partitions: 1.5 }, 'EVENTS_OPTIONS', 'partitions'],
    ['partitions of a tagged stream', { ...good, stream: 'a:{b}', partitions: 2 }, 'EVENTS_OPTIONS', 'hash tag'],
    ['a lease without partitions', { ...good, partitionLeaseMs: 5_000 }, 'EVENTS_OPTIONS', 'partitionLeaseMs'],
    [
      'a lease where nothing is owned',
      { ...good, partitions: 2, partitionLeaseMs: 5_000 },
      'EVENTS_OPTIONS',
      'partitionLeaseMs',
    ],
    [
      'a lease that is too short',
      { ...good, partitions: 2, ordering: 'key', partitionLeaseMs: 999 },
      'EVENTS_OPTIONS',
      'partitionLeaseMs',
    ],
    ['less prefetch than partitions', { ...good, partitions: 8, prefetch: 7 }, 'EVENTS_OPTIONS', 'prefetch'],
    ['the name of a partition', { ...good, stream: 'orders:p3' }, 'EVENTS_STREAM_NAME', '"p3"'],
    ['no pending entries at all', { ...good, backpressureThreshold: 0 }, 'EVENTS_OPTIONS', 'backpressureThreshold'],
    ['no lag at all', { ...good, slowConsumerThreshold: 0 }, 'EVENTS_OPTIONS', 'slowConsumerThreshold'],
    [
      'a breaker without failures',
      { ...good, circuitBreaker: { failures: 0 } },
      'EVENTS_OPTIONS',
      'circuitBreaker.failures',
    ],
    ['a breaker that judges by name', { ...good, circuitBreaker: { isFailure: 'all' } }, 'EVENTS_OPTIONS', 'isFailure'],
    [
      'a breaker whose longest wait is the shorter',
      { ...good, circuitBreaker: { probeMs: 100, maxProbeMs: 50 } },
      'EVENTS_OPTIONS',
      'maxProbeMs',
    ],
    ['an unknown option of a breaker', { ...good, circuitBreaker: { after: 3 } }, 'EVENTS_OPTIONS', '"after"'],
    ['an option of a later version', { ...good, tracing: {} }, 'EVENTS_OPTIONS', '"tracing"'],
    ['metrics, of a later version', { ...good, metrics: {} }, 'EVENTS_OPTIONS', '"metrics"'],
    ['no transport', { stream: 'orders', group: 'billing' }, 'EVENTS_OPTIONS', 'needs a transport'],
    ['no stream', { transport, group: 'billing' }, 'EVENTS_OPTIONS', "either 'stream' or 'streams'"],
    ['stream and streams', { ...good, streams: ['orders'] }, 'EVENTS_OPTIONS', "either 'stream' or 'streams'"],
    ['no streams in streams', { ...good, stream: undefined, streams: [] }, 'EVENTS_OPTIONS', "'streams'"],
    ['a text as streams', { ...good, stream: undefined, streams: 'orders' }, 'EVENTS_OPTIONS', "'streams'"],
    ['a stream twice', { ...good, stream: undefined, streams: ['a', 'a'] }, 'EVENTS_OPTIONS', 'twice'],
    ['a bad stream name', { ...good, stream: 'a b' }, 'EVENTS_STREAM_NAME', '"a b"'],
    ['a companion as stream', { ...good, stream: '{orders}:dlq' }, 'EVENTS_STREAM_NAME', '"{orders}:dlq"'],
    ['a bad prefix', { ...good, streamPrefix: 'a:b' }, 'EVENTS_OPTIONS', 'streamPrefix'],
    ['streamValidation as text', { ...good, streamValidation: 'strict' }, 'EVENTS_OPTIONS', 'streamValidation'],
    ['no group', { transport, stream: 'orders' }, 'EVENTS_OPTIONS', 'group'],
    ['a bad group', { ...good, group: 'a b' }, 'EVENTS_OPTIONS', 'group "a b"'],
    ['a bad consumer name', { ...good, consumer: '' }, 'EVENTS_OPTIONS', 'consumer ""'],
    ['another start', { ...good, startFrom: 'end' }, 'EVENTS_OPTIONS', 'startFrom'],
    ['a start at a malformed id', { ...good, startFrom: { entryId: '5' } }, 'EVENTS_OPTIONS', 'startFrom'],
    ['a start at a negative time', { ...good, startFrom: { time: -1 } }, 'EVENTS_OPTIONS', 'startFrom'],
    ['a start at a Date', { ...good, startFrom: { time: new Date() } }, 'EVENTS_OPTIONS', 'startFrom'],
    ['a start at two places', { ...good, startFrom: { time: 1, entryId: '1-1' } }, 'EVENTS_OPTIONS', 'startFrom'],
    ['another policy for lost groups', { ...good, onGroupLost: 'latest' }, 'EVENTS_OPTIONS', 'onGroupLost'],
    ['a lost group resumed at a time', { ...good, onGroupLost: { time: 1 } }, 'EVENTS_OPTIONS', 'onGroupLost'],
    ['a negative handlerTimeoutMs', { ...good, handlerTimeoutMs: -1 }, 'EVENTS_OPTIONS', 'handlerTimeoutMs'],
    [
      'handlerTimeoutMs beyond what a timer can do',
      { ...good, handlerTimeoutMs: 2 ** 31 },
      'EVENTS_OPTIONS',
      'handlerTimeoutMs',
    ],
    ['concurrency 0', { ...good, concurrency: 0 }, 'EVENTS_OPTIONS', 'concurrency'],
    ['concurrency as text', { ...good, concurrency: '4' }, 'EVENTS_OPTIONS', 'concurrency'],
    ['prefetch 0', { ...good, prefetch: 0 }, 'EVENTS_OPTIONS', 'prefetch'],
    ['maxInFlightBytes 0', { ...good, maxInFlightBytes: 0 }, 'EVENTS_OPTIONS', 'maxInFlightBytes'],
    ['another ordering', { ...good, ordering: 'stream' }, 'EVENTS_OPTIONS', 'ordering'],
    ['another recoveryStrategy', { ...good, recoveryStrategy: 'linear' }, 'EVENTS_OPTIONS', 'recoveryStrategy'],
    [
      "maxRetries with recoveryStrategy 'none'",
      { ...good, recoveryStrategy: 'none', maxRetries: 3 },
      'EVENTS_OPTIONS',
      'maxRetries contradicts',
    ],
    [
      "even 0 of them with 'none'",
      { ...good, recoveryStrategy: 'none', maxRetries: 0 },
      'EVENTS_OPTIONS',
      'maxRetries contradicts',
    ],
    ['a negative maxRetries', { ...good, maxRetries: -1 }, 'EVENTS_OPTIONS', 'maxRetries'],
    ['another onUnhandled', { ...good, onUnhandled: 'throw' }, 'EVENTS_OPTIONS', 'onUnhandled'],
    ['claimIdleMs below 100', { ...good, claimIdleMs: 99 }, 'EVENTS_OPTIONS', 'claimIdleMs'],
    ['deadLetter as text', { ...good, deadLetter: 'failed' }, 'EVENTS_OPTIONS', 'deadLetter'],
    ['deadLetter null', { ...good, deadLetter: null }, 'EVENTS_OPTIONS', 'deadLetter'],
    [
      'dead letters into the stream itself',
      { ...good, deadLetter: { stream: 'orders' } },
      'EVENTS_OPTIONS',
      'deadLetter.stream',
    ],
    [
      'dead letters into another of the streams',
      { ...good, stream: undefined, streams: ['a', 'b'], deadLetter: { stream: 'b' } },
      'EVENTS_OPTIONS',
      'deadLetter.stream',
    ],
    ['dead letters into a bad stream', { ...good, deadLetter: { stream: 'a b' } }, 'EVENTS_STREAM_NAME', '"a b"'],
    [
      'an unknown option of deadLetter',
      { ...good, deadLetter: { stream: 'failed', maxLength: 1 } },
      'EVENTS_OPTIONS',
      'maxLength',
    ],
    ['deduplicate as text', { ...good, deduplicate: 'yes' }, 'EVENTS_OPTIONS', 'deduplicate'],
    [
      'an unknown option of deduplicate',
      { ...good, deduplicate: { windowMs: 1_000, max: 1 } },
      'EVENTS_OPTIONS',
      '"max"',
    ],
    ['a window too short', { ...good, deduplicate: { windowMs: 999 } }, 'EVENTS_OPTIONS', 'deduplicate.windowMs'],
    [
      'no room for ids',
      { ...good, deduplicate: { windowMs: 1_000, maxEntries: 0 } },
      'EVENTS_OPTIONS',
      'deduplicate.maxEntries',
    ],
    ['contracts that are none', { ...good, events: { a: 1 } }, 'EVENTS_OPTIONS', "contract of 'a'"],
    ['a logger that cannot log', { ...good, logger: { warn: () => {} } }, 'EVENTS_OPTIONS', 'logger'],
  ])('%s', (_name, options, code, named) => {
    expect(() => new EventConsumer(options as ConsumerOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(named) }),
    );
  });

  test('before anything of the transport is opened', () => {
    expect([transport.subscriptions, transport.inspections]).toEqual([[], 0]);
  });
});

describe('options that can work are taken', () => {
  test.each<[string, Partial<ConsumerOptions>]>([
    ['undefined for anything optional', { prefetch: undefined, deadLetter: undefined, consumer: undefined }],
    ['a start at an id', { startFrom: { entryId: '1700000000000-0' } }],
    ['a start at a time', { startFrom: { time: 0 } }],
    ['a lost group resumed after an id', { onGroupLost: { entryId: '0-0' } }],
    ['no handler timeout', { handlerTimeoutMs: 0 }],
    ['a policy of the user, with maxRetries', { recoveryStrategy: () => 5, maxRetries: 1 }],
    ["'none'", { recoveryStrategy: 'none' }],
    ['dead letters elsewhere', { deadLetter: { stream: 'failed' } }],
    ['deduplication', { deduplicate: { windowMs: 1_000 } }],
  ])('%s', (_name, options) => {
    expect(new EventConsumer({ ...good, ...options }).state).toBe('idle');
  });
});

describe('a policy for retries', () => {
  test('doubles its waits up to its maximum, each less up to half of it', () => {
    const policy = exponentialBackoff({ initialMs: 100, maxMs: 1_000 });
    const bounds = [100, 200, 400, 800, 1_000, 1_000];
    for (const [index, bound] of bounds.entries()) {
      for (let round = 0; round < 20; round += 1) {
        const waitMs = policy(index + 1, undefined);
        expect(waitMs).toBeGreaterThanOrEqual(bound / 2);
        expect(waitMs).toBeLessThanOrEqual(bound);
      }
    }
    expect(policy(1_000_000, undefined)).toBeLessThanOrEqual(1_000);
  });

  test('waits as long each time when it is fixed', () => {
    expect([1, 2, 9].map((attempt) => fixedDelay(70)(attempt, undefined))).toEqual([70, 70, 70]);
    expect(fixedDelay()(1, undefined)).toBe(1_000);
    expect(fixedDelay(0)(1, undefined)).toBe(0);
  });

  test.each([
    () => exponentialBackoff({ initialMs: 0 }),
    () => exponentialBackoff({ initialMs: 100, maxMs: 50 }),
    () => exponentialBackoff({ maxMs: Number.NaN }),
    () => fixedDelay(-1),
    () => fixedDelay(0.5),
  ])('refuses numbers that make no sense: %s', (make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'EVENTS_OPTIONS' }));
  });
});
