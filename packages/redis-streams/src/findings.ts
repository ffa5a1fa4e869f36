import type { Finding } from '@events/core';
import type { RedisSettings } from './redis-settings.js';

/** As much as a consumer holds by default, and so as much as one answer may bring. */
const largestAnswerBytes = 64 * 1_024 * 1_024;
const nearlyFull = 0.85;
const mebibyte = 1_024 * 1_024;

/** What is wrong: `true` where the settings are known and say so. */
interface Check {
  readonly code: string;
  applies(settings: RedisSettings): boolean;
  /** What may happen, and what to do. Follows `Redis at host:port `. */
  describe(settings: RedisSettings): string;
}

const keepsNothing = ({ appendOnly, snapshots }: RedisSettings) => appendOnly === false && snapshots === false;
const hasReplicas = ({ role, connectedReplicas }: RedisSettings) => role === 'master' && (connectedReplicas ?? 0) > 0;

/** In the order of what they cost. What is unknown applies to nothing. */
const checks: readonly Check[] = [
  {
    code: 'eviction',
    applies: ({ evictionPolicy }) => evictionPolicy !== null && evictionPolicy !== 'noeviction',
    describe: ({ evictionPolicy }) =>
      `evicts keys when its memory is full (maxmemory-policy ${evictionPolicy}): streams and consumer groups may ` +
      'vanish. Set maxmemory-policy noeviction.',
  },
  {
    code: 'not-master',
    applies: ({ role }) => role === 'replica',
    describe: () => 'is a replica: it refuses whatever writes. Give the address of the master, or sentinels.',
  },
  {
    code: 'empty-restart',
    applies: (settings) => keepsNothing(settings) && hasReplicas(settings),
    describe: () =>
      'keeps nothing on disk and has replicas: restarted before one of them is promoted, it is empty, and they empty ' +
      'themselves after it. Set appendonly yes, or let nothing restart it by itself.',
  },
  {
    code: 'no-persistence',
    applies: (settings) => keepsNothing(settings) && !hasReplicas(settings),
    describe: () => 'keeps nothing on disk: a restart loses every stream. Set appendonly yes.',
  },
  {
    code: 'no-append-only-file',
    applies: ({ appendOnly, snapshots }) => appendOnly === false && snapshots !== false,
    describe: () =>
      'keeps no append-only file: a restart loses what was stored since its last snapshot. Set appendonly yes.',
  },
  {
    code: 'no-fsync',
    applies: ({ appendOnly, appendFsync }) => appendOnly === true && appendFsync === 'no',
    describe: () =>
      'leaves it to the system when its append-only file reaches the disk (appendfsync no): a power failure may lose ' +
      'half a minute. Set appendfsync everysec, or always.',
  },
  {
    code: 'disk-writes-fail',
    applies: ({ diskWritesSucceed }) => diskWritesSucceed === false,
    describe: () => 'failed to write to its disk the last time, and may refuse writes (MISCONF). Look at disk and log.',
  },
  {
    code: 'writes-alone',
    applies: (settings) =>
      hasReplicas(settings) && (settings.minReplicasToWrite === 0 || settings.minReplicasMaxLagMs === 0),
    describe: () =>
      'goes on confirming when it is cut off from its replicas, and loses what it confirmed once one of them is ' +
      'promoted. Set min-replicas-to-write 1 and min-replicas-max-lag 2.',
  },
  {
    code: 'too-few-replicas',
    applies: ({ role, minReplicasToWrite, connectedReplicas }) =>
      role === 'master' && connectedReplicas !== null && (minReplicasToWrite ?? 0) > connectedReplicas,
    describe: ({ minReplicasToWrite, connectedReplicas }) =>
      `refuses whatever writes: ${connectedReplicas} of the ${minReplicasToWrite} replicas that min-replicas-to-write ` +
      'asks for are connected. Bring replicas back.',
  },
  {
    code: 'no-memory-limit',
    applies: ({ maxMemoryBytes }) => maxMemoryBytes === 0,
    describe: () =>
      'has no memory limit: when its machine has no memory left, the system ends it, instead of publishers being ' +
      'refused. Set maxmemory.',
  },
  {
    code: 'memory-nearly-full',
    applies: ({ maxMemoryBytes, usedMemoryBytes }) =>
      maxMemoryBytes !== null && maxMemoryBytes > 0 && (usedMemoryBytes ?? 0) > nearlyFull * maxMemoryBytes,
    describe: ({ maxMemoryBytes, usedMemoryBytes }) =>
      `uses ${Math.round(((usedMemoryBytes ?? 0) / (maxMemoryBytes ?? 1)) * 100)} % of maxmemory; at 100 % it refuses ` +
      'to store. Trim streams, look for consumers that are behind, or raise maxmemory.',
  },
  {
    code: 'small-client-buffer',
    applies: ({ clientOutputBufferBytes }) => isBelow(clientOutputBufferBytes, largestAnswerBytes),
    describe: ({ clientOutputBufferBytes }) =>
      `closes a connection with more than ${mebibytes(clientOutputBufferBytes)} of unread answers ` +
      '(client-output-buffer-limit normal): reads of large events fail until they ask for few. Set it to 0 0 0, or lower ' +
      'prefetch and maxInFlightBytes.',
  },
  {
    code: 'small-replica-buffer',
    applies: (settings) => hasReplicas(settings) && isBelow(settings.replicaOutputBufferBytes, 32 * mebibyte),
    describe: ({ replicaOutputBufferBytes }) =>
      `drops a replica that is ${mebibytes(replicaOutputBufferBytes)} behind (client-output-buffer-limit replica), which ` +
      'then copies everything anew. Set it to 256mb 64mb 60 or more.',
  },
  {
    code: 'small-values',
    applies: ({ maxValueBytes }) => isBelow(maxValueBytes, largestAnswerBytes),
    describe: ({ maxValueBytes }) =>
      `closes the connection over which a value of more than ${mebibytes(maxValueBytes)} comes (proto-max-bulk-len): ` +
      'what was under way there has an unknown outcome. Keep maxPayloadBytes of publishers below it.',
  },
  {
    code: 'idle-timeout',
    applies: ({ idleTimeoutMs }) => (idleTimeoutMs ?? 0) > 0,
    describe: ({ idleTimeoutMs }) =>
      `closes connections that are unused for ${(idleTimeoutMs ?? 0) / 1_000} s (timeout): what is published just then ` +
      'has an unknown outcome. Set timeout 0; tcp-keepalive finds clients that are gone.',
  },
  {
    code: 'full-coverage',
    applies: ({ requiresFullCoverage }) => requiresFullCoverage === true,
    describe: () =>
      'refuses every stream of the cluster while one shard has no master (cluster-require-full-coverage yes). Set it to no.',
  },
];

/** What is wrong with the settings of the server at `address`, as far as they are known, the worst first. */
export function judgeSettings(settings: RedisSettings, address: string): readonly Finding[] {
  return checks
    .filter((check) => check.applies(settings))
    .map((check) => ({ code: check.code, message: `Redis at ${address} ${check.describe(settings)}` }));
}

function isBelow(bytes: number | null, least: number): boolean {
  return bytes !== null && bytes > 0 && bytes < least;
}

function mebibytes(bytes: number | null): string {
  return `${Math.round(((bytes ?? 0) / mebibyte) * 10) / 10} MiB`;
}
