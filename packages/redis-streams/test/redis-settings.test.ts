import { describe, expect, test } from '@jest/globals';
import { judgeSettings } from '../src/findings.js';
import { parseInfo, parsePairs, type RedisSettings, readSettings } from '../src/redis-settings.js';

const info = (fields: Record<string, string | number>) =>
  parseInfo([
    ['# Section', ...Object.entries(fields).map(([name, value]) => `${name}:${value}`)].join('\r\n').concat('\r\n'),
  ]);
const nothing = readSettings(new Map(), new Map());

describe('settings', () => {
  test('are all unknown where nothing may be asked, and then nothing is wrong', () => {
    expect(new Set(Object.values(nothing))).toEqual(new Set([null]));
    expect(judgeSettings(nothing, 'here:6379')).toEqual([]);
  });

  test('are read from INFO and CONFIG GET, in one unit each', () => {
    const about = info({
      ...{ redis_version: '7.0.15', role: 'master', connected_slaves: 2, aof_enabled: 1, maxmemory: 1024 },
      ...{ used_memory: 512, maxmemory_policy: 'noeviction', cluster_enabled: 1, aof_last_write_status: 'ok' },
    });
    const pairs = {
      ...{ save: '3600 1', appendfsync: 'everysec', 'min-replicas-to-write': '1', 'min-replicas-max-lag': '3' },
      ...{ 'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 1 1 60' },
      ...{ 'proto-max-bulk-len': '536870912', timeout: '30', 'cluster-require-full-coverage': 'no' },
    };
    const expected: RedisSettings = {
      ...{ role: 'master', connectedReplicas: 2, minReplicasToWrite: 1, minReplicasMaxLagMs: 3_000 },
      ...{ appendOnly: true, appendFsync: 'everysec', snapshots: true, diskWritesSucceed: true },
      ...{ evictionPolicy: 'noeviction', maxMemoryBytes: 1_024, usedMemoryBytes: 512 },
      ...{ clientOutputBufferBytes: 0, replicaOutputBufferBytes: 67_108_864, maxValueBytes: 536_870_912 },
      ...{ idleTimeoutMs: 30_000, isClusterNode: true, requiresFullCoverage: false },
    };
    expect(readSettings(about, parsePairs(pairs))).toEqual(expected);
    expect(readSettings(about, parsePairs(new Map(Object.entries(pairs))))).toEqual(expected);
    expect(readSettings(about, parsePairs(Object.entries(pairs).flat()))).toEqual(expected);
  });

  test('that CONFIG does not tell stay unknown, but for min-replicas-to-write, which INFO tells where it is in force', () => {
    const about = { redis_version: '7.0.15', role: 'master' };
    expect(readSettings(info(about), new Map())).toMatchObject({ minReplicasToWrite: 0, snapshots: null });
    const inForce = info({ ...about, min_slaves_good_slaves: 1 });
    expect(readSettings(inForce, new Map())).toMatchObject({ minReplicasToWrite: null });
    const stranger = info({ ...about, dragonfly_version: 'df-v1.0.0' });
    expect(readSettings(stranger, new Map())).toMatchObject({ minReplicasToWrite: null });
  });

  test.each([undefined, null, 'text', 7, [], ['alone']])(
    'an answer to CONFIG GET that is %p tells nothing',
    (reply) => {
      expect(parsePairs(reply)).toEqual(new Map());
    },
  );
});

describe('findings', () => {
  const replicated = { role: 'master', connectedReplicas: 2 } as const;
  const inOrder: readonly (readonly [string, Partial<RedisSettings>, Partial<RedisSettings>])[] = [
    ['eviction', { evictionPolicy: 'allkeys-lru' }, { evictionPolicy: 'noeviction' }],
    ['not-master', { role: 'replica' }, { role: 'master' }],
    ['empty-restart', { ...replicated, appendOnly: false, snapshots: false }, { ...replicated, appendOnly: true }],
    ['no-persistence', { appendOnly: false, snapshots: false }, { appendOnly: true, snapshots: false }],
    ['no-append-only-file', { appendOnly: false, snapshots: true }, { appendOnly: true, snapshots: true }],
    ['no-append-only-file', { appendOnly: false, snapshots: null }, { appendOnly: null, snapshots: null }],
    ['no-fsync', { appendOnly: true, appendFsync: 'no' }, { appendOnly: true, appendFsync: 'everysec' }],
    ['disk-writes-fail', { diskWritesSucceed: false }, { diskWritesSucceed: true }],
    ['writes-alone', { ...replicated, minReplicasToWrite: 0 }, { ...replicated, minReplicasToWrite: 1 }],
    ['writes-alone', { ...replicated, minReplicasMaxLagMs: 0 }, { role: 'master', minReplicasToWrite: 0 }],
    ['too-few-replicas', { ...replicated, minReplicasToWrite: 3 }, { ...replicated, minReplicasToWrite: 2 }],
    ['no-memory-limit', { maxMemoryBytes: 0 }, { maxMemoryBytes: 1 }],
    ['memory-nearly-full', { maxMemoryBytes: 100, usedMemoryBytes: 86 }, { maxMemoryBytes: 100, usedMemoryBytes: 85 }],
    ['small-client-buffer', { clientOutputBufferBytes: 1_048_576 }, { clientOutputBufferBytes: 0 }],
    ['small-replica-buffer', { ...replicated, replicaOutputBufferBytes: 1 }, { replicaOutputBufferBytes: 1 }],
    ['small-values', { maxValueBytes: 1_048_576 }, { maxValueBytes: 536_870_912 }],
    ['idle-timeout', { idleTimeoutMs: 30_000 }, { idleTimeoutMs: 0 }],
    ['full-coverage', { requiresFullCoverage: true }, { requiresFullCoverage: false }],
  ];

  test.each(inOrder)('%s', (code, wrong, right) => {
    const [finding, ...others] = judgeSettings({ ...nothing, ...wrong }, 'here:6379');
    expect(others).toEqual([]);
    expect(finding?.code).toBe(code);
    expect(finding?.message).toMatch(/^Redis at here:6379 [^{}]*\.$/);
    expect(finding?.message).not.toMatch(/undefined|null|NaN/);
    expect(judgeSettings({ ...nothing, ...right }, 'here:6379')).toEqual([]);
  });

  test('come with the worst first', () => {
    const settings = {
      ...nothing,
      ...{ ...replicated, evictionPolicy: 'volatile-lru', appendOnly: false, snapshots: false, maxMemoryBytes: 0 },
      ...{ minReplicasToWrite: 0, idleTimeoutMs: 1_000 },
    };
    expect(judgeSettings(settings, 'here:6379').map(({ code }) => code)).toEqual([
      'eviction',
      'empty-restart',
      'writes-alone',
      'no-memory-limit',
      'idle-timeout',
    ]);
  });
});
