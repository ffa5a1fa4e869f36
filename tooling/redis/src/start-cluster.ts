import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controlUser, launchServers, type PlannedServer, type ServerPlan } from './launch-servers.js';
import { RedisCluster } from './redis-cluster.js';
import type { ControlUser } from './redis-configuration.js';
import type { RedisSetOptions } from './redis-options.js';
import type { RedisServer } from './redis-server.js';
import { replicationDirectives, setAddress } from './server-set.js';
import { until } from './until.js';

/** What `startCluster` starts. The other options hold for each node. */
export interface StartClusterOptions extends RedisSetOptions {
  /** How many share the slots. Default 3, which is the least with which a cluster survives the death of one. */
  masters?: number;
  /** How many follow each master. Default 1. */
  replicasPerMaster?: number;
  /** Milliseconds without an answer until a node takes another for down. Default 1,000. */
  nodeTimeoutMs?: number;
}

const slotCount = 16_384;

/**
 * Starts the nodes of a cluster as processes of their own on free ports of 127.0.0.1, and resolves when all slots are
 * served and every replica is linked. The first nodes are the masters. They end with `stop()`, or with the starting
 * process.
 *
 * @throws Error when a node does not start or the cluster does not settle within `startTimeoutMs`.
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicasPerMaster = 1, startTimeoutMs: timeoutMs = 15_000 } = options;
  const control = controlUser();
  const plan = nodePlan(options, control);
  const count = masters * (1 + replicasPerMaster);
  const nodes = await launchServers(
    Array.from({ length: count }, () => plan),
    (planned) => writeTables(planned, masters, replicasPerMaster),
  );
  const cluster = new RedisCluster({
    control,
    nodes,
    launchNode: async () => {
      const [node] = (await launchServers([plan])) as [RedisServer];
      return node;
    },
    proxied: options.proxied === true,
  });
  try {
    if (replicasPerMaster > 0) await Promise.all(nodes.slice(0, masters).map((node) => takeOver(node, timeoutMs)));
    await cluster.addProxies();
    await cluster.waitUntilSettled({ timeoutMs });
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function nodePlan(options: StartClusterOptions, control: ControlUser): ServerPlan {
  const directives = [
    ...replicationDirectives(options, control),
    'cluster-config-file nodes.conf',
    `cluster-node-timeout ${options.nodeTimeoutMs ?? 1_000}`,
    'cluster-announce-ip 127.0.0.1',
    // A replica may replace its master however long their link was down, as a test may cut it for long.
    'cluster-replica-validity-factor 0',
    // A master that is left without replicas is not given another's.
    'cluster-allow-replica-migration no',
    ...(options.tls === true ? ['tls-cluster yes'] : []),
  ];
  return { options, control, cluster: true, directives: () => directives };
}

// Nodes that find each other in their tables need not be introduced. But a node that starts as a master serves nothing
// for two seconds, while one that becomes a master does at once. So those that shall be masters start as replicas of
// their future replicas and take over.
async function writeTables(planned: readonly PlannedServer[], masters: number, replicas: number): Promise<void> {
  const ids = planned.map(() => randomBytes(20).toString('hex'));
  const firstOwner = replicas > 0 ? masters : 0;
  const lines = planned.map(({ server, busPort }, index) => {
    const { host, port } = setAddress(server);
    const share = index % masters;
    const owner = firstOwner + share;
    const first = Math.ceil((share * slotCount) / masters);
    const last = Math.ceil(((share + 1) * slotCount) / masters) - 1;
    const epoch = share + 1;
    const place = (myself: string) => `${ids[index]} ${host}:${port}@${busPort} ${myself}`;
    return (self: number) =>
      index === owner
        ? `${place(self === index ? 'myself,' : '')}master - 0 0 ${epoch} connected ${first}-${last}`
        : `${place(self === index ? 'myself,' : '')}slave ${ids[owner]} 0 0 ${epoch} connected`;
  });
  await Promise.all(
    planned.map(({ directory }, self) => {
      const table = [...lines.map((line) => line(self)), `vars currentEpoch ${masters} lastVoteEpoch 0`, ''];
      return writeFile(join(directory, 'nodes.conf'), table.join('\n'));
    }),
  );
}

async function takeOver(node: RedisServer, timeoutMs: number): Promise<void> {
  const served = async () => String(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok');
  await until(served, { timeoutMs, message: `the node on port ${node.port} to see all slots served` });
  await node.command('CLUSTER', 'FAILOVER', 'TAKEOVER');
}
