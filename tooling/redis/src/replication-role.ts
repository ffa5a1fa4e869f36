import type { RedisServer } from './redis-server.js';
import { fieldsOf } from './server-set.js';

/** What a server says about its part in replication. */
export interface ReplicationRole {
  readonly role: 'master' | 'replica';
  /** Of a replica: the port of its master, and whether the link is up. */
  readonly masterPort: number | undefined;
  readonly linked: boolean;
  /** Of a master: the ports of the replicas that are online. */
  readonly onlinePorts: readonly number[];
}

/** Asks a server for its part in replication. */
export async function replicationRole(server: RedisServer): Promise<ReplicationRole> {
  const fields = fieldsOf(await server.command('INFO', 'replication'));
  const role = fields.get('role') === 'master' ? 'master' : 'replica';
  const port = fields.get('master_port');
  const replicas = [...fields].filter(([name]) => /^slave\d+$/.test(name)).map(([, value]) => value);
  return {
    role,
    masterPort: port === undefined ? undefined : Number(port),
    linked: fields.get('master_link_status') === 'up',
    onlinePorts: replicas
      .filter((replica) => replica.includes('state=online'))
      .map((replica) => Number(/port=(\d+)/.exec(replica)?.[1])),
  };
}
