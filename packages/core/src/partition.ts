import { OptionsError } from './errors.js';

/** One server can give each of them a share of its time; a stream that needs more needs other streams. */
export const maxPartitions = 1_024;

/** The key of a partition's stream: `prod:orders` and 3 → `prod:orders:p3`. Partitions lie in different slots. */
export function partitionStream(stream: string, partition: number): string {
  return `${stream}:p${partition}`;
}

/** The keys of all partitions of a stream. */
export function partitionStreams(stream: string, count: number): string[] {
  return Array.from({ length: count }, (_, partition) => partitionStream(stream, partition));
}

/**
 * The partition, of `count`, of an event with this key; of an event without one, by its id. It is Kafka's own choice for
 * a key: murmur2 over the UTF-8 bytes, without the sign bit, modulo `count`. The same in every version and language,
 * since entries that are stored cannot move.
 *
 * @see https://kafka.apache.org/documentation/#producerconfigs_partitioner.class
 */
export function partitionOf(key: string, count: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % count;
}

const multiplier = 0x5bd1e995;

/** MurmurHash2, 32 bits, with the seed that Kafka gives it. */
function murmur2(bytes: Buffer): number {
  let hash = 0x9747b28c ^ bytes.length;
  const whole = bytes.length & ~3;
  for (let index = 0; index < whole; index += 4) {
    let block = Math.imul(bytes.readInt32LE(index), multiplier);
    block = Math.imul(block ^ (block >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ block;
  }
  for (let index = bytes.length - 1; index >= whole; index -= 1) hash ^= (bytes[index] ?? 0) << ((index - whole) * 8);
  if (whole < bytes.length) hash = Math.imul(hash, multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** Throws `OptionsError` unless a stream of this name can be partitioned. */
export function checkPartitionable(name: string): void {
  if (!name.includes('{')) return;
  throw new OptionsError(
    `Stream '${name}' has a {hash tag}, which would keep all its partitions in one slot: leave the tag out, or 'partitions'`,
  );
}
