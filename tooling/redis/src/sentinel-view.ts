import type { RedisServer } from './redis-server.js';

/** What one sentinel knows of a master. */
export interface SentinelView {
  readonly masterPort: number;
  /** Such as `master` or `master,s_down`. */
  readonly masterFlags: string;
  readonly otherSentinels: number;
  /** Flags of the replicas, `slave` when all is well, by their ports. */
  readonly replicaFlags: ReadonlyMap<number, string>;
}

/** Asks a sentinel for what it knows of the master of this name. */
export async function sentinelView(sentinel: RedisServer, name: string): Promise<SentinelView> {
  const [master, replicas] = await Promise.all([
    sentinel.command('SENTINEL', 'MASTER', name),
    sentinel.command('SENTINEL', 'REPLICAS', name),
  ]);
  const fields = pairsOf(master);
  return {
    masterPort: Number(fields.get('port')),
    masterFlags: fields.get('flags') ?? '',
    otherSentinels: Number(fields.get('num-other-sentinels')),
    replicaFlags: new Map(
      (replicas as unknown[]).map((reply) => {
        const replica = pairsOf(reply);
        return [Number(replica.get('port')), replica.get('flags') ?? ''];
      }),
    ),
  };
}

function pairsOf(reply: unknown): Map<string, string> {
  const words = reply as string[];
  const pairs = new Map<string, string>();
  for (let index = 0; index < words.length; index += 2) pairs.set(words[index] ?? '', words[index + 1] ?? '');
  return pairs;
}
