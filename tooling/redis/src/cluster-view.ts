import type { RedisServer } from './redis-server.js';

/** What one node of a cluster knows of another, or of itself. */
export interface ClusterNodeView {
  readonly id: string;
  readonly busPort: number;
  readonly flags: readonly string[];
  /** Id of the master, of a replica only. */
  readonly masterId: string | undefined;
  /** Ranges of slots, both ends included. */
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** Asks a node for all the nodes that it knows, itself included. */
export async function clusterView(node: RedisServer): Promise<ClusterNodeView[]> {
  const lines = String(await node.command('CLUSTER', 'NODES'))
    .trim()
    .split('\n');
  return lines.map((line) => {
    const [id = '', address = '', flags = '', masterId = '-', , , , , ...slots] = line.split(' ');
    return {
      id,
      busPort: Number(/@(\d+)/.exec(address)?.[1]),
      flags: flags.split(','),
      masterId: masterId === '-' ? undefined : masterId,
      // A slot that is being moved stands in brackets, beside the range that it still belongs to.
      slots: slots
        .filter((range) => !range.startsWith('['))
        .map((range) => {
          const [first, last = first] = range.split('-').map(Number) as [number, number?];
          return [first, last] as const;
        }),
    };
  });
}

/** Whether the node owns the slot, in the eyes of whom the view is. */
export function owns(node: ClusterNodeView, slot: number): boolean {
  return node.slots.some(([first, last]) => first <= slot && slot <= last);
}

/** Who owns which slots and who follows whom, among the nodes of these ids: what all nodes must agree on. */
export function agreementOf(view: readonly ClusterNodeView[], ids: ReadonlySet<string>): string {
  const known = view.filter(({ id }) => ids.has(id));
  return known
    .map(({ id, masterId, slots }) => `${id} ${masterId ?? 'master'} ${slots.join(' ')}`)
    .sort()
    .join('\n');
}
