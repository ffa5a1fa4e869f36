import { PartitionsError } from './errors.js';
import { toError } from './failure.js';
import type { Inspector } from './inspector.js';
import { checkKeys, checkTransport, requiredWholeNumber } from './options.js';
import { checkPartitionable, maxPartitions, partitionStreams } from './partition.js';
import { differingCount } from './partition-agreement.js';
import type { PartitionTable } from './partition-table.js';
import { checkPrefix, streamKey } from './stream-name.js';
import type { Transport } from './transport.js';

export interface ChangePartitionsOptions {
  readonly transport: Transport;
  /** The stream, as publishers and consumers name it. */
  readonly stream: string;
  readonly streamPrefix?: string | undefined;
  /** How many partitions it has. */
  readonly from: number;
  /** How many it is to have. */
  readonly to: number;
}

const optionNames = [
  'transport',
  'stream',
  'streamPrefix',
  'from',
  'to',
] as const satisfies readonly (keyof ChangePartitionsOptions)[];

/**
 * Gives a stream another number of partitions. The publishers must be stopped, and every group must have handled
 * everything: keys move to other partitions, and would be handled there before what the old ones still hold. Consumers
 * and publishers that run with the old number stop, and are to be started with the new one.
 *
 * @throws PartitionsError when something is unread or pending in any group, or `from` is not what is recorded
 * @throws OptionsError, StreamNameError, PermissionError or TransportError
 */
export async function changePartitions(options: ChangePartitionsOptions): Promise<void> {
  checkKeys('changePartitions', options, optionNames);
  const { transport, stream, streamPrefix } = options;
  checkTransport('changePartitions', transport);
  if (streamPrefix !== undefined) checkPrefix(streamPrefix);
  const range = { min: 1, max: maxPartitions };
  const from = requiredWholeNumber('from', options.from, range);
  const to = requiredWholeNumber('to', options.to, range);
  const key = streamKey(stream, streamPrefix, true);
  checkPartitionable(stream);
  const inspector = transport.inspector();
  const table = transport.partitionTable(key);
  try {
    await change(transport, inspector, table, key, from, to);
  } catch (error) {
    if (error instanceof PartitionsError) throw error;
    throw toError(`Could not change the partitions of '${key}'`, transport.classify(error));
  } finally {
    await Promise.all([inspector.close(), table.close()]);
  }
}

async function change(
  transport: Transport,
  inspector: Inspector,
  table: PartitionTable,
  key: string,
  from: number,
  to: number,
): Promise<void> {
  const partitions = partitionStreams(key, Math.max(from, to));
  const groups = await drainedGroups(inspector, partitions);
  // nothing is in a new partition yet: a consumer that begins at the end must not begin behind what comes first
  for (const stream of partitions.slice(from)) {
    for (const group of groups) await ensureGroup(transport, stream, group);
  }
  const recorded = await table.change(from, to);
  if (recorded !== to) throw differingCount(key, from, recorded);
  try {
    await drainedGroups(inspector, partitions);
  } catch (error) {
    await table.change(to, from);
    throw error;
  }
}

/** The groups of these streams. Throws `PartitionsError` unless they have handled everything. */
async function drainedGroups(inspector: Inspector, partitions: readonly string[]): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const undrained: string[] = [];
  for (const stream of partitions) {
    const description = await inspector.describe(stream);
    for (const { name, pending, lastDeliveredId } of description?.groups ?? []) {
      names.add(name);
      if (pending > 0) undrained.push(`'${name}' has ${pending} entries of '${stream}' pending`);
      else if (lastDeliveredId !== description?.lastGeneratedId)
        undrained.push(`'${name}' has not read '${stream}' to its end`);
    }
  }
  if (undrained.length === 0) return names;
  const [first] = undrained;
  throw new PartitionsError(
    `The number of partitions cannot change yet: group ${first}${undrained.length > 1 ? `, and ${undrained.length - 1} more like it` : ''}. Stop the publishers, and let the consumers handle everything first`,
    { retryable: true },
  );
}

async function ensureGroup(transport: Transport, stream: string, group: string): Promise<void> {
  const subscription = transport.subscription({ stream, group, consumer: 'partitions' });
  try {
    await subscription.ensureGroup('latest');
  } finally {
    await subscription.close();
  }
}
