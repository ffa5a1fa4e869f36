import type { Endpoint, NodeAddressMap } from './connector.js';
import { RedisFailure } from './failures.js';
import { decodeArray, decodeInteger } from './replies.js';
import { announced } from './sentinel.js';

/** Who owns which slots, as one node sees it. */
export interface SlotMap {
  /** How new it is: the cluster counts its changes. 0 where it may not be asked. */
  readonly epoch: number;
  /** Whether the node is in touch with the majority of masters. */
  readonly isUp: boolean;
  readonly shards: readonly SlotOwner[];
}

/** A master, its replicas, and its slots: the first and the last one of each range. */
export interface SlotOwner {
  readonly master: Endpoint;
  readonly replicas: readonly Endpoint[];
  readonly ranges: readonly (readonly [number, number])[];
}

/** From CLUSTER SLOTS and CLUSTER INFO. `host` is that of the node that answers, which may not know its own. */
export function decodeSlotMap(slots: unknown, info: unknown, host: string, map: NodeAddressMap): SlotMap {
  if (slots instanceof RedisFailure) throw slots;
  const owners = new Map<string, SlotOwner & { readonly ranges: [number, number][] }>();
  for (const row of decodeArray(slots, 'CLUSTER SLOTS')) {
    const [first, last, master, ...replicas] = decodeArray(row, 'CLUSTER SLOTS');
    const address = nodeAddress(master, host);
    let owner = owners.get(address.join(' '));
    if (owner === undefined) {
      owner = {
        master: announced(...address, map),
        replicas: replicas.map((replica) => announced(...nodeAddress(replica, host), map)),
        ranges: [],
      };
      owners.set(address.join(' '), owner);
    }
    owner.ranges.push([decodeInteger(first, 'CLUSTER SLOTS'), decodeInteger(last, 'CLUSTER SLOTS')]);
  }
  const about = typeof info === 'string' ? info : '';
  return {
    epoch: Number(/cluster_current_epoch:(\d+)/.exec(about)?.[1] ?? 0),
    isUp: !about.includes('cluster_state:fail'),
    shards: [...owners.values()],
  };
}

function nodeAddress(node: unknown, host: string): [string, string] {
  const [name, port] = decodeArray(node, 'CLUSTER SLOTS');
  const announcedHost = typeof name === 'string' && name !== '' && name !== '?' ? name : host;
  return [announcedHost, String(decodeInteger(port, 'CLUSTER SLOTS'))];
}
