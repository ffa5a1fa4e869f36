import type { KeyDescription } from '@events/core';
import { ClusterTopology } from './cluster-topology.js';
import { type Connection, controlWithinMs } from './connection.js';
import type { ConnectionLease } from './connection-pool.js';
import { RedisFailure, redirectionOf } from './failures.js';
import { decodeArray, decodeText } from './replies.js';
import type { Shard } from './shard.js';
import type { Topology } from './topology.js';

/** How many keys the server looks at in one step. */
const keysPerStep = '500';

/** The keys that begin with `prefix`, or with `{` and `prefix`, of every server that holds some. */
export async function* scanKeys(
  control: ConnectionLease,
  topology: Topology,
  prefix: string,
): AsyncGenerator<readonly KeyDescription[]> {
  const literal = prefix.replace(/[*?[\]\\]/g, '\\$&');
  const patterns = prefix === '' ? ['*'] : [`${literal}*`, `{${literal}*`];
  if (!(topology instanceof ClusterTopology)) {
    for (const pattern of patterns) yield* scanOne(control.connection(), control, pattern);
    return;
  }
  // asked of somebody, so that it is known who owns what
  await control.connection().exchange([['PING']], controlWithinMs);
  let owners = topology.owners();
  let shards = present(owners);
  while (shards.size > 0) {
    for (const shard of shards) {
      for (const pattern of patterns) yield* scanOne(control.connectionTo(shard), control, pattern);
    }
    // what moved meanwhile may have moved to where it was looked for already
    const before = owners;
    owners = topology.owners();
    shards = present(owners.filter((owner, slot) => owner !== before[slot]));
  }
}

// a slot without an owner has no keys that could be asked for
function present(owners: readonly (Shard | undefined)[]): ReadonlySet<Shard> {
  return new Set(owners.filter((owner) => owner !== undefined));
}

async function* scanOne(
  connection: Connection,
  control: ConnectionLease,
  pattern: string,
): AsyncGenerator<readonly KeyDescription[]> {
  let cursor = '0';
  do {
    const command = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', keysPerStep];
    const [next, found] = decodeArray(await connection.command(command, controlWithinMs), 'SCAN');
    cursor = String(next);
    const keys = decodeArray(found, 'SCAN').map((key) => decodeText(key, 'SCAN'));
    if (keys.length > 0) yield await describeKeys(connection, control, keys);
  } while (cursor !== '0');
}

async function describeKeys(
  connection: Connection,
  control: ConnectionLease,
  keys: readonly string[],
): Promise<readonly KeyDescription[]> {
  const types = await connection.exchange(
    keys.map((key) => ['TYPE', key]),
    controlWithinMs,
  );
  return Promise.all(
    keys.map(async (key, index) => {
      const type = types[index];
      // its slot has moved: whoever owns it now knows
      const reply = redirectionOf(type) ? await control.connection(key).command(['TYPE', key], controlWithinMs) : type;
      if (reply instanceof RedisFailure) throw reply;
      return { key, isStream: decodeText(reply, 'TYPE') === 'stream' };
    }),
  );
}
