import { randomBytes } from 'node:crypto';
import { controlUser, launchServers, type ServerPlan } from './launch-servers.js';
import type { ControlUser } from './redis-configuration.js';
import type { RedisSetOptions } from './redis-options.js';
import type { RedisServer } from './redis-server.js';
import { ReplicatedRedis } from './replicated-redis.js';
import { replicationRole } from './replication-role.js';
import { replicationDirectives, setAddress } from './server-set.js';
import { until } from './until.js';

/** What `startReplicated` starts. The other options hold for each server with data. */
export interface StartReplicatedOptions extends RedisSetOptions {
  /** How many follow the master. Default 2. */
  replicas?: number;
  /** How many sentinels watch. Default 3; with 0 there is replication alone. */
  sentinels?: number;
  /** Sentinels that must find the master down before they replace it. Default: the majority. */
  quorum?: number;
  /** Under which the sentinels know the master. Default `main`. */
  name?: string;
  /** Milliseconds without an answer until a sentinel takes the master for down. Default 1,000. */
  downAfterMs?: number;
  /** Milliseconds for one attempt to replace the master; the next begins after twice the time. Default 2,000. */
  failoverTimeoutMs?: number;
  /** Password of the default user of the sentinels. Default: none. */
  sentinelPassword?: string;
  /** Further users of the sentinels as rules of `ACL SETUSER`. */
  sentinelUsers?: readonly string[];
}

// Sentinel's own periods, fast enough for a test. After four times `publish-period` a sentinel turns a server that claims
// to be the master back into a replica; the leader of a failover must have told the others of the new master before, and
// it asks the promoted server once a second only.
const pace = {
  'info-period': 100,
  'publish-period': 500,
  'ping-period': 200,
  'min-link-reconnect-period': 200,
  'tilt-period': 1_000,
};

/**
 * Starts a master, its replicas and their sentinels as processes of their own on free ports of 127.0.0.1, and resolves
 * when every replica is online and the sentinels know all. They end with `stop()`, or with the starting process.
 *
 * @throws Error when a server does not start or the set does not settle within `startTimeoutMs`.
 */
export async function startReplicated(options: StartReplicatedOptions = {}): Promise<ReplicatedRedis> {
  const control = controlUser();
  const { replicas = 2, name = 'main', startTimeoutMs: timeoutMs = 15_000 } = options;
  const { failoverTimeoutMs = 2_000 } = options;
  if (!/^[\w.-]+$/.test(name)) throw new Error(`Not a name for a master: ${JSON.stringify(name)}`);
  const plan: ServerPlan = { options, control, directives: () => replicationDirectives(options, control) };
  const servers = await launchServers(Array.from({ length: 1 + replicas }, () => plan));
  const [master, ...followers] = servers as [RedisServer, ...RedisServer[]];
  let stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    await follow(master, followers, timeoutMs);
    const sentinels = await launchSentinels({ ...options, failoverTimeoutMs }, { control, name, servers });
    const replicated = new ReplicatedRedis({ name, control, servers, sentinels, failoverTimeoutMs });
    stop = () => replicated.stop();
    if (options.proxied === true) await replicated.addProxies();
    await replicated.waitUntilSettled({ timeoutMs });
    return replicated;
  } catch (error) {
    await stop();
    throw error;
  }
}

// One after the other: a replica that asks while the first is being served waits for the next second of its master.
async function follow(master: RedisServer, replicas: readonly RedisServer[], timeoutMs: number): Promise<void> {
  const { host, port } = setAddress(master);
  for (const replica of replicas) {
    await replica.command('REPLICAOF', host, port);
    const linked = async () => (await replicationRole(replica)).linked;
    await until(linked, { timeoutMs, message: `the replica at ${replica.port} to be linked` });
    await replica.command('CONFIG', 'REWRITE');
  }
}

async function launchSentinels(
  options: StartReplicatedOptions & { failoverTimeoutMs: number },
  set: { control: ControlUser; name: string; servers: readonly RedisServer[] },
): Promise<RedisServer[]> {
  const { sentinels: count = 3, downAfterMs = 1_000, failoverTimeoutMs } = options;
  const { quorum = Math.floor(count / 2) + 1, binary, startTimeoutMs, commandTimeoutMs } = options;
  const { control, name, servers } = set;
  const [master, ...replicas] = servers.map(setAddress);
  const ids = Array.from({ length: count }, () => randomBytes(20).toString('hex'));
  const plans = ids.map((id, index): ServerPlan => {
    return {
      options: {
        ...{ binary, startTimeoutMs, commandTimeoutMs },
        ...{ tls: options.tls, password: options.sentinelPassword, users: options.sentinelUsers },
      } as ServerPlan['options'],
      control,
      sentinel: true,
      directives: (planned) => [
        ...(options.tls === true ? ['tls-replication yes'] : []),
        `sentinel myid ${id}`,
        `sentinel monitor ${name} ${master?.host} ${master?.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs + hesitation(index, downAfterMs)}`,
        `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
        `sentinel parallel-syncs ${name} ${Math.max(1, replicas.length)}`,
        `sentinel auth-user ${name} ${control.username}`,
        `sentinel auth-pass ${name} ${control.password}`,
        `sentinel sentinel-user ${control.username}`,
        `sentinel sentinel-pass ${control.password}`,
        ...replicas.map(({ host, port }) => `sentinel known-replica ${name} ${host} ${port}`),
        ...planned.flatMap(({ server }, other) => {
          const { host, port } = setAddress(server);
          return other === index ? [] : [`sentinel known-sentinel ${name} ${host} ${port} ${ids[other]}`];
        }),
      ],
      onLaunch: async (sentinel) => {
        await sentinel.command('SENTINEL', 'DEBUG', ...Object.entries(pace).flat());
      },
    };
  });
  return launchServers(plans);
}

// Sentinels that find the master down at the same moment all vote for themselves, and nobody wins. So one of them is
// ready to agree before the first one asks, and the others have given it their vote before they would stand themselves.
function hesitation(index: number, downAfterMs: number): number {
  if (index === 0) return 0;
  return Math.round((index === 1 ? -0.2 : 0.3 * (index - 1)) * downAfterMs);
}
