/**
 * How a server is set, where it decides what is promised. Each is `null` when the server may not be asked, or does not
 * say. `apps/docs/operating-redis.md` says what each should be.
 */
export interface RedisSettings {
  readonly role: 'master' | 'replica' | null;
  /** How many replicas are connected to it. */
  readonly connectedReplicas: number | null;
  /** `min-replicas-to-write`: without so many replicas it refuses to write. 0 = it writes alone. */
  readonly minReplicasToWrite: number | null;
  /** `min-replicas-max-lag`, in milliseconds: how long a replica may be silent and still count. 0 = `minReplicasToWrite` is void. */
  readonly minReplicasMaxLagMs: number | null;
  /** Whether it keeps an append-only file. */
  readonly appendOnly: boolean | null;
  /** `appendfsync`: when the append-only file is forced to disk. */
  readonly appendFsync: 'always' | 'everysec' | 'no' | null;
  /** Whether it makes snapshots by itself. */
  readonly snapshots: boolean | null;
  /** Whether what it last tried to write to disk succeeded. */
  readonly diskWritesSucceed: boolean | null;
  /** `maxmemory-policy`: what happens when memory is full. */
  readonly evictionPolicy: string | null;
  /** `maxmemory`, in bytes. 0 = no limit. */
  readonly maxMemoryBytes: number | null;
  /** How much of it is used, in bytes. */
  readonly usedMemoryBytes: number | null;
  /** Beyond so many bytes of unread answers a client's connection is closed. 0 = never. */
  readonly clientOutputBufferBytes: number | null;
  /** The same, for the connections of replicas. */
  readonly replicaOutputBufferBytes: number | null;
  /** `proto-max-bulk-len`: the longest value that it takes, in bytes. */
  readonly maxValueBytes: number | null;
  /** `timeout`, in milliseconds: a connection that is unused for so long is closed. 0 = never. */
  readonly idleTimeoutMs: number | null;
  /** Whether it is a node of a cluster. */
  readonly isClusterNode: boolean | null;
  /** `cluster-require-full-coverage`: whether all slots are refused while some have no master. `null` outside a cluster, too. */
  readonly requiresFullCoverage: boolean | null;
}

/** What CONFIG GET is asked for. */
export const settingNames = [
  'save',
  'appendfsync',
  'min-replicas-to-write',
  'min-replicas-max-lag',
  'client-output-buffer-limit',
  'proto-max-bulk-len',
  'timeout',
  'cluster-require-full-coverage',
];

type Texts = ReadonlyMap<string, string>;

/** The settings, from the fields of INFO and the answer to CONFIG GET, as far as there are any. */
export function readSettings(about: Texts, configured: Texts): RedisSettings {
  const isClusterNode = flag(about.get('cluster_enabled'));
  const buffers = bufferLimits(configured.get('client-output-buffer-limit'));
  const seconds = (name: string) => scaled(integer(configured.get(name)), 1_000);
  return {
    role: roleIn(about),
    connectedReplicas: integer(about.get('connected_slaves')),
    minReplicasToWrite: integer(configured.get('min-replicas-to-write')) ?? unaskedMinReplicas(about),
    minReplicasMaxLagMs: seconds('min-replicas-max-lag'),
    appendOnly: flag(about.get('aof_enabled')),
    appendFsync: fsyncIn(configured),
    snapshots: present(configured.get('save'), (points) => points !== ''),
    diskWritesSucceed: diskWritesIn(about),
    evictionPolicy: about.get('maxmemory_policy') ?? null,
    maxMemoryBytes: integer(about.get('maxmemory')),
    usedMemoryBytes: integer(about.get('used_memory')),
    clientOutputBufferBytes: buffers?.get('normal') ?? null,
    replicaOutputBufferBytes: buffers?.get('slave') ?? buffers?.get('replica') ?? null,
    maxValueBytes: integer(configured.get('proto-max-bulk-len')),
    idleTimeoutMs: seconds('timeout'),
    isClusterNode,
    requiresFullCoverage:
      isClusterNode === true
        ? present(configured.get('cluster-require-full-coverage'), (value) => value === 'yes')
        : null,
  };
}

/** The fields in answers to INFO. */
export function parseInfo(replies: readonly unknown[]): Texts {
  const lines = replies.flatMap((reply) => (typeof reply === 'string' ? reply.split('\r\n') : []));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

/** The names and values in an answer to CONFIG GET, in any shape; nothing where there is none. */
export function parsePairs(reply: unknown): Texts {
  if (typeof reply !== 'object' || reply === null) return new Map();
  if (!Array.isArray(reply)) {
    const entries: Iterable<[unknown, unknown]> = reply instanceof Map ? reply : Object.entries(reply);
    return new Map(Array.from(entries, ([name, value]) => [String(name), String(value)]));
  }
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), String(reply[index + 1]));
  return pairs;
}

function roleIn(about: Texts): 'master' | 'replica' | null {
  const role = about.get('role');
  if (role === undefined) return null;
  return role === 'master' ? 'master' : 'replica';
}

// INFO has this field exactly where the setting is in force. So its absence says 0, on the servers that are known to.
function unaskedMinReplicas(about: Texts): number | null {
  const tells = about.has('role') && !about.has('dragonfly_version') && about.has('redis_version');
  return tells && !about.has('min_slaves_good_slaves') ? 0 : null;
}

function fsyncIn(configured: Texts): RedisSettings['appendFsync'] {
  const value = configured.get('appendfsync');
  return value === 'always' || value === 'everysec' || value === 'no' ? value : null;
}

function diskWritesIn(about: Texts): boolean | null {
  const statuses = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'];
  const known = statuses.map((name) => about.get(name)).filter((status) => status !== undefined);
  return known.length === 0 ? null : known.every((status) => status === 'ok');
}

/** The lower of the two limits of each class: `normal 0 0 0 slave 268435456 67108864 60 …`. */
function bufferLimits(text: string | undefined): ReadonlyMap<string, number> | undefined {
  if (text === undefined) return undefined;
  const limits = new Map<string, number>();
  for (const [, name = '', hard = '', soft = ''] of text.matchAll(/([a-z]+) (\d+) (\d+) \d+/g)) {
    const set = [Number(hard), Number(soft)].filter((bytes) => bytes > 0);
    limits.set(name, set.length === 0 ? 0 : Math.min(...set));
  }
  return limits;
}

function integer(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function flag(text: string | undefined): boolean | null {
  return text === '1' ? true : text === '0' ? false : null;
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}

function present<Value>(text: string | undefined, read: (text: string) => Value): Value | null {
  return text === undefined ? null : read(text);
}
